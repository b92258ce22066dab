"""SQLite: one file, one process, one writing connection (https://sqlite.org/wal.html)."""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from filelock import FileLock, Timeout

from bihak.errors import SettingsError
from bihak.storage.dialect import NOTHING, Database, Statement, TransientFault
from bihak.storage.statement import run

READERS = 4
BUSY_TIMEOUT_S = 5.0
ROWS_AT_ONCE = 64
"""Of an INSERT; an SQLite that is older than 3.32 takes 999 parameters."""

# "database or disk is full", "disk I/O error", "database is locked": the file is whole, and a later try may work.
_TRANSIENT_CODES = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


class SqliteDialect:
    """Implements `Dialect`."""

    for_update = ""  # BEGIN IMMEDIATE has locked the whole database
    clock_ms = "CAST(ROUND((julianday('now') - 2440587.5) * 86400000) AS INTEGER)"
    statement_ms = clock_ms
    straight_join = "CROSS JOIN"  # keeps its order, https://sqlite.org/optoverview.html#crossjoin

    def is_transient(self, fault: BaseException) -> bool:
        if isinstance(fault, TransientFault):
            return True
        if "no such savepoint" in str(fault) and fault.__context__ is not None:
            # A full disk undoes all of the transaction, and going back to a savepoint in it fails then.
            return self.is_transient(fault.__context__)
        code = getattr(getattr(fault, "orig", None) or fault, "sqlite_errorcode", None)
        return isinstance(code, int) and code & 0xFF in _TRANSIENT_CODES  # the low byte is the primary code

    def values_table(self, name: str, columns: Sequence[str], rows: Iterable[str]) -> str:
        return f"{name}({', '.join(columns)}) AS (VALUES ({'), ('.join(rows)}))"

    def by_index(self, name: str) -> str:
        return f"INDEXED BY {name}"

    def packed(self, expressions: Sequence[str]) -> str:
        return ", ".join(expressions)

    def unpack(self, row: Sequence[Any]) -> Sequence[Any]:
        return row

    def insert(
        self, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]], clause: str = ""
    ) -> list[Statement]:
        head, row = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ", f"({','.join('?' * len(columns))})"
        statements: list[Statement] = []
        at = 0
        while at < len(rows):
            # Powers of two: SQLite has compiled the few statements that these are before, which is a third of the work.
            count = min(ROWS_AT_ONCE, 1 << (len(rows) - at).bit_length() - 1)
            values = tuple(chain.from_iterable(rows[at : at + count]))
            statements.append((f"{head}{','.join([row] * count)} {clause}", values))
            at += count
        return statements

    def upsert_clause(self, key: str, columns: Sequence[str], instead: Mapping[str, str] = NOTHING) -> str:
        sets = ", ".join(f"{column} = {instead.get(column) or self.incoming(column)}" for column in columns)
        return f"ON CONFLICT ({key}) DO UPDATE SET {sets}"

    def incoming(self, column: str) -> str:
        return f"excluded.{column}"


def open_sqlite(path: Path) -> Database:
    """Opens the file, creating it if need be, and locks out other processes by `<file>.lock`.

    Raises SettingsError where the file cannot be used or another process holds it.
    """
    if str(path) in ("", ":memory:"):
        raise SettingsError("DATABASE_URL=sqlite:// has no file; name one, as in sqlite:///bihak.db")
    if not path.parent.is_dir():
        raise SettingsError(f"DATABASE_URL names {path}, but the folder {path.parent} does not exist")
    lock = FileLock(f"{path}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise SettingsError(
            f"{path} is in use by another bihak process (it holds {path}.lock); stop that one first, "
            "or use MySQL or MariaDB (DB_HOST) for several processes"
        ) from None
    except OSError as fault:
        raise SettingsError(f"DATABASE_URL names {path}, which cannot be written: {fault}") from fault
    writer, reader = _engine(path, writer=True), _engine(path, writer=False)
    database = Database(
        SqliteDialect(),
        writer,
        reader,
        f"SQLite, {path}",
        is_exclusive=True,
        release=lock.release,
        scrub=partial(_run_alone, reader, "PRAGMA wal_checkpoint(TRUNCATE)"),
        rewrite=partial(_run_alone, writer, "VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"),
    )
    try:
        with database.writer_engine.connect() as connection:
            connection.exec_driver_sql("SELECT COUNT(*) FROM sqlite_schema")
    except sa.exc.DatabaseError as fault:
        database.close()
        raise SettingsError(f"DATABASE_URL names {path}, which cannot be opened: {fault.orig}") from fault
    return database


def _run_alone(engine: sa.Engine, *statements: str) -> None:
    """Runs what SQLite takes outside of transactions only."""
    connection = engine.raw_connection()
    try:
        cursor = connection.cursor()
        for statement in statements:
            cursor.execute(statement)
        cursor.close()
    finally:
        connection.close()


def _engine(path: Path, *, writer: bool) -> sa.Engine:
    engine = sa.create_engine(
        f"sqlite:///{path}",
        # Transactions are begun below, in our own words; the driver's guesses would begin them late.
        connect_args={"isolation_level": None, "check_same_thread": False, "timeout": BUSY_TIMEOUT_S},
        pool_size=1 if writer else READERS,
        max_overflow=0,
        hide_parameters=True,  # what people say has no place in an error's text
    )

    @sa.event.listens_for(engine, "connect")
    def configure(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        if writer:
            cursor.execute("PRAGMA journal_mode = WAL")
            # NORMAL would acknowledge before the disk has it.
            cursor.execute("PRAGMA synchronous = FULL")
            # What is deleted is overwritten: it would stay readable in the file.
            cursor.execute("PRAGMA secure_delete = ON")
        else:
            cursor.execute("PRAGMA query_only = ON")
        cursor.close()

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        # IMMEDIATE takes the write lock now: a transaction that first reads could find it taken when it writes.
        run(connection, "BEGIN IMMEDIATE" if writer else "BEGIN")

    return engine
