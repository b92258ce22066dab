"""The steps of a migration, each of which does nothing where it was done before.

MySQL and MariaDB commit each of them by itself and cannot take it back, so a migration that was killed half-way is run
again from its start.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op


def create_table(name: str, *parts: sa.schema.SchemaItem, **options: Any) -> None:
    """As `op.create_table`."""
    if not sa.inspect(op.get_bind()).has_table(name):
        op.create_table(name, *parts, **options)


def create_index(name: str, table: str, columns: Sequence[str], *, unique: bool = False) -> None:
    """As `op.create_index`."""
    if not has_index(name, table):
        op.create_index(name, table, columns, unique=unique)


def add_column(table: str, column: sa.Column[Any]) -> None:
    """As `op.add_column`."""
    if column.name not in {known["name"] for known in sa.inspect(op.get_bind()).get_columns(table)}:
        op.add_column(table, column)


def has_index(name: str, table: str) -> bool:
    """Whether that table has an index of that name."""
    return name in {known["name"] for known in sa.inspect(op.get_bind()).get_indexes(table)}
