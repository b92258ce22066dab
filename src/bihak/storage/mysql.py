"""MySQL 8 and MariaDB 10.6 or newer, through any SQLAlchemy driver for them (PyMySQL unless the URL names another)."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from bihak.errors import SettingsError
from bihak.storage.dialect import NOTHING, Database, Plain, Statement, TransientFault
from bihak.storage.mysql_connection import MysqlConnection

READERS = 8
WRITERS = 2
"""A second one lets a message through beside what takes longer; more were not faster."""
LOCK_WAIT_S = 3
"""How long a transaction waits for a row, and, on MariaDB, how long it may stand idle before the server ends it."""
CONNECT_TIMEOUT_S = 3
GROUP_BYTES = 1 << 28
"""Of what GROUP_CONCAT puts together; MySQL cuts it at 1024 by default."""
READ_TIMEOUT_S = 6  # longer than a lock is waited for, so that a timeout here means the server is gone

# Error numbers, https://mariadb.com/kb/en/mariadb-error-codes/ : a savepoint that a deadlock took along, deadlock, lock
# wait timeout, too many connections (of all, of this user twice, failed ones of this host), shutdown in progress,
# killed, cannot connect, server gone, connection lost, read-only (failover), disk full.
_TRANSIENT_CODES = {
    1305,
    1213,
    1205,
    1040,
    1203,
    1226,
    1129,
    1053,
    1317,
    1927,
    2002,
    2003,
    2006,
    2013,
    2014,
    2055,
    1290,
    1836,
    1021,
    1114,
    4031,
}


class MysqlDialect:
    """Implements `Dialect`."""

    for_update = "FOR UPDATE"
    clock_ms = "CAST(UNIX_TIMESTAMP(SYSDATE(3)) * 1000 AS SIGNED)"
    statement_ms = "CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED)"
    straight_join = "STRAIGHT_JOIN"

    def __init__(self, *, is_mariadb: bool) -> None:
        self._row = "" if is_mariadb else "ROW"  # MySQL writes VALUES ROW(1), ROW(2)

    def is_transient(self, fault: BaseException) -> bool:
        if isinstance(fault, TransientFault | TimeoutError | ConnectionError):
            return True
        if isinstance(fault, sa.exc.DBAPIError):
            if fault.connection_invalidated:
                return True
            cause = fault.orig
            return bool(cause and cause.args and cause.args[0] in _TRANSIENT_CODES)
        return isinstance(fault, sa.exc.TimeoutError)

    def values_table(self, name: str, columns: Sequence[str], rows: Iterable[str]) -> str:
        between = f"), {self._row}("
        return f"{name}({', '.join(columns)}) AS (VALUES {self._row}({between.join(rows)}))"

    def by_index(self, name: str) -> str:
        return f"FORCE INDEX ({name})"

    def packed(self, expressions: Sequence[str]) -> str:
        # PyMySQL is written in Python: it takes longer over each column than this takes to split.
        return f"CONCAT_WS(' ', {', '.join(expressions)})"

    def unpack(self, row: Sequence[Any]) -> Sequence[Any]:
        text: str = row[0]
        return text.split(" ")

    def insert(
        self, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]], clause: str = ""
    ) -> list[Statement]:
        if not rows:
            return []
        # One statement, and in its text what needs no escaping: a driver takes longer over a parameter than over a row.
        texts: list[str] = []
        parameters: list[object] = []
        for row in rows:
            cells = []
            for value in row:
                kind = type(value)
                if kind is int:
                    cells.append(str(value))
                elif value is None:
                    cells.append("NULL")
                elif kind is Plain:
                    cells.append(f"'{value}'")
                else:
                    cells.append("%s")
                    parameters.append(value)
            texts.append(",".join(cells))
        return [(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({'),('.join(texts)}) {clause}", parameters)]

    def upsert_clause(self, key: str, columns: Sequence[str], instead: Mapping[str, str] = NOTHING) -> str:
        sets = ", ".join(f"{column} = {instead.get(column) or self.incoming(column)}" for column in columns)
        return f"ON DUPLICATE KEY UPDATE {sets}"

    def incoming(self, column: str) -> str:
        # VALUES() is what both understand; MySQL 8.0.20 calls it deprecated, MariaDB knows no other.
        return f"VALUES({column})"


def open_mysql(url: sa.URL, *, accept_unsafe: bool) -> Database:
    """Connects and checks that the server keeps what it acknowledges.

    Raises SettingsError where it cannot be reached, or where a setting breaks the guarantees and `accept_unsafe` is
    false.
    """
    if url.drivername in ("mysql", "mariadb"):
        url = url.set(drivername=f"{url.drivername}+pymysql")
    label = f"{url.get_backend_name()}, {url.render_as_string(hide_password=True)}"
    try:
        writer = _engine(url, "READ COMMITTED", pool_size=WRITERS)
        reader = _engine(url, "REPEATABLE READ", pool_size=READERS)
        with writer.connect() as connection:
            version = str(connection.exec_driver_sql("SELECT VERSION()").scalar_one())
            problems = _problems(connection)
    except (sa.exc.SQLAlchemyError, ImportError, OSError) as fault:
        cause = getattr(fault, "orig", None) or fault
        raise SettingsError(f"the database at {url.render_as_string()} cannot be reached: {cause}") from fault
    if problems and not accept_unsafe:
        raise SettingsError(
            "the database would lose or garble acknowledged messages:\n  - "
            + "\n  - ".join(problems)
            + "\nchange that, or accept it with DATABASE_UNSAFE=accept"
        )
    return Database(
        MysqlDialect(is_mariadb="mariadb" in version.lower()), writer, reader, f"{label} ({version})", WRITERS
    )


def _connect(_dialect: Any, _record: object, arguments: Sequence[Any], options: dict[str, Any]) -> Any:
    return MysqlConnection(*arguments, **options)


def _problems(connection: sa.Connection) -> list[str]:
    """The server's settings that break the guarantees, each with what would be right."""
    rows = connection.exec_driver_sql(
        "SHOW VARIABLES WHERE Variable_name IN "
        "('innodb_flush_log_at_trx_commit', 'wsrep_on', 'wsrep_cluster_address', 'character_set_database')"
    )
    found = {str(name): str(value) for name, value in rows}
    problems = []
    if found.get("innodb_flush_log_at_trx_commit") != "1":
        problems.append(
            f"innodb_flush_log_at_trx_commit is {found.get('innodb_flush_log_at_trx_commit')}; it must be 1, or a "
            "crash loses what was committed"
        )
    if found.get("wsrep_on") == "ON" and found.get("wsrep_cluster_address") not in (None, "", "gcomm://"):
        problems.append("Galera is on; its certification does not honour row locks between writers: use one primary")
    if found.get("character_set_database") != "utf8mb4":
        problems.append(
            f"the database's character set is {found.get('character_set_database')}; it must be utf8mb4 "
            "(ALTER DATABASE ... CHARACTER SET utf8mb4)"
        )
    mode = str(connection.exec_driver_sql("SELECT @@SESSION.sql_mode").scalar_one())
    if "STRICT_ALL_TABLES" not in mode and "STRICT_TRANS_TABLES" not in mode:
        problems.append(f"sql_mode is {mode!r}; it must be strict, or what is too long is cut")
    return problems


