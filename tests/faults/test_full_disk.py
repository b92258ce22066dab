"""A full disk: nothing can be stored for a while, nothing is lost, and what is stored can be read."""

import itertools
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.e2e.client import Client, Frame
from tests.faults.disk import SmallDisk
from tests.faults.process import Bihak

DISK_BYTES = 16 << 20
MOST_BEFORE_FULL = 3000
CONTENT = "x" * 5000


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with SmallDisk(tmp_path / "disk", DISK_BYTES) as made:
        yield made


@pytest_asyncio.fixture
async def server(disk: SmallDisk, tmp_path: Path) -> AsyncIterator[Bihak]:
    made = Bihak(tmp_path, f"sqlite:///{disk.folder / 'bihak.db'}", "--demo", wrapper=disk.wrapper)
    await made.start()
    yield made
    made.kill()


async def send(client: Client, key: str) -> Frame:
    """The answer, whatever it is."""
    frame = {"type": "message", "conversation_id": 1, "content": CONTENT, "idempotency_key": key, "temp_id": key}
    await client.send(**frame)
    while True:
        for at, heard in enumerate(client.unheard):
            if heard.get("temp_id") == key:
                return client.unheard.pop(at)
        await client.ask("pong", type="ping")


async def stored_keys(client: Client) -> set[str]:
    """Every key in the history of conversation 1."""
    found: set[str] = set()
    before: dict[str, int] = {}
    while True:
        page = await client.ask("history", type="history", conversation_id=1, limit=100, **before)
        found |= {message["idempotency_key"] for message in page["messages"] if "idempotency_key" in message}
        if not page["has_more"]:
            return found
        before = {"before": page["messages"][0]["message_id"]}


async def test_a_full_disk_refuses_sends_for_now_and_loses_nothing(disk: SmallDisk, server: Bihak) -> None:
    client = await Client.connect(server.ws_url)
    await client.auth("user_1")
    acknowledged = {"before-full"}
    assert (await send(client, "before-full"))["type"] == "message_sent"
    disk.fill()

    # The write-ahead log has room that it took earlier, so the first refusal may take a while.
    for number in itertools.count():
        answer = await send(client, key := f"while-full-{number}")
        if answer["type"] == "error":
            break
        acknowledged.add(key)
        assert number < MOST_BEFORE_FULL, "the disk never got full"
    assert (answer["code"], answer["retryable"]) == ("unavailable", True)
    assert (await send(client, key))["code"] == "unavailable"
    added = await client.ask(
        "error", type="create_conversation", conversation_type="team", participants=["user_2"], name="no room"
    )
    assert (added["code"], added["retryable"]) == ("unavailable", True)
    renamed = await client.ask("error", type="add_participants", conversation_id=2, participants=["user_2"])
    assert renamed["code"] in ("unavailable", "forbidden")

    assert acknowledged <= await stored_keys(client)
    another = await Client.connect(server.ws_url)
    await another.auth("mentor_1", resume={"1": 1})
    assert len(await stored_keys(another)) >= len(acknowledged)
    await another.close()

    disk.free()
    assert (await send(client, key))["type"] == "message_sent"
    acknowledged.add(key)
    assert acknowledged <= await stored_keys(client)
    await client.close()

    server.kill()
    await server.start()
    again = await Client.connect(server.ws_url)
    await again.auth("user_1")
    assert acknowledged <= await stored_keys(again)
    assert (await send(again, key))["duplicate"] is True
    await again.close()


async def test_a_server_whose_disk_was_full_ends_in_peace(disk: SmallDisk, server: Bihak) -> None:
    disk.fill()
    assert await server.stop() == 0
