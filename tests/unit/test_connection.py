"""A connection's way past the transport, over a real socket."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest
import uvloop

from bihak.core.broadcast import Broadcast
from bihak.core.outbox import Outboxes
from bihak.core.session import OUTBOX_BYTES, Session
from bihak.transports import connection as connections
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
    ends: tuple[Connection, socket.socket], broadcast: Broadcast
) -> None:
    connection, theirs = ends
    chunks = [bytes([number]) * 100_000 for number in range(10)]
    assert [broadcast.offer([connection.session], chunk) for chunk in chunks] == [[]] * 10
    await asyncio.sleep(0)
    assert 0 < connection.buffered_bytes() < 1_000_000, "it was taken in part"
    heard = theirs.recv(1 << 18)
    assert connection.descriptor() == -1, "there is room, and something waits for it"
    while len(heard) < 1_000_000:
        heard += await asyncio.get_running_loop().sock_recv(theirs, 1 << 16)
    assert heard == b"".join(chunks)
    assert connection.descriptor() >= 0


def test_nothing_overtakes_what_waits_in_a_transport_of_the_servers_own_event_loop(broadcast: Broadcast) -> None:
    async def write_both_ways() -> tuple[list[bytes], int]:
        ours, theirs = socket.socketpair()
        theirs.setblocking(False)
        transport, _ = await asyncio.get_running_loop().create_unix_connection(asyncio.Protocol, sock=ours)
        connection = Connection(transport, Nobody())
        session = connection.session = Session(connection, Outboxes())
        heard = []
        for _ in range(2):  # nothing is known of the transport, and then that nothing waits in it
            session.send(b"one")
            broadcast.offer([session], b"two")
            await asyncio.sleep(0.01)
            broadcast.offer([session], b"three")
            session.send(b"four")
            await asyncio.sleep(0.01)
            heard.append(theirs.recv(100))
        session.send(bytes(1_000_000))
        session.flush()
        theirs.recv(1 << 18)
        descriptor = connection.descriptor()
        transport.abort()
        theirs.close()
        return heard, descriptor

    heard, descriptor = uvloop.run(write_both_ways())
    assert heard == [b"onetwothreefour"] * 2
    assert descriptor == -1


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_whoever_says_that_they_send_no_more_and_reads_nothing_is_held_for_a_moment_only(
    run: Callable[[Coroutine[Any, Any, None]], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "CLOSE_WITHIN_S", 0.2)

    async def half_close() -> None:
        ours, theirs = socket.socketpair()
        transport, _ = await asyncio.get_running_loop().create_unix_connection(asyncio.Protocol, sock=ours)
        connection = Connection(transport, Nobody())
        session = connection.session = Session(connection, Outboxes())
        transport.set_protocol(connection)
        session.send(bytes(2 * OUTBOX_BYTES))
        session.flush()
        theirs.shutdown(socket.SHUT_WR)
        await until(transport.is_closing)
        assert not session.offer(b"one"), "what waits for them still counts"
        await until(lambda: session.closed)
        theirs.close()

    run(half_close())


async def test_nothing_is_written_past_a_transport_that_closes_or_to_nobody(
    ends: tuple[Connection, socket.socket], broadcast: Broadcast
) -> None:
    connection, theirs = ends
    descriptor = connection.descriptor()
    assert broadcast.offer([connection.session], b"one") == []
    theirs.close()
    assert broadcast.offer([connection.session], b"two") == [], "the transport finds out"
    connection.session.flush()
    await until(lambda: connection.session.closed)
    # Its descriptor is somebody else's by now.
    others = [each for _ in range(4) for each in socket.socketpair()]
    assert descriptor in {each.fileno() for each in others}
    assert broadcast.offer([connection.session], b"three") == []
    assert connection.descriptor() == -1
    for each in others:
        each.setblocking(False)
        with pytest.raises(BlockingIOError):
            each.recv(100)
    for each in others:
        each.close()


class Listening(Session):
    """Notes down whether a descriptor was open when its connection was lost."""

    watched = -1
    was_open: bool | None = None

    def left(self) -> None:
        try:
            os.fstat(self.watched)
            self.was_open = True
        except OSError:
            self.was_open = False
        super().left()


def test_a_transport_of_the_servers_own_event_loop_keeps_its_socket_until_the_connection_has_heard() -> None:
    """What `Connection.descriptor` trusts in: until then no other connection can get the same descriptor."""

    async def end(how: str) -> Listening:
        ours, theirs = socket.socketpair()
        transport, _ = await asyncio.get_running_loop().create_unix_connection(asyncio.Protocol, sock=ours)
        connection = Connection(transport, Nobody())
        session = connection.session = Listening(connection, Outboxes())
        session.watched = connection.descriptor()
        transport.set_protocol(connection)
        if how == "abort":
            transport.abort()
            assert connection.descriptor() == -1
        else:
            theirs.close()
        if how == "a write that fails":
            transport.write(b"to nobody")
        await until(lambda: session.closed)
        await asyncio.sleep(0)
        theirs.close()
        return session

    for how in ("their end", "abort", "a write that fails"):
        session = uvloop.run(end(how))
        assert session.was_open, how
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(session.watched)
