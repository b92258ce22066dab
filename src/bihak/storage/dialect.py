"""The seam between the two databases: everything that SQLAlchemy cannot write once for both."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Protocol

import sqlalchemy as sa

NOTHING: Mapping[str, str] = MappingProxyType({})

Statement = tuple[str, Sequence[object]]
"""SQL, and its parameters."""


class Plain(str):
    """Text that needs no escaping in any statement: ASCII letters, digits, `_` and spaces."""

    __slots__ = ()


class Dialect(Protocol):
    """What differs between SQLite and MySQL or MariaDB."""

    for_update: str
    """The locking clause of a SELECT; empty where a transaction has the whole database to itself."""
    clock_ms: str
    """An SQL expression: the database's own clock, in milliseconds since the epoch."""
    statement_ms: str
    """As `clock_ms`, when the statement began: the same for every row, so that an index can be searched by it."""
    straight_join: str
    """The join that keeps the order of its tables, so that rows are locked in the order given."""

    def is_transient(self, fault: BaseException) -> bool:
        """Whether the same transaction may succeed if run again: deadlock, timeout, lost connection, full disk."""
        ...

    def values_table(self, name: str, columns: Sequence[str], rows: Iterable[str]) -> str:
        """A common table expression, `name(columns) AS (...)`, over rows such as `1, 'user', 2`."""
        ...

    def by_index(self, name: str) -> str:
        """What follows a table, so that its rows are found by that index, whatever the database reckons."""
        ...

    def packed(self, expressions: Sequence[str]) -> str:
        """The columns of a SELECT whose rows are for `unpack`: numbers and words, none of them NULL."""
        ...

    def unpack(self, row: Sequence[Any]) -> Sequence[Any]:
        """The values in a row of `packed` columns, each as itself or as its text, whichever the driver gives sooner."""
        ...

    def insert(
        self, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]], clause: str = ""
    ) -> list[Statement]:
        """What inserts these rows: statements in the form that is cheapest with many, `clause` at the end of each.

        None for no rows.

        A value is a number, None, bytes or text; text that is `Plain` may be written into the statement.
        """
        ...

    def upsert_clause(self, key: str, columns: Sequence[str], instead: Mapping[str, str] = NOTHING) -> str:
        """What follows an INSERT so that rows whose `key` exists take the new values of `columns` instead.

        `instead`: an expression for some of them, over the row's columns as they are and those that are `incoming`.
        """
        ...

    def incoming(self, column: str) -> str:
        """What an upsert calls the new value of a column."""
        ...


@dataclass(frozen=True)
class Database:
    """A database that was opened and checked, and what a process needs of it."""

    dialect: Dialect
    writer_engine: sa.Engine
    """For the connections that write."""
    reader_engine: sa.Engine
    """For the readers; each of their transactions sees one snapshot."""
    label: str
    """What it is and where, without a password, for people."""
    writers: int = 1
    """How many transactions may write at the same time."""
    is_exclusive: bool = False
    """Whether no other process can be using it."""
    release: Callable[[], None] = lambda: None
    """Gives back what keeps other processes out."""
    scrub: Callable[[], None] = lambda: None
    """Takes copies of what was deleted out of the files beside the tables, while others go on. Blocks."""
    rewrite: Callable[[], None] = lambda: None
    """Writes the files anew, without what was deleted; for nobody else to work meanwhile. Blocks."""

    def close(self) -> None:
        """Ends every connection. May be called twice."""
        self.writer_engine.dispose()
        self.reader_engine.dispose()
        self.release()


@lru_cache(maxsize=64)
def word(text: str) -> Plain:
    """`text`, known to be plain. Raises ValueError unless it is letters a to z."""
    if not re.fullmatch("[a-z]+", text):
        raise ValueError(f"not a word: {text!r}")
    return Plain(text)


@lru_cache(maxsize=64)
def word_literal(text: str) -> str:
    """`text` as an SQL literal. Raises ValueError unless it is letters a to z."""
    return f"'{word(text)}'"


def listed(numbers: Iterable[int]) -> str:
    """SQL: these numbers, for `IN (...)`."""
    return ",".join(f"{number:d}" for number in numbers)


class TransientFault(Exception):
    """Raised by our own code inside a transaction that should be run again."""
