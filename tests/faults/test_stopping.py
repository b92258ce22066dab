"""SIGTERM under load, SIGKILL after a reply, and two processes on one file."""

import asyncio
import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.e2e.client import Client
from tests.e2e.server import run_bihak
from tests.faults.checker import load_stored
from tests.faults.conftest import Connect
from tests.faults.process import Bihak
from tests.servers import free_port

SENDS = 100


@contextlib.contextmanager
def writing_blocked(url: str) -> Iterator[None]:
    """Keeps the server from storing anything in conversation 1, by a lock such as a backup may hold."""
    engine = sa.create_engine(url.replace("mysql://", "mysql+pymysql://"))
    try:
        with engine.connect() as connection:
            if engine.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            else:
                connection.exec_driver_sql("SELECT id FROM conversations WHERE id = 1 FOR UPDATE")
            yield
            connection.rollback()
    finally:
        engine.dispose()


async def queue_sends(client: Client) -> None:
    """Sends that the server has read, and cannot store yet."""
    for number in range(SENDS):
        await client.send(type="message", conversation_id=1, content="queued", temp_id=number)
    await client.ask("pong", type="ping")  # overtakes writes: whatever was before it has been read


async def refuses_connections(server: Bihak) -> None:
    async with asyncio.timeout(30):
        while True:
            with contextlib.suppress(ConnectionResetError):  # it waited to be accepted when the port was closed
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", server.port)
                except ConnectionRefusedError:
                    return
                writer.transport.abort()
            await asyncio.sleep(0.01)


def statuses(url: str) -> set[str]:
    engine = sa.create_engine(url.replace("mysql://", "mysql+pymysql://"))
    try:
        with engine.connect() as connection:
            return set(connection.exec_driver_sql("SELECT status FROM user_online_status").scalars())
    finally:
        engine.dispose()


async def test_what_is_queued_at_sigterm_is_stored_and_answered(
    server: Bihak, connect: Connect, database_url: str
) -> None:
    await server.start()
    client, _watcher = await connect("user_1"), await connect("mentor_1")
    with writing_blocked(database_url):
        await queue_sends(client)
        server.send_signal(signal.SIGTERM)
        await refuses_connections(server)
        assert server.is_running
    assert await client.close_code() == 1001
    assert await server.ended() == 0
    answers = {frame["temp_id"]: frame["type"] for frame in client.unheard if "temp_id" in frame}
    assert answers == dict.fromkeys(range(SENDS), "message_sent")
    seqs = [frame["seq"] for frame in client.unheard if frame["type"] == "message_sent"]
    assert set(seqs) <= {message.seq for message in load_stored(database_url).messages}
    assert statuses(database_url) == {"offline"}


async def test_who_left_just_before_sigterm_is_stored_as_offline(
    server: Bihak, connect: Connect, database_url: str
) -> None:
    await server.start()
    watcher, client = await connect("mentor_1"), await connect("user_1")
    await watcher.hear("status_change", user_id="user_1", status="online")
    await client.close()
    assert await server.stop() == 0
    assert statuses(database_url) == {"offline"}


async def test_a_second_sigterm_ends_it_at_once(server: Bihak, connect: Connect, database_url: str) -> None:
    await server.start()
    client = await connect("user_1")
    with writing_blocked(database_url):
        await queue_sends(client)
        server.send_signal(signal.SIGTERM)
        await refuses_connections(server)
        server.send_signal(signal.SIGTERM)
        assert await server.ended() == 128 + signal.SIGTERM


async def test_a_second_process_on_one_sqlite_file_says_so_and_exits(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'bihak.db'}"
    server = Bihak(tmp_path, url, "--demo")
    try:
        await server.start()
        second = await asyncio.to_thread(
            run_bihak, tmp_path, "serve", "--demo", "--port", str(free_port()), DATABASE_URL=url
        )
        assert second.returncode not in (0, None)
        assert "in use by another bihak process" in second.stderr
        assert "Traceback" not in second.stderr
        assert server.is_running
        server.kill()
        await server.start()  # a lock that SIGKILL left behind is none
    finally:
        server.kill()


@pytest.mark.parametrize("after", [1, 7, 60])
async def test_sigkill_right_after_a_reply_loses_nothing(
    server: Bihak, connect: Connect, database_url: str, after: int
) -> None:
    await server.start()
    client = await connect("user_1")
    for number in range(SENDS):
        await client.send(type="message", conversation_id=1, content=f"number {number}", temp_id=number)
    sent = [await client.hear("message_sent") for _ in range(after)]
    server.kill()
    await client.close_code()
    sent += [frame for frame in client.unheard if frame["type"] == "message_sent"]
    await server.start()
    again = await connect("user_1")
    page = await again.ask("history", type="history", conversation_id=1, limit=100)
    found = {(message["message_id"], message["seq"]) for message in page["messages"]}
    assert {(frame["message_id"], frame["seq"]) for frame in sent} <= found
