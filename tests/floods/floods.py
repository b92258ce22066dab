"""The floods themselves. Each returns when the server has answered all of it."""

import asyncio
import contextlib
import itertools
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any

import aiohttp

from bihak.features.backlog import MAX_HELD_BYTES
from tests.e2e.client import Client
from tests.e2e.conftest import make_conversation
from tests.e2e.raw import CONTINUATION, TEXT, RawSocket, frame, upgraded
from tests.e2e.server import ServerProcess

END = "the-last-of-the-flood"
CONNECT_AT_ONCE = 200
OUTBOX_BYTES = 4 << 20
"""Of a connection that reads nothing, or does not finish what it says: once in the session, once in the network."""
IDLE_BYTES = 64 << 10
"""Of a connection that is simply there."""

MOST_RESUMED = 5000
"""More do not fit into a frame of MAX_FRAME_BYTES."""

_numbers = itertools.count(10_001)


@dataclass(frozen=True)
class Size:
    """How much of everything."""

    subscribes: int
    typing: int
    reactions: int
    bad_tokens: int
    conversations: int
    clients: int
    frozen_messages: int
    silent: int


FULL = Size(100_000, 100_000, 20_000, 20_000, 10_000, 2_000, 5_000, 5_000)
SMALL = Size(600, 4_000, 400, 150, 200, 100, 200, 150)


@dataclass(frozen=True)
class Room:
    """Two people that only this flood knows, their conversation and a message in it."""

    one: str
    other: str
    conversation_id: int
    message_id: int


async def make_room(server: ServerProcess) -> Room:
    one, other = f"user_{next(_numbers)}", f"user_{next(_numbers)}"
    async with aiohttp.ClientSession() as http:
        cid = await make_conversation(server, http, one, other, kind="team")
        url, headers = f"{server.url}/api/conversations/{cid}/messages", {"X-Participant": one}
        async with http.post(url, json={"content": "x"}, headers=headers) as response:
            return Room(one, other, cid, (await response.json())["message_id"])


async def pour(
    server: ServerProcess, user_id: str, frames: Iterable[dict[str, Any]], last: dict[str, Any]
) -> Counter[str]:
    """Sends all of that on one connection as fast as it goes, then `last`; how often each kind of answer came."""
    async with upgraded(server) as socket:
        await sign_in(socket, user_id)

        async def send() -> None:
            batch = bytearray()
            for fields in frames:
                batch += text(**fields)
                if len(batch) > 65_536:
                    await socket.send(bytes(batch))
                    batch.clear()
            await socket.send(bytes(batch) + text(**last, request_id=END))

        sending = asyncio.create_task(send())
        answers: Counter[str] = Counter()
        try:
            while True:
                heard = await socket.reply()
                answers[heard.get("code", heard["type"])] += 1
                if heard.get("request_id") == END:
                    return answers
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)


def text(**fields: Any) -> bytes:
    return frame(TEXT, json.dumps(fields).encode())


async def sign_in(socket: RawSocket, user_id: str) -> None:
    kind, _, number = user_id.rpartition("_")
    await socket.send(text(type="auth", participant_type=kind, participant_id=int(number)))
    assert (await socket.reply())["type"] == "auth_success"


async def all_of(do: Callable[[int], Awaitable[None]], count: int) -> None:
    """Does it that often, many at the same time."""
    slots = asyncio.Semaphore(CONNECT_AT_ONCE)

    async def one(number: int) -> None:
        async with slots:
            await do(number)

    await asyncio.gather(*(one(number) for number in range(count)))


async def subscribes(server: ServerProcess, size: Size) -> None:
    """Half of them to a conversation that one is not in."""
    room = await make_room(server)
    asked = [{"type": "subscribe_conversation", "conversation_id": cid} for cid in (room.conversation_id, 987_654_321)]
    answers = await pour(server, room.one, (asked[n % 2] for n in range(size.subscribes)), asked[0])
    assert answers["subscribed"] == size.subscribes / 2 + 1
    assert answers["not_found"] == size.subscribes / 2


async def typing(server: ServerProcess, size: Size) -> None:
    room = await make_room(server)
    asked = [{"type": kind, "conversation_id": room.conversation_id} for kind in ("typing_start", "typing_stop")]
    answers = await pour(server, room.one, (asked[n % 2] for n in range(size.typing)), {"type": "ping"})
    assert set(answers) == {"pong"}


async def reactions(server: ServerProcess, size: Size) -> None:
    """Each is stored, and told to everyone in the conversation."""
    room = await make_room(server)
    asked = [
        {"type": kind, "message_id": room.message_id, "emoji": "👍"} for kind in ("add_reaction", "remove_reaction")
    ]
    answers = await pour(server, room.one, (asked[n % 2] for n in range(size.reactions)), asked[0])
    assert answers["ok"] == size.reactions + 1


