"""The steps of a migration, each of which does nothing where it was done before.

MySQL and MariaDB commit each of them by itself and cannot take it back, so a migration that was killed half-way is run
again from its start.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

from bihak.storage.schema import MYSQL_OPTIONS, NUMBER, has_number_as_key


def big(name: str, *, nullable: bool = False, default: str | None = None, key: bool = False) -> sa.Column[int]:
    """An integer of 64 bits that the caller sets."""
    return sa.Column(name, NUMBER, nullable=nullable, server_default=default, primary_key=key, autoincrement=False)


def create_table(name: str, *parts: sa.schema.SchemaItem) -> None:
    """As `op.create_table`, with the engine and collation that every table has."""
    if not sa.inspect(op.get_bind()).has_table(name):
        op.create_table(name, *parts, **MYSQL_OPTIONS, sqlite_with_rowid=has_number_as_key(parts))


def create_index(
    name: str, table: str, columns: Sequence[str], *, unique: bool = False, sqlite_where: str | None = None
) -> None:
    """As `op.create_index`. `sqlite_where`: which rows SQLite's index holds, where not all."""
    if not has_index(name, table):
        where: dict[str, Any] = {} if sqlite_where is None else {"sqlite_where": sa.text(sqlite_where)}
        op.create_index(name, table, columns, unique=unique, **where)


def add_column(table: str, column: sa.Column[Any]) -> None:
    """As `op.add_column`."""
    if column.name not in {known["name"] for known in sa.inspect(op.get_bind()).get_columns(table)}:
        op.add_column(table, column)


def has_index(name: str, table: str) -> bool:
    """Whether that table has an index of that name."""
    return name in {known["name"] for known in sa.inspect(op.get_bind()).get_indexes(table)}
