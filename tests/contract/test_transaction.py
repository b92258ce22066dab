"""What a transaction does with a call that is refused, on each database."""

from pathlib import Path
from typing import Any, cast

import pytest
import sqlalchemy as sa

from bihak.core.context import Call
from bihak.core.transaction import Transaction
from bihak.errors import Conflict
from bihak.storage.dialect import Database, word
from bihak.storage.ids import IdBlocks
from bihak.storage.migrate import upgrade
from bihak.storage.sqlite import open_sqlite
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


@pytest.mark.parametrize("is_only", [True, False])
def test_a_disk_that_is_full_is_transient_in_a_call_too(tmp_path: Path, is_only: bool) -> None:
    """SQLite has undone the whole transaction by then, and there is nothing to roll back."""
    database = open_sqlite(tmp_path / "full.db")
    upgrade(database)
    columns = ("id", "conversation_type", "name", "created_ms")
    with database.writer_engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 100}")
        tx = Transaction(connection, database.dialect, IdBlocks())
        with pytest.raises(sa.exc.OperationalError) as caught, tx.savepoint(a_call(), is_only=is_only):
            tx.insert("conversations", columns, [(1, word("team"), "x" * 1_000_000, 1)])
        assert database.dialect.is_transient(caught.value)
    database.close()
