"""The chat without a screen, for scripts: sends what it reads, and prints what it hears, a line a message."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import TextIO

import msgspec

from bihak.chat.clean import clean
from bihak.chat.when import moment_of
from bihak.client import Client, NewMessage


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """What a script wants done. Where to: a conversation, or the direct one with somebody."""

    conversation_id: int | None
    to: str | None
    messages: Iterable[str]
    follow: bool
    as_json: bool
    within_s: float


async def run(client: Client, errand: Errand, out: TextIO = sys.stdout) -> None:
    """Ends once everything is acknowledged; with `follow` when the client does.

    Raises the Fault with which a message, or the sign-in, is refused, and TimeoutError where there is no connection.
    """
    async with asyncio.timeout(errand.within_s):
        await client.signed_in()
    where = errand.conversation_id
    if errand.to is not None:
        where = (await client.create_conversation("direct", [errand.to])).conversation_id
    if where is not None:
        async with asyncio.timeout(errand.within_s) as limit:
            for outgoing in [client.send(where, text) for text in errand.messages]:
                limit.reschedule(asyncio.get_running_loop().time() + errand.within_s)
                await outgoing
    if errand.follow:
        async for event in _messages(client, where):
            print(_line(event, as_json=errand.as_json), file=out, flush=True)


async def _messages(client: Client, where: int | None) -> AsyncIterator[NewMessage]:
    async for event in client:
        if isinstance(event, NewMessage) and where in (None, event.conversation_id):
            yield event


def _line(event: NewMessage, *, as_json: bool) -> str:
    if as_json:
        return msgspec.json.encode(event).decode()
    moment = moment_of(event.created_at)
    text = clean(event.content).replace("\n", "\n    ")
    return f"{moment:%Y-%m-%d %H:%M} [{event.conversation_id}] {clean(event.sender_name)}: {text}"
