"""What a transaction does with a call that is refused, on each database."""

from typing import Any, cast

import pytest
import sqlalchemy as sa

from bihak.core.context import Call
from bihak.core.transaction import Transaction
from bihak.errors import Conflict
from bihak.storage.dialect import Database, word
from bihak.storage.ids import IdBlocks
from bihak.storage.schema import conversations
from bihak.storage.statement import run
from tests.harness import Place


@pytest.fixture
def database(place: Place) -> Database:
    place.wipe()
    return place.handles(1)[0]


def a_call() -> Call[Any]:
    return Call(cast("Any", None), cast("Any", None), cast("Any", None))


def found(tx: Transaction, row_id: int) -> None:
    tx.insert("conversations", ("id", "conversation_type", "created_ms"), [(row_id, word("team"), 1)])


def refuse(tx: Transaction, row_id: int) -> None:
    found(tx, row_id)
    raise Conflict("No.")


def stored(database: Database) -> list[int]:
    with database.reader_engine.begin() as connection:
        return [row_id for (row_id,) in run(connection, "SELECT id FROM conversations ORDER BY id")]


def test_of_a_call_that_is_refused_nothing_stays_and_of_those_beside_it_everything(database: Database) -> None:
    with database.writer_engine.begin() as connection:
        tx = Transaction(connection, database.dialect, IdBlocks())
        for row_id in range(1, 4):
            with tx.savepoint(a_call(), is_only=False):
                found(tx, row_id)
            with pytest.raises(Conflict), tx.savepoint(a_call(), is_only=False):
                refuse(tx, 100 + row_id)
    assert stored(database) == [1, 2, 3]


def test_of_a_call_that_is_alone_and_refused_nothing_stays(database: Database) -> None:
    with database.writer_engine.begin() as connection:
        tx = Transaction(connection, database.dialect, IdBlocks())
        with pytest.raises(Conflict), tx.savepoint(a_call(), is_only=True):
            refuse(tx, 1)
    assert stored(database) == []


def lose(database: Database, connection: sa.Connection) -> None:
    """The connection, or the whole transaction where there is none to lose: an INSERT finds the disk full."""
    if connection.dialect.name == "sqlite":
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    else:
        number = connection.exec_driver_sql("SELECT CONNECTION_ID()").scalar_one()
        with database.reader_engine.connect() as other:
            other.exec_driver_sql(f"KILL {number}")


def write_much(tx: Transaction, *, by_driver: bool) -> None:
    for row_id in range(1000):
        row = {"id": row_id, "conversation_type": "team", "name": "x" * 200, "created_ms": 1}
        if by_driver:
            tx.insert("conversations", list(row), [list(row.values())])
        else:
            tx.connection.execute(conversations.insert(), row)


@pytest.mark.parametrize("is_only", [True, False])
@pytest.mark.parametrize("by_driver", [True, False])
def test_a_fault_in_a_call_is_as_transient_as_it_was(database: Database, *, is_only: bool, by_driver: bool) -> None:
    """By then there is nothing to undo, and what would come of trying must not hide the fault."""
    with database.writer_engine.connect() as connection:
        connection.begin()
        tx = Transaction(connection, database.dialect, IdBlocks())
        lose(database, connection)
        with pytest.raises(sa.exc.OperationalError) as caught, tx.savepoint(a_call(), is_only=is_only):
            write_much(tx, by_driver=by_driver)
        connection.invalidate()
    assert database.dialect.is_transient(caught.value)
    database.writer_engine.dispose()