async def bad_tokens(server: ServerProcess, size: Size) -> None:
    """Each on a connection of its own, which is closed for it."""

    async def try_one(_number: int) -> None:
        async with upgraded(server) as socket:
            await socket.send(text(type="auth", token="a.b.c"))
            assert (await socket.reply())["code"] in ("invalid_token", "rate_limited")
            assert await socket.close_code() in (4401, 1013)

    await all_of(try_one, size.bad_tokens)


async def many_conversations(server: ServerProcess, size: Size) -> None:
    """One person is in that many, another resumes as many as a frame holds, and hears of the last."""
    room = await make_room(server)
    asked = {"type": "create_conversation", "conversation_type": "team", "participants": [room.other]}
    answers = await pour(server, room.one, itertools.repeat(asked, size.conversations - 2), asked)
    assert answers["conversation"] == size.conversations - 1
    one, other = await Client.connect(server.ws_url), await Client.connect(server.ws_url)
    try:
        success = await one.auth(room.one)
        assert len(success["conversations"]) == size.conversations
        known = success["conversations"][:MOST_RESUMED]
        await other.auth(room.other, resume={str(cid): 0 for cid in known})
        last = success["conversations"][-1]
        await one.send(type="message", conversation_id=last, content="here")
        await other.hear("new_message", conversation_id=last)
    finally:
        await one.close()
        await other.close()


async def reconnecting(server: ServerProcess, size: Size) -> None:
    """All come, are cut off, and come back at the same moment."""
    for _ in range(2):
        async with contextlib.AsyncExitStack() as stack:

            async def come(number: int, stack: contextlib.AsyncExitStack = stack) -> None:
                await sign_in(await stack.enter_async_context(upgraded(server)), f"mentor_{1 + number}")

            await asyncio.gather(*(come(number) for number in range(size.clients)))


async def frozen_reader(server: ServerProcess, size: Size) -> None:
    """Somebody reads nothing while ten kilobytes at a time are written to them; then all is there, in order."""
    room = await make_room(server)
    said = {"type": "message", "conversation_id": room.conversation_id, "content": "x" * 10_000}
    last = said | {"content": "the last"}
    async with upgraded(server) as frozen:
        await sign_in(frozen, room.other)
        frozen.freeze()
        await pour(server, room.one, itertools.repeat(said, size.frozen_messages), last)
        frozen.thaw()
        seqs = []
        while True:
            heard = await frozen.reply()
            if heard["type"] == "new_message":
                seqs.append(heard["seq"])
                if heard["content"] == "the last":
                    break
    assert seqs == list(range(2, size.frozen_messages + 3))


async def asking_without_reading(server: ServerProcess, _size: Size) -> None:
    """Its requests are left in the network as soon as it reads nothing any more."""
    room = await make_room(server)
    said = {"type": "message", "conversation_id": room.conversation_id, "content": "x" * 10_000}
    await pour(server, room.one, itertools.repeat(said, 99), said)
    async with upgraded(server) as socket:
        await sign_in(socket, room.one)
        socket.freeze()
        asked = text(type="history", conversation_id=room.conversation_id, limit=100) * 1000
        while socket.unsent_bytes < len(asked):
            socket.push(asked)
            await asyncio.sleep(0)


async def silent(server: ServerProcess, size: Size) -> None:
    """Sockets on which nobody signs in, each with a message that is never finished."""
    unfinished = frame(TEXT, b"[" * 1000, fin=False) + frame(CONTINUATION, b"[" * 1000, fin=False)
    async with contextlib.AsyncExitStack() as stack:

        async def come(_number: int) -> None:
            await (await stack.enter_async_context(upgraded(server))).send(unfinished)

        await all_of(come, size.silent)
        async with upgraded(server) as socket:
            await socket.send(text(type="ping"))
            assert (await socket.reply())["type"] == "pong"


@dataclass(frozen=True)
class Flood:
    """What is done, and how many bytes the server may hold for it at most."""

    run: Callable[[ServerProcess, Size], Awaitable[None]]
    cap_bytes: Callable[[Size], int]


def one_connection(_size: Size) -> int:
    return OUTBOX_BYTES


FLOODS = {
    flood.run.__name__: flood
    for flood in (
        Flood(subscribes, one_connection),
        Flood(typing, one_connection),
        Flood(reactions, one_connection),
        Flood(bad_tokens, lambda _size: CONNECT_AT_ONCE * IDLE_BYTES),
        Flood(many_conversations, lambda size: OUTBOX_BYTES + size.conversations * 8192),
        Flood(reconnecting, lambda size: 2 * size.clients * IDLE_BYTES),
        Flood(frozen_reader, lambda _size: OUTBOX_BYTES + MAX_HELD_BYTES),  # others are to be told of what it is sent
        Flood(asking_without_reading, one_connection),
        Flood(silent, lambda size: size.silent * IDLE_BYTES),
    )
}
