"""The statements that reach a database."""

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pymysql
import sqlalchemy as sa

OF_TRANSACTIONS = ("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "SET ", "SHOW ")
OF_THE_NODE = (
    "SELECT GROUP_CONCAT(JSON_ARRAY(id, last_seq)) FROM conversations WHERE changed_ms",
    "SELECT CAST(",
    "SELECT JSON_ARRAY('', N, NULL,",
    "SELECT node_id FROM presence_nodes",
    "SELECT c.id, c.last_seq FROM conversations c LEFT JOIN deferred_progress",
    "SELECT CONCAT_WS(' ', c.id, c.last_seq) FROM conversations c LEFT JOIN deferred_progress",
    "UPDATE presence_nodes",
)
"""How those begin that a node has by itself now and then."""


@contextmanager
def counted(besides: tuple[str, ...] = ()) -> Iterator[list[str]]:
    """All that are run inside, in any database, with N for each number; but not those of transactions, nor `besides`.

    Seen at the drivers, since not all of them pass through SQLAlchemy.
    """
    statements: list[str] = []

    def note(sql: str) -> None:
        for one in sql.split(";"):
            statement = " ".join(re.sub(r"\d+", "N", one).split())
            if statement and not statement.startswith((*OF_TRANSACTIONS, *besides)):
                statements.append(statement)

    ask = pymysql.connections.Connection._execute_command  # type: ignore[attr-defined]

    def noted(connection: Any, command: int, sql: str | bytes) -> None:
        note(sql if isinstance(sql, str) else sql.decode())
        ask(connection, command, sql)

    _listeners.append(note)
    for each in list(_files):
        _watch(each)
    pymysql.connections.Connection._execute_command = noted  # type: ignore[attr-defined]
    try:
        yield statements
    finally:
        pymysql.connections.Connection._execute_command = ask  # type: ignore[attr-defined]
        _listeners.remove(note)
        for each in list(_files):
            _watch(each)


_listeners: list[Callable[[str], None]] = []
_files: set[sqlite3.Connection] = set()
"""All that are open: found by asking the garbage collector for them they take a third of a second each time."""


@sa.event.listens_for(sa.pool.Pool, "connect")
def _opened(connection: Any, _record: object) -> None:
    if isinstance(connection, sqlite3.Connection):
        _files.add(connection)
        _watch(connection)


@sa.event.listens_for(sa.pool.Pool, "close")
def _closed(connection: Any, _record: object) -> None:
    _files.discard(connection)


def _watch(connection: sqlite3.Connection) -> None:
    with suppress(sqlite3.ProgrammingError):  # it is closed
        connection.set_trace_callback(_listeners[-1] if _listeners else None)
