"""What must work again after a fault, each case by itself."""

import asyncio
import contextlib
from pathlib import Path

import aiohttp
import pytest

from tests.e2e.client import Client, Closed, Frame
from tests.faults.clients import small_socket
from tests.faults.conftest import Connect
from tests.faults.load import LONG
from tests.faults.process import Bihak
from tests.faults.test_stopping import writing_blocked
from tests.servers import MariaDb

HEALS_WITHIN_S = 8.0
"""Less than a heartbeat, which would hide that a session is deaf."""
MORE_THAN_AN_OUTBOX = 1200
"""So many long messages fill the outbox of a session that does not read, and the sockets below it."""


async def send_until_stored(client: Client, conversation_id: int) -> Frame:
    """Sends, again while it is refused for now; the acknowledgement."""
    async with asyncio.timeout(30):
        while True:
            await client.send(type="message", conversation_id=conversation_id, content="again", temp_id="again")
            while not (answers := [frame for frame in client.unheard if frame.get("temp_id") == "again"]):
                await client.ask("pong", type="ping")
            client.unheard = [frame for frame in client.unheard if frame not in answers]
            if answers[-1]["type"] == "message_sent":
                return answers[-1]
            await asyncio.sleep(0.2)


async def test_a_subscription_that_fails_leaves_nobody_deaf_in_silence(mariadb: MariaDb, tmp_path: Path) -> None:
    server = Bihak(tmp_path, mariadb.url(mariadb.create_database()), "--demo")
    await server.start()
    listener, sender = await Client.connect(server.ws_url), await Client.connect(server.ws_url)
    try:
        await listener.auth("user_1")
        await sender.auth("mentor_1")
        await asyncio.to_thread(mariadb.kill)
        try:
            refused = await listener.ask("error", type="subscribe_conversation", conversation_id=1, after_seq=1)
            assert refused["retryable"] is True
        finally:
            await asyncio.to_thread(mariadb.start)
        sent = await send_until_stored(sender, 1)
        with contextlib.suppress(Closed):  # then it knows, and resumes
            async with asyncio.timeout(HEALS_WITHIN_S):
                await listener.hear("new_message", message_id=sent["message_id"])
    finally:
        await listener.close()
        await sender.close()
        server.kill()


async def test_who_is_taken_out_and_in_at_once_hears_of_both_and_goes_on_hearing(
    server: Bihak, connect: Connect, database_url: str
) -> None:
    await server.start()
    owner, guest = await connect("admin_1"), await connect("user_2")
    created = await owner.ask(
        "conversation", type="create_conversation", conversation_type="team", participants=["user_2"]
    )
    cid = created["conversation"]["conversation_id"]
    await guest.hear("conversation_created", conversation_id=cid)
    with writing_blocked(database_url):
        await owner.send(type="message", conversation_id=2, content="keeps the writer busy")
        await asyncio.sleep(0.3)
        await owner.send(type="remove_participant", conversation_id=cid, user_id="user_2")
        await owner.send(type="add_participants", conversation_id=cid, participants=["user_2"])
        await owner.ask("pong", type="ping")
    await owner.hear("participant_joined", conversation_id=cid)
    sent = await owner.ask("message_sent", type="message", conversation_id=cid, content="welcome back")
    async with asyncio.timeout(HEALS_WITHIN_S):
        await guest.hear("new_message", message_id=sent["message_id"])
    told = [frame["type"] for frame in guest.unheard if frame.get("conversation_id") == cid]
    assert told == ["participant_left", "conversation_created"]


async def test_who_is_taken_out_and_in_while_it_lags_goes_on_hearing(server: Bihak, connect: Connect) -> None:
    await server.start()
    owner = await connect("admin_1")
    http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(socket_factory=small_socket))
    guest = Client(await http.ws_connect(server.ws_url), http)
    try:
        await guest.auth("user_2")
        created = await owner.ask(
            "conversation", type="create_conversation", conversation_type="team", participants=["user_2"]
        )
        cid = created["conversation"]["conversation_id"]
        for number in range(MORE_THAN_AN_OUTBOX):  # the guest reads nothing meanwhile
            await owner.send(type="message", conversation_id=cid, content="x" * LONG, temp_id=number)
        await owner.hear("message_sent", temp_id=MORE_THAN_AN_OUTBOX - 1)
        await owner.ask("ok", type="remove_participant", conversation_id=cid, user_id="user_2")
        await owner.ask("ok", type="add_participants", conversation_id=cid, participants=["user_2"])
        await guest.everything_so_far()
        sent = await owner.ask("message_sent", type="message", conversation_id=cid, content="welcome back")
        async with asyncio.timeout(HEALS_WITHIN_S):
            await guest.hear("new_message", message_id=sent["message_id"])
    finally:
        await guest.close()


@pytest.mark.parametrize("tables", [1, 3, 8])
async def test_a_server_killed_while_it_makes_its_tables_starts_again(
    mariadb: MariaDb, tmp_path: Path, tables: int
) -> None:
    name = mariadb.create_database()
    server = Bihak(tmp_path, mariadb.url(name), "--demo")
    try:
        server.launch()
        with mariadb.connect(name) as connection, connection.cursor() as cursor:
            async with asyncio.timeout(30):
                while cursor.execute("SHOW TABLES") < tables:
                    await asyncio.sleep(0)
        server.kill()
        await server.start()
        client = await Client.connect(server.ws_url)
        await client.auth("user_1")
        assert (await client.ask("message_sent", type="message", conversation_id=1, content="works"))["seq"]
        await client.close()
    finally:
        server.kill()
