"""Brings a database to this version's tables."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from bihak.errors import SettingsError
from bihak.storage.dialect import Database

LOCK_WITHIN_S = 120
_LOCK = "LEFT(CONCAT('bihak_migrations ', DATABASE()), 64)"  # the names of locks are the server's, not the database's


def upgrade(database: Database) -> list[str]:
    """Applies the migrations that are missing, each in a transaction where the database has them for DDL.

    Returns their names. Raises SettingsError for a database that a newer version has migrated.
    """
    script = ScriptDirectory.from_config(_config())
    with database.writer_engine.connect() as connection, _alone(connection):
        before = _current(connection)
        known = {revision.revision for revision in script.walk_revisions()}
        if before is not None and before not in known:
            raise SettingsError(
                f"the database is at migration {before}, which this version does not know; "
                "it was used by a newer version: run that one"
            )
        pending = [r.revision for r in script.iterate_revisions("head", before or "base") if r.revision != before]
        if pending:
            config = _config()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    return pending[::-1]


@contextmanager
def _alone(connection: sa.Connection) -> Iterator[None]:
    """One process at a time; SQLite has its lock file for that."""
    if connection.dialect.name not in ("mysql", "mariadb"):
        yield
        return
    with connection.begin():
        taken = connection.exec_driver_sql(f"SELECT GET_LOCK({_LOCK}, {LOCK_WITHIN_S:d})").scalar()
    if not taken:
        raise SettingsError("another process is changing the tables and does not come to an end; look at that one")
    try:
        yield
    finally:
        with connection.begin():
            connection.exec_driver_sql(f"SELECT RELEASE_LOCK({_LOCK})")


def _current(connection: sa.Connection) -> str | None:
    with connection.begin():
        return MigrationContext.configure(connection).get_current_revision()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    return config
