"""The name that a database got when it was made."""

import sqlalchemy as sa

from bihak.storage.dialect import Database
from bihak.storage.schema import installation


def read_installation(database: Database) -> str:
    """The same on every node of a cluster, and no other cluster's."""
    with database.writer_engine.begin() as connection:
        name: str = connection.execute(sa.select(installation.c.name)).scalar_one()
        return name
