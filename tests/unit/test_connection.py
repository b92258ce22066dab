"""A connection's way past the transport, over a real socket."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest
import uvloop

from bihak.core.outbox import Outboxes
from bihak.core.session import Session
from bihak.transports.connection import Connection
from tests.waiting import until


class Nobody:
    """Implements `Served`."""

    most_bytes = 1 << 20

    def take(self, connection: Connection, opcode: int, body: bytes) -> None:
        raise AssertionError("nothing was said")

    def ended(self, connection: Connection) -> None:
        connection.session.lost()


@pytest.fixture
async def ends() -> AsyncIterator[tuple[Connection, socket.socket]]:
    """A connection with its session, and the other side of it, which must be read by hand."""
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    transport, _ = await asyncio.get_running_loop().create_unix_connection(asyncio.Protocol, sock=ours)
    connection = Connection(transport, Nobody())
    connection.session = Session(connection, Outboxes())
    transport.set_protocol(connection)
    yield connection, theirs
    transport.abort()
    theirs.close()


async def test_what_the_system_takes_only_in_part_comes_whole_and_in_order(
    ends: tuple[Connection, socket.socket],
) -> None:
    connection, theirs = ends
    chunks = [bytes([number]) * 100_000 for number in range(10)]
    assert all(connection.session.offer_now(chunk) for chunk in chunks)
    await asyncio.sleep(0)
    assert 0 < connection.buffered_bytes() < 1_000_000, "it was taken in part"
    heard = theirs.recv(1 << 18)
    assert connection.write_now(b"too early") == 0, "there is room, and something waits for it"
    while len(heard) < 1_000_000:
        heard += await asyncio.get_running_loop().sock_recv(theirs, 1 << 16)
    assert heard == b"".join(chunks)
    assert connection.write_now(b"now") == 3


def test_nothing_overtakes_what_waits_in_a_transport_of_the_servers_own_event_loop() -> None:
    async def write_both_ways() -> tuple[bytes, int]:
        ours, theirs = socket.socketpair()
        theirs.setblocking(False)
        transport, _ = await asyncio.get_running_loop().create_unix_connection(asyncio.Protocol, sock=ours)
        connection = Connection(transport, Nobody())
        connection.write(b"one")
        connection.write_now(b"two")
        connection.write(b"three")
        await asyncio.sleep(0.01)
        heard = theirs.recv(100)
        connection.write(bytes(1_000_000))
        theirs.recv(1 << 18)
        taken = connection.write_now(b"too early")
        transport.abort()
        theirs.close()
        return heard, taken

    heard, taken = uvloop.run(write_both_ways())
    assert heard in (b"onetwothree", b"onethree"), "the second is refused, or in its place"
    assert taken == 0


async def test_nothing_is_written_past_a_transport_that_closes_or_to_nobody(
    ends: tuple[Connection, socket.socket],
) -> None:
    connection, theirs = ends
    assert connection.write_now(b"one") == 3
    theirs.close()
    assert connection.write_now(b"two") == 0
    assert connection.session.offer_now(b"two"), "the transport finds out"
    connection.session.flush()
    await until(lambda: connection.session.closed)
    # Its descriptor is somebody else's by now.
    others = [socket.socketpair() for _ in range(4)]
    assert connection._fd in {each.fileno() for pair in others for each in pair}
    assert connection.write_now(b"three") == 0
    for pair in others:
        for each in pair:
            each.close()
