"""The `bihak` command."""

import click

from bihak import __version__
from bihak.cli.chat import chat
from bihak.cli.db import db
from bihak.cli.participant import participant
from bihak.cli.serve import serve
from bihak.cli.token import token


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="bihak")
def main() -> None:
    """Bihak Messaging: a self-hosted real-time messaging server.

    Settings come from the environment and from .env; `.env.example` lists them.
    """


for command in (serve, chat, db, token, participant):
    main.add_command(command)
