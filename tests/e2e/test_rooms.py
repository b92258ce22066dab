"""A room of so many that what is said in it is written to all of them at once."""

import asyncio

import aiohttp
import pytest

from bihak.core.broadcast import WORTH_A_RING
from bihak.core.ring import SendRing
from bihak.features.messages import MAX_CONTENT
from tests.e2e.client import Client
from tests.e2e.conftest import Connect, StartServer, make_conversation

MESSAGES = 120
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
async def test_everybody_hears_everything_once_and_in_order_also_who_stops_reading_for_a_while(
    start_server: StartServer, connect: Connect, http: aiohttp.ClientSession, wanted: str
) -> None:
    server = start_server(
        AUTH_MODE="trusted", RATE_LIMIT_MESSAGES="off", IO_URING=wanted, LOG_LEVEL="debug", LOG_FORMAT="json"
    )
    assert bool(server.log_events("io_uring is used")) == (wanted == "auto" and has_rings())
    people = [f"user_{number}" for number in range(1, WORTH_A_RING + 9)]
    cid = await make_conversation(server, http, *people, kind="team")
    clients = [await connect(server, who) for who in people]
    speaker, slow = clients[0], clients[1]
    texts = [LONG if number % 3 else f"short {number}" for number in range(MESSAGES)]
    for number, text in enumerate(texts):
        await speaker.send(type="message", conversation_id=cid, content=text, temp_id=str(number))
    said = [(number + 1, text) for number, text in enumerate(texts)]
    others = [client for client in clients if client is not slow]
    assert await asyncio.gather(*(heard(client, cid) for client in others)) == [said] * len(others)
    assert await heard(slow, cid) == said


async def heard(client: Client, cid: int) -> list[tuple[int, str]]:
    frames = [await client.hear("new_message", conversation_id=cid) for _ in range(MESSAGES)]
    return [(frame["seq"], frame["content"]) for frame in frames]
