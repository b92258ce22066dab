"""One system call for many sockets: who got all of it, who a part, who nothing."""

import contextlib
import os
import resource
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bihak.core import broadcast as broadcasts
from bihak.core import ring as rings
from bihak.core.broadcast import Broadcast
from bihak.core.ring import MOST_BYTES, MOST_SOCKETS, SendRing
from bihak.core.session import OUTBOX_BYTES, Session
from tests.unit.test_session import Calls, Pipe

Ends = tuple[socket.socket, socket.socket]


@pytest.fixture
def pairs() -> Iterator[list[Ends]]:
    """Sockets that do not block: ours, and the other sides to read from."""
    made = [socket.socketpair() for _ in range(40)]
    for pair in made:
        for end in pair:
            end.setblocking(False)
    yield made
    for pair in made:
        for end in pair:
            end.close()


def descriptors(pairs: list[Ends]) -> list[int]:
    return [ours.fileno() for ours, _ in pairs]


def test_everybody_gets_everything_in_order_around_the_end_of_the_queue(ring: SendRing, pairs: list[Ends]) -> None:
    said = [b"%d " % number * (1 + number % 3) for number in range(3 * MOST_SOCKETS // len(pairs))]
    for frames in said:
        assert ring.send(descriptors(pairs), frames) == []
    assert all(theirs.recv(1 << 16) == b"".join(said) for _, theirs in pairs)


def test_the_longest_to_more_sockets_than_there_are_entries_left(ring: SendRing, pairs: list[Ends]) -> None:
    ring.send([-1] * (MOST_SOCKETS - 10), b"")
    frames = os.urandom(MOST_BYTES)
    assert ring.send(descriptors(pairs), frames) == []
    assert all(theirs.recv(MOST_BYTES) == frames for _, theirs in pairs)


def test_it_tells_who_took_a_part_and_who_nothing(ring: SendRing, pairs: list[Ends]) -> None:
    (narrow, slow), (full, _), (gone, other), (fine, reader) = pairs[:4]
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
    other.close()
    with contextlib.suppress(BlockingIOError):
        while True:
            full.send(bytes(MOST_BYTES))
    frames = os.urandom(MOST_BYTES)
    told = dict(ring.send([-1, narrow.fileno(), full.fileno(), gone.fileno(), fine.fileno()], frames))
    part = told.pop(1)
    assert told == {0: 0, 2: 0, 3: 0}
    assert 0 < part < MOST_BYTES
    assert slow.recv(MOST_BYTES) == frames[:part]
    assert reader.recv(MOST_BYTES) == frames
    assert ring.send([fine.fileno()], b"and on") == []


def test_as_many_as_there_are_entries(ring: SendRing, pairs: list[Ends]) -> None:
    ring.send([-1] * 7, b"")
    others = [-1] * (MOST_SOCKETS - len(pairs))
    assert [place for place, _ in ring.send([*others, *descriptors(pairs)], b"one")] == list(range(len(others)))
    assert all(theirs.recv(100) == b"one" for _, theirs in pairs)


def test_it_tells_of_parts_over_tcp(ring: SendRing) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as theirs:
        ours, _ = server.accept()
        with ours:
            ours.setblocking(False)
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
            frames, parts = os.urandom(MOST_BYTES), []
            while size := dict(ring.send([ours.fileno()], frames)).get(0, MOST_BYTES):
                parts.append(frames[:size])
            assert min(map(len, parts)) < MOST_BYTES
            assert theirs.recv(sum(map(len, parts)), socket.MSG_WAITALL) == b"".join(parts)


def test_what_the_kernel_does_not_take_up_is_not_sent_later(
    ring: SendRing, pairs: list[Ends], monkeypatch: pytest.MonkeyPatch
) -> None:
    call = ring._call
    monkeypatch.setattr(ring, "_call", lambda number, ring, count, *more: call(number, ring, count - 5, *more))
    assert ring.send(descriptors(pairs), b"one") == [(place, 0) for place in range(35, 40)]
    monkeypatch.undo()
    assert ring.send(descriptors(pairs[:10]), b"two") == []
    assert [theirs.recv(100) for _, theirs in pairs[:35]] == [b"onetwo"] * 10 + [b"one"] * 25
    for _, theirs in pairs[35:]:
        with pytest.raises(BlockingIOError):
            theirs.recv(100)


def test_a_kernel_that_does_not_tell_of_parts_is_found_out(ring: SendRing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rings, "_FLAGS", rings._FLAGS & ~socket.MSG_WAITALL)
    with pytest.raises(OSError, match="does not tell of parts"):
        SendRing()


def test_a_system_that_gives_none_is_told_so_and_each_is_written_to(
    pairs: list[Ends], monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, limit[1]))
    try:
        with pytest.raises(OSError, match="io_uring_setup"):
            SendRing()
        broadcast = Broadcast(uses_ring=True)
        broadcast.open()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limit)
    assert broadcast.offer(sessions_of(pairs), b"one") == []
    assert all(theirs.recv(100) == b"one" for _, theirs in pairs)


