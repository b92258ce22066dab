"""How a command tells that it cannot go on."""

from collections.abc import Iterator
from contextlib import contextmanager

import click

from bihak.errors import SettingsError


@contextmanager
def settings_errors_told() -> Iterator[None]:
    """Turns a SettingsError into its text on standard error and exit status 2, without a traceback."""
    try:
        yield
    except SettingsError as fault:
        click.echo(f"bihak: {fault}", err=True)
        raise SystemExit(2) from None
