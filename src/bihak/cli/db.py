"""`bihak db`."""

import click

from bihak.app import open_database
from bihak.cli.failure import settings_errors_told
from bihak.settings import load_settings
from bihak.storage.migrate import upgrade


@click.group()
def db() -> None:
    """Look after the database."""


@db.command("upgrade")
def upgrade_command() -> None:
    """Apply the migrations that are missing. `bihak serve` does so too."""
    with settings_errors_told():
        database = open_database(load_settings())
        try:
            applied = upgrade(database)
        finally:
            database.close()
    click.echo(f"{database.label}: {'applied ' + ', '.join(applied) if applied else 'up to date'}")
