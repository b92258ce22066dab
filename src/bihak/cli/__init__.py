"""The `bihak` command."""

from importlib import import_module
from typing import Any

import click

from bihak import __version__

COMMANDS = {
    "chat": "Talk as USER_ID (such as user_1) in this terminal.",
    "db": "Look after the database.",
    "participant": "Hand out, or erase, what is stored about somebody.",
    "serve": "Serve WebSocket and HTTP on one port until SIGTERM or Ctrl+C.",
    "token": "Print a token for USER_ID (such as user_1), signed with AUTH_SECRET.",
}
"""Each in the module of its name, which is imported when the command is used: what one needs the others do not."""


class Commands(click.Group):
    """A group whose commands are those of COMMANDS."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: Any = getattr(import_module(f"bihak.cli.{cmd_name}"), cmd_name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="bihak")
def main() -> None:
    """Bihak Messaging: a self-hosted real-time messaging server.

    Settings come from the environment and from .env; `.env.example` lists them.
    """
