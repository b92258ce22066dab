"""A room of so many that what is said in it is written to all of them at once."""

import asyncio
import json

import aiohttp
import pytest

from bihak.core.broadcast import WORTH_A_RING
from bihak.core.ring import SendRing
from bihak.features.messages import MAX_CONTENT
from tests.e2e.client import HEAR_WITHIN_S, Client
from tests.e2e.conftest import Connect, StartServer, make_conversation

MESSAGES = 60
LONG = "\N{LATIN SMALL LETTER E WITH ACUTE}" * MAX_CONTENT
"""Of 20,000 bytes: four in one turn are more than the system call takes at once."""


def has_rings() -> bool:
    """Whether this system lets us have one."""
    try:
        SendRing().close()
    except OSError:
        return False
    return True


@pytest.mark.parametrize("wanted", ["auto", "off"])
async def test_everybody_hears_everything_once_and_in_order_also_who_reads_later(
    start_server: StartServer, connect: Connect, http: aiohttp.ClientSession, wanted: str
) -> None:
    server = start_server(
        AUTH_MODE="trusted", RATE_LIMIT_MESSAGES="off", IO_URING=wanted, LOG_LEVEL="debug", LOG_FORMAT="json"
    )
    assert bool(server.log_events("io_uring is used")) == (wanted == "auto" and has_rings())
    people = [f"user_{number}" for number in range(1, 10)]
    cid = await make_conversation(server, http, *people, kind="team")
    clients = [await connect(server, people[number % len(people)]) for number in range(WORTH_A_RING + 9)]
    speaker, (late, *others) = await connect(server, people[0]), clients
    texts = [LONG if number % 3 else f"short {number}" for number in range(MESSAGES)]
    for number, text in enumerate(texts):
        message = {"type": "message", "conversation_id": cid, "content": text, "temp_id": str(number)}
        if text is LONG:
            await speaker.send(**message)
        else:
            await speaker.ask("message_sent", **message)
    first, *same = await asyncio.gather(*map(heard, others))
    frames = list(map(json.loads, first))
    assert [(frame["seq"], frame["content"]) for frame in frames] == list(enumerate(texts, 1))
    assert all(each == first for each in same)
    assert await heard(late) == first


async def heard(client: Client) -> list[str]:
    """The messages as they came."""
    found: list[str] = []
    async with asyncio.timeout(HEAR_WITHIN_S):
        while len(found) < MESSAGES:
            frame = await client.socket.receive_str()
            assert isinstance(frame, str)
            if '"new_message"' in frame[:40]:
                found.append(frame)
    return found
