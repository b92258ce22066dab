"""The migrations make the tables that the code works with, on both databases."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

import bihak.features.catalog  # noqa: F401 - its features declare tables of their own
from bihak.errors import SettingsError
from bihak.storage.dialect import Database
from bihak.storage.installation import read_installation
from bihak.storage.migrate import upgrade
from bihak.storage.mysql import open_mysql
from bihak.storage.schema import metadata
from bihak.storage.sqlite import open_sqlite
from tests.servers import MariaDb


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    url = sa.make_url(database_url)
    is_sqlite = url.get_backend_name() == "sqlite"
    made = open_sqlite(Path(str(url.database))) if is_sqlite else open_mysql(url, accept_unsafe=False)
    yield made
    made.close()


def test_a_migrated_database_has_the_tables_that_are_declared(database: Database) -> None:
    assert upgrade(database)
    assert upgrade(database) == []
    with database.writer_engine.connect() as connection:
        inner = virtual_tables(connection)
        is_sqlite = connection.dialect.name == "sqlite"
        options = {
            "compare_type": True,
            "compare_server_default": default_differs,
            "include_name": lambda name, kind, _parents: kind != "table" or name not in inner,
            "include_object": lambda thing, *_: not (is_sqlite and getattr(thing, "_ddl_if", None) is not None),
        }
        assert compare_metadata(MigrationContext.configure(connection, opts=options), metadata) == []


def default_differs(
    _context: object, _inspected: object, _declared: object, found: str | None, _given: object, rendered: str | None
) -> bool:
    """Whether a column's default is another one; the databases write the same one in their own ways."""

    def plain(default: str | None) -> str | None:
        text = default.strip("'()").lower() if default is not None else None
        return {"true": "1", "false": "0", "null": None}.get(str(text), text)

    return plain(found) != plain(rendered)


def virtual_tables(connection: sa.Connection) -> set[str]:
    """The tables that SQLite keeps for its full-text index, which no code of ours reads by name."""
    if connection.dialect.name != "sqlite":
        return set()
    rows = connection.exec_driver_sql("SELECT name FROM pragma_table_list WHERE type IN ('virtual', 'shadow')")
    return set(rows.scalars())


def test_every_table_compares_text_byte_for_byte_and_survives_a_crash(database: Database) -> None:
    upgrade(database)
    if database.writer_engine.dialect.name == "sqlite":
        with database.writer_engine.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar_one() == 2  # FULL
        return
    with database.writer_engine.connect() as connection:
        tables = connection.exec_driver_sql(
            "SELECT table_name, engine, table_collation FROM information_schema.tables WHERE table_schema = DATABASE()"
        ).all()
        assert {name for name, _, _ in tables} >= set(metadata.tables)
        wrong = [row for row in tables if row[0] in metadata.tables and tuple(row[1:]) != ("InnoDB", "utf8mb4_bin")]
        assert wrong == []
        columns = connection.exec_driver_sql(
            "SELECT table_name, column_name, collation_name FROM information_schema.columns "
            "WHERE table_schema = DATABASE() AND collation_name IS NOT NULL AND collation_name <> 'utf8mb4_bin' "
            "AND table_name <> 'alembic_version'"
        ).all()
        assert columns == []


def test_a_database_of_a_newer_version_is_refused(database: Database) -> None:
    upgrade(database)
    with database.writer_engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(SettingsError, match=r"migration 9999.*newer version"):
        upgrade(database)


def test_of_two_nodes_that_start_at_once_one_migrates(mariadb: MariaDb) -> None:
    """A SQLite file belongs to one process."""
    url = sa.make_url(mariadb.url(mariadb.create_database()))
    databases = [open_mysql(url, accept_unsafe=False) for _ in range(2)]
    with ThreadPoolExecutor() as pool:
        applied = list(pool.map(upgrade, databases))
    assert sorted(map(len, applied)) == [0, max(map(len, applied))]
    assert len({read_installation(database) for database in databases}) == 1
    for database in databases:
        database.close()