def _engine(url: sa.URL, isolation: Any, *, pool_size: int) -> sa.Engine:
    arguments: dict[str, object] = {"connect_timeout": CONNECT_TIMEOUT_S}
    if url.get_driver_name() == "pymysql":
        arguments |= {"read_timeout": READ_TIMEOUT_S, "write_timeout": READ_TIMEOUT_S}
    engine = sa.create_engine(
        url.update_query_dict({"charset": "utf8mb4"}),
        connect_args=arguments,
        isolation_level=isolation,
        pool_size=pool_size,
        max_overflow=0,
        hide_parameters=True,  # what people say has no place in an error's text
        pool_recycle=1800,
        skip_autocommit_rollback=True,
    )
    if url.get_driver_name() == "pymysql":
        sa.event.listen(engine, "do_connect", _connect)

    @sa.event.listens_for(engine, "connect")
    def configure(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        cursor.execute("SET SESSION sql_mode = CONCAT(@@SESSION.sql_mode, ',STRICT_ALL_TABLES')")
        cursor.execute("SET SESSION time_zone = '+00:00'")  # local time has an hour twice when summer ends
        cursor.execute(f"SET SESSION innodb_lock_wait_timeout = {LOCK_WAIT_S}")
        cursor.execute(f"SET SESSION group_concat_max_len = {GROUP_BYTES}")
        cursor.execute("SHOW VARIABLES LIKE 'idle_transaction_timeout'")
        if cursor.fetchone():  # MariaDB: frees the locks of a process that was frozen inside a transaction
            cursor.execute(f"SET SESSION idle_transaction_timeout = {LOCK_WAIT_S}")
        cursor.close()

    return engine