def test_a_python_without_ctypes_does_without(pairs: list[Ends], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ctypes", None)
    with pytest.raises(OSError, match="ctypes"):
        SendRing()
    broadcast = Broadcast(uses_ring=True)
    broadcast.open()
    assert broadcast.offer(sessions_of(pairs), b"one") == []
    assert all(theirs.recv(100) == b"one" for _, theirs in pairs)


def test_nothing_of_it_is_left_open(ring: SendRing) -> None:
    def opened() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    before, with_ring = opened(), Broadcast(uses_ring=True)
    with_ring.open()
    with_ring.open()
    assert opened() == before + 3
    with_ring.close()
    assert opened() == before
    made = SendRing()
    made.close()
    made.close()
    assert opened() == before


@pytest.mark.parametrize("known", [0, 1, 39])
def test_those_whose_descriptor_is_not_known_hear_it_as_well(
    broadcast: Broadcast, pairs: list[Ends], known: int
) -> None:
    sessions = sessions_of(pairs)
    for session in sessions[:known]:
        session.find_descriptor()
    for frames in (b"one", b"two"):
        assert broadcast.offer(sessions, frames) == []
    assert all(theirs.recv(100) == b"onetwo" for _, theirs in pairs)


def test_a_ring_that_fails_later_is_given_up_and_nobody_goes_without_or_hears_twice(
    ring: SendRing, pairs: list[Ends], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broadcasts, "WORTH_A_RING", 1)
    monkeypatch.setattr(broadcasts, "MOST_SOCKETS", 30)  # so that there are two calls, of which one goes well
    send, wanted = ring.send, iter(["goes well", "fails"])
    broken = socket.socket()

    def send_once(descriptors: list[int], frames: bytes) -> list[tuple[int, int]]:
        if next(wanted) == "fails":
            os.dup2(broken.fileno(), ring._ring)
        return send(descriptors, frames)

    monkeypatch.setattr(ring, "send", send_once)
    broadcast, sessions = Broadcast(uses_ring=True), sessions_of(pairs)
    monkeypatch.setattr(broadcast, "_ring", ring)
    for session in sessions:
        session.find_descriptor()
    assert broadcast.offer(sessions, b"one") == []
    assert broadcast._ring is None
    assert broadcast.offer(sessions, b"two") == []
    assert all(theirs.recv(100) == b"onetwo" for _, theirs in pairs)
    broken.close()


def sessions_of(pairs: list[Ends]) -> list[Session]:
    sessions = []
    for ours, _ in pairs:
        pipe = Pipe()
        pipe.past = ours.fileno()
        sessions.append(Session(pipe, Calls()))
    return sessions


def test_the_rest_of_what_is_taken_in_part_waits_and_what_comes_next_waits_behind_it(
    broadcast: Broadcast, pairs: list[Ends]
) -> None:
    pipe, (ours, theirs) = Pipe(), pairs[0]
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
    pipe.past = ours.fileno()
    session, frames = Session(pipe, Calls()), os.urandom(MOST_BYTES)
    session.find_descriptor()
    assert broadcast.offer([session], frames) == []
    pipe.past = -1
    assert broadcast.offer([session], b"and on") == []
    taken = theirs.recv(MOST_BYTES)
    assert 0 < len(taken) < MOST_BYTES
    session.left()
    session.flush()
    assert taken + b"".join(pipe.written) == frames + b"and on"


def test_frames_that_are_too_long_for_the_ring_come_whole(broadcast: Broadcast, pairs: list[Ends]) -> None:
    sessions = sessions_of(pairs)
    for frames in (b"one", os.urandom(MOST_BYTES + 1), b"three"):
        assert broadcast.offer(sessions, frames) == []
        assert all(theirs.recv(OUTBOX_BYTES) == frames for _, theirs in pairs)
