"""Statements of the hot path, with nothing between them and the driver."""

from collections.abc import Sequence
from typing import Any, TypeVar, cast

import msgspec
import sqlalchemy as sa

from bihak.storage.dialect import Statement

T = TypeVar("T")


def run_at_commit(connection: sa.Connection, sql: str, parameters: Sequence[object] = ()) -> None:
    """Runs a statement in `connection`'s transaction, together with its COMMIT if the driver can; else now.

    What is wrong with it is raised then, and nothing is committed. So nothing may follow it that builds on it.
    """
    keep = getattr(connection.connection.dbapi_connection, "run_at_commit", None)
    if keep is None:
        run(connection, sql, parameters)
    else:
        keep(sql, parameters)


def run_all(connection: sa.Connection, statements: Sequence[Statement]) -> None:
    """As `run`, of several: if one is refused, it is as if none had been run."""
    if len(statements) > 1:
        with connection.begin_nested():
            for sql, parameters in statements:
                run(connection, sql, parameters)
    else:
        for sql, parameters in statements:
            run(connection, sql, parameters)


def run_packed(connection: sa.Connection, sql: str, decoder: "msgspec.json.Decoder[list[T]]") -> list[T]:
    """As `run`, of a SELECT of one column: JSON, or None, which stands for no row. The rows as the decoder's.

    A driver written in Python takes longer over each column of a row than the database over putting them together.
    """
    return decoder.decode(f"[{','.join([text for (text,) in run_texts(connection, sql) if text is not None])}]")


def run_texts(connection: sa.Connection, sql: str) -> Sequence[Any]:
    """As `run`, of a SELECT of one column of text, or of a dialect's `packed` columns."""
    read = getattr(connection.connection.dbapi_connection, "read_texts", None)
    if read is None:
        return run(connection, sql)
    try:
        return cast("Sequence[Any]", read(sql))
    except connection.dialect.loaded_dbapi.Error as fault:
        raise _translated(connection, sql, fault) from fault


def run(connection: sa.Connection, sql: str, parameters: Sequence[object] = ()) -> Sequence[Any]:
    """Runs one statement in `connection`'s transaction; its rows as tuples, none where it has no rows to give.

    Blocks. Raises sa.exc.DBAPIError or the class of it that fits, as SQLAlchemy would. Its own road to the driver takes
    25 us a statement, as much as the driver itself takes for a small one.
    """
    cursor = connection.connection.cursor()
    try:
        cursor.execute(sql, tuple(parameters))
        return cursor.fetchall() if cursor.description else ()
    except connection.dialect.loaded_dbapi.Error as fault:
        raise _translated(connection, sql, fault) from fault
    finally:
        cursor.close()


def _translated(connection: sa.Connection, sql: str, fault: Exception) -> BaseException:
    """As SQLAlchemy would raise it."""
    return sa.exc.DBAPIError.instance(
        sql, None, fault, connection.dialect.loaded_dbapi.Error, hide_parameters=True, dialect=connection.dialect
    )
