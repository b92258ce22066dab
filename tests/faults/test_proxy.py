"""The proxy does to connections what it is told to, and to nobody else's."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pymysql
import pytest
import pytest_asyncio

from bihak.storage.mysql_connection import MysqlConnection
from tests.faults.proxy import CommandReader, CommitFault, MariaDbProxy, Proxy
from tests.servers import MariaDb


@asynccontextmanager
async def echo_through_a_proxy() -> AsyncIterator[tuple[Proxy, asyncio.StreamReader, asyncio.StreamWriter]]:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                writer.write(line)
        except OSError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with server, Proxy(server.sockets[0].getsockname()[1], random.Random(1)) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        try:
            writer.write(b"hello\n")
            assert await reader.readline() == b"hello\n"
            yield proxy, reader, writer
        finally:
            writer.transport.abort()


async def test_a_cut_resets_the_connection() -> None:
    async with echo_through_a_proxy() as (proxy, reader, _):
        assert proxy.cut() == 1
        with pytest.raises(ConnectionResetError):
            await reader.readline()


async def test_a_stall_holds_everything_and_loses_nothing() -> None:
    async with echo_through_a_proxy() as (proxy, reader, writer):
        stalling = asyncio.create_task(proxy.stall(0.2))
        await asyncio.sleep(0)
        writer.write(b"late\n")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.readline(), 0.1)
        await stalling
        assert await reader.readline() == b"late\n"


def test_commands_are_found_however_they_are_split() -> None:
    def packet(number: int, body: bytes) -> bytes:
        return len(body).to_bytes(3, "little") + bytes([number]) + body

    sent = packet(1, b"\x03 a handshake") + packet(0, b"\x03INSERT " + b"x" * 1000) + packet(0, b"\x03COMMIT")
    for size in (1, 3, 7, 100, len(sent)):
        reader = CommandReader()
        found = [command for at in range(0, len(sent), size) for command in reader.feed(sent[at : at + size])]
        assert [command[:6] for command in found] == [b"INSERT", b"COMMIT"]


@pytest_asyncio.fixture
async def proxied(mariadb: MariaDb) -> AsyncIterator[tuple[MariaDbProxy, str]]:
    name = mariadb.create_database()
    with mariadb.connect(name) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE messages (id INT PRIMARY KEY)")
    async with MariaDbProxy(mariadb.port, random.Random(1)) as proxy:
        yield proxy, name
    mariadb.drop_database(name)


@pytest.mark.parametrize(
    ("fault", "outcomes"),
    [
        (CommitFault.UNSENT, {0}),
        (CommitFault.REPLY_LOST, {1}),
        (CommitFault.RACED, {0, 1}),
        (CommitFault.LATE, {1}),
    ],
)
@pytest.mark.parametrize("is_parting", [False, True])
async def test_a_commit_that_is_hit_fails_for_the_client_and_ends_as_it_should(
    proxied: tuple[MariaDbProxy, str], mariadb: MariaDb, fault: CommitFault, outcomes: set[int], is_parting: bool
) -> None:
    proxy, name = proxied
    proxy.hit_commits(fault, 1)

    def insert() -> None:
        connection = MysqlConnection(host="127.0.0.1", port=proxy.port, user="root", database=name)
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            connection.commit()  # holds no message, so it goes through
            if not is_parting:
                cursor.execute("INSERT INTO messages VALUES (1)")
        if is_parting:
            connection.run_at_commit("INSERT INTO messages VALUES (%s)", (1,))
        connection.commit()

    def count() -> int:
        with mariadb.connect(name) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT COUNT(*) FROM messages")
            (found,) = cursor.fetchone() or (0,)
            return int(found)

    with pytest.raises(pymysql.err.OperationalError):
        await asyncio.to_thread(insert)
    assert proxy.hits == 1
    if fault is CommitFault.LATE:
        while not await asyncio.to_thread(count):
            await asyncio.sleep(0.01)
    assert await asyncio.to_thread(count) in outcomes
