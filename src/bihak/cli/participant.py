"""`bihak participant`: what is stored about somebody, handed out or erased."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

import click

from bihak.app import quiet_node
from bihak.cli.failure import settings_errors_told
from bihak.errors import ChatError, SettingsError
from bihak.features.privacy import Erased, EraseParticipant, Privacy
from bihak.logs import configure_logs
from bihak.protocol.types import Participant
from bihak.settings import Settings, load_settings


@click.group()
def participant() -> None:
    """Hand out, or erase, what is stored about somebody.

    A running server on SQLite has the database to itself: ask it, by GET /api/participants/USER_ID/export and DELETE
    /api/participants/USER_ID.
    """


@participant.command()
@click.argument("user_id")
@click.option("--output", type=click.File("wb", lazy=True), default="-", help="A file in place of standard output.")
def export(user_id: str, output: BinaryIO) -> None:
    """Write all that is stored about USER_ID (such as user_1) as JSON."""
    with _problems_told():
        _require_user_id(user_id)
        asyncio.run(_export(load_settings(), user_id, output))


@participant.command()
@click.argument("user_id")
@click.option("--yes", is_flag=True, help="Do not ask.")
def erase(user_id: str, yes: bool) -> None:
    """Erase USER_ID (such as user_1): messages, name, picture, address, and everything else but the number."""
    with _problems_told():
        _require_user_id(user_id)
        if not yes:
            click.confirm(f"This erases {user_id} for good. Go on?", abort=True)
        erased = asyncio.run(_erase(load_settings(), user_id))
    click.echo(f"erased {erased.user_id}: {erased.messages} messages, {erased.reactions} reactions")


async def _export(settings: Settings, user_id: str, output: BinaryIO) -> None:
    async with quiet_node(settings) as node:
        async for piece in node.feature(Privacy).export(user_id):
            output.write(piece)
    output.write(b"\n")


async def _erase(settings: Settings, user_id: str) -> Erased:
    async with quiet_node(settings, rewrites=True) as node:
        erased: Erased = await node.call(EraseParticipant(user_id=user_id))
        return erased


def _require_user_id(user_id: str) -> None:
    try:
        Participant.parse(user_id)
    except ValueError as fault:
        raise SettingsError(f"this is {fault}") from None


@contextmanager
def _problems_told() -> Iterator[None]:
    """As `settings_errors_told`, for what a node refuses as well."""
    configure_logs("warning", "console")
    with settings_errors_told():
        try:
            yield
        except ChatError as error:
            raise SettingsError(error.message) from None
