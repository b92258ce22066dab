"""The `bihak` command before it does anything: what it lists, and what it takes to begin."""

import subprocess
import sys

import click

from bihak.cli import COMMANDS, main


def test_the_list_of_commands_says_of_each_what_its_own_help_says() -> None:
    context = click.Context(main)
    for name, about in COMMANDS.items():
        command = main.get_command(context, name)
        assert command is not None
        assert command.get_short_help_str(200) == about


def test_the_terminal_client_begins_without_the_server() -> None:
    """It starts twice as fast for it."""
    heavy = ("sqlalchemy", "alembic", "pydantic", "joserfc", "bihak.app", "bihak.settings")
    code = f"import sys, bihak.cli.chat; print([name for name in {heavy} if name in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"
