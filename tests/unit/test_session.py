"""A connection's outbox, and what goes past it to many at once."""

import os
import socket
from collections.abc import Callable, Iterator

import pytest

from bihak.core.broadcast import Broadcast
from bihak.core.session import (
    DRAINED_BYTES,
    EPHEMERAL_BYTES,
    MANY_BYTES,
    OUTBOX_BYTES,
    Session,
)
from bihak.errors import CloseCode


class Pipe:
    """Implements `Wire`: keeps what was written; `unread` of it the other side has not read."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.unread = 0
        self.past = -1
        """Where to write past it."""
        self.asked = 0
        """How often for that."""
        self.closed: CloseCode | None = None

    def write(self, frames: bytes) -> None:
        self.written.append(frames)

    def descriptor(self) -> int:
        self.asked += 1
        return -1 if self.unread else self.past

    def buffered_bytes(self) -> int:
        return self.unread

    def close(self, code: CloseCode, reason: str) -> None:
        self.closed = code


class Calls:
    """Implements `Flusher` by counting."""

    def __init__(self) -> None:
        self.flushes = 0
        self.congestions = 0

    def wants_flush(self, session: Session) -> None:
        self.flushes += 1

    def is_congested(self, session: Session) -> None:
        self.congestions += 1


def opened() -> tuple[Session, Pipe, Calls]:
    pipe, calls = Pipe(), Calls()
    return Session(pipe, calls), pipe, calls


def test_what_is_queued_goes_out_in_one_write() -> None:
    session, pipe, calls = opened()
    session.send(b"one")
    session.send(b"two")
    assert session.offer(b"three")
    assert (pipe.written, calls.flushes) == ([], 1)
    session.flush()
    session.flush()
    assert pipe.written == [b"onetwothree"]
    session.send(b"four")
    assert calls.flushes == 2


def test_an_offer_is_refused_past_the_limit_and_leaves_the_outbox_as_it_was() -> None:
    session, pipe, _ = opened()
    assert session.offer(b"x" * OUTBOX_BYTES)
    assert not session.offer(b"y")
    assert session.unread_bytes() == OUTBOX_BYTES
    session.flush()
    assert pipe.written == [b"x" * OUTBOX_BYTES]


def test_what_the_network_holds_counts_too() -> None:
    session, pipe, _ = opened()
    session.offer(b"x" * (OUTBOX_BYTES - 1))
    session.flush()
    pipe.unread = OUTBOX_BYTES - 1
    assert session.offer(b"x")
    assert not session.offer(b"y")
    pipe.unread = 0
    assert session.offer(b"z")


def test_typing_and_presence_are_shed_at_half() -> None:
    session, _, _ = opened()
    assert session.offer(b"x" * EPHEMERAL_BYTES, EPHEMERAL_BYTES)
    assert not session.offer(b"y", EPHEMERAL_BYTES)
    assert session.offer(b"z")


def test_a_frame_larger_than_the_outbox_goes_to_whoever_has_read_everything() -> None:
    session, _, _ = opened()
    assert session.offer(b"x" * (OUTBOX_BYTES + 1))
    assert not session.offer(b"y")


@pytest.fixture
def past() -> Iterator[tuple[int, int]]:
    """Two sockets that are connected, neither of which blocks: to read from, and to write to."""
    ends = socket.socketpair()
    for end in ends:
        end.setblocking(False)
    yield ends[0].fileno(), ends[1].fileno()
    for end in ends:
        end.close()


def test_what_is_offered_to_all_does_not_overtake_what_waits_or_is_unread(
    past: tuple[int, int], broadcast: Broadcast
) -> None:
    session, pipe, calls = opened()
    out, pipe.past = past
    assert broadcast.offer([session], b"one") == []
    assert (os.read(out, 100), pipe.written, calls.flushes) == (b"one", [], 0)
    session.send(b"two")
    assert broadcast.offer([session], b"three") == []
    session.flush()
    assert (os.read(out, 100), pipe.written) == (b"twothree", [])
    session.send(bytes(2 * OUTBOX_BYTES))
    session.flush()
    pipe.unread = 2 * OUTBOX_BYTES - len(os.read(out, OUTBOX_BYTES))
    assert broadcast.offer([session], b"four") == [session]
    pipe.unread = DRAINED_BYTES
    assert broadcast.offer([session], b"five") == []
    session.flush()
    assert calls.congestions == 1
    pipe.unread = 0
    assert broadcast.offer([session], b"six") == []
    assert os.read(out, 100) == b"six"


def test_the_rest_of_what_was_taken_in_part_comes_before_all_else_and_is_not_refused(
    past: tuple[int, int], broadcast: Broadcast
) -> None:
    session, pipe, calls = opened()
    out, pipe.past = past
    session.send(bytes(OUTBOX_BYTES))
    session.flush()
    pipe.written.clear()
    frames = bytes(2 * OUTBOX_BYTES) + b"one"
    assert broadcast.offer([session], frames) == []
    taken = len(os.read(out, len(frames)))
    assert 0 < taken < len(frames)
    assert broadcast.offer([session], b"two") == [session], "the rest fills the outbox"
    session.send(b"three")
    session.flush()
    assert os.read(out, len(frames)) + b"".join(pipe.written) == frames[taken:] + b"three"
    assert calls.flushes == 2


def test_whoever_is_sent_much_is_written_to_past_the_transport(past: tuple[int, int], broadcast: Broadcast) -> None:
    session, pipe, calls = opened()
    out, pipe.past = past
    session.send(bytes(MANY_BYTES))
    session.flush()
    assert len(pipe.written) == 1
    session.send(b"one")
    session.send(b"two")
    session.flush()
    assert (os.read(out, 100), len(pipe.written), calls.flushes) == (b"onetwo", 1, 2)
    assert (session.unread_bytes(), session.taken_bytes()) == (0, MANY_BYTES + len(b"onetwo"))
    assert broadcast.offer([session], b"three") == []
    session.send(b"four")
    session.flush()
    assert (os.read(out, 100), pipe.asked) == (b"threefour", 1)


def test_a_flush_that_is_taken_in_part_leaves_the_rest_to_the_transport_until_that_holds_nothing(
    past: tuple[int, int],
) -> None:
    session, pipe, calls = opened()
    out, pipe.past = past
    session.send(bytes(MANY_BYTES))
    session.flush()
    pipe.written.clear()
    sent = bytes(OUTBOX_BYTES) + b"two"
    session.send(sent)
    session.flush()
    taken = len(os.read(out, len(sent)))
    assert 0 < taken < len(sent)
    assert pipe.written == [sent[taken:]]
    pipe.unread = len(sent) - taken
    session.send(b"three")
    session.flush()
    assert pipe.written == [sent[taken:], b"three"], "it would overtake what is unread"
    assert calls.congestions == 1
    pipe.unread = 0
    session.send(b"four")
    session.flush()
    assert os.read(out, 100) == b"four"


def test_a_flush_goes_through_the_transport_again_where_the_system_takes_nothing(past: tuple[int, int]) -> None:
    session, pipe, _ = opened()
    _, pipe.past = past
    session.send(bytes(MANY_BYTES))
    session.flush()
    session.send(b"one")
    session.flush()
    os.write(pipe.past, bytes(OUTBOX_BYTES))
    pipe.written.clear()
    session.send(b"two")
    session.flush()
    assert pipe.written == [b"two"]


@pytest.mark.parametrize("end", [Session.shut, Session.left, Session.lost])
def test_nothing_is_written_past_the_transport_of_a_session_that_has_ended(
    past: tuple[int, int], broadcast: Broadcast, end: Callable[[Session], None]
) -> None:
    session, pipe, _ = opened()
    out, pipe.past = past
    assert broadcast.offer([session], b"one") == []
    session.send(bytes(MANY_BYTES))
    session.flush()
    end(session)
    assert broadcast.offer([session], b"two") == []
    session.send(b"three")
    session.flush()
    read = os.read(out, 2 * MANY_BYTES)
    assert read == b"one" + bytes(MANY_BYTES), "the descriptor may be another connection's by now"


def test_a_reply_is_never_refused() -> None:
    session, pipe, _ = opened()
    session.offer(b"x" * OUTBOX_BYTES)
    session.send(b"reply")
    session.flush()
    assert pipe.written[0].endswith(b"reply")


def test_a_flush_behind_unread_bytes_tells_of_congestion() -> None:
    session, pipe, calls = opened()
    session.send(bytes(DRAINED_BYTES))
    session.flush()
    assert calls.congestions == 0
    pipe.unread = DRAINED_BYTES
    session.send(b"two")
    session.flush()
    assert calls.congestions == 1


def test_what_the_other_side_has_read_does_not_count() -> None:
    session, _, calls = opened()
    for _ in range(20):
        session.send(bytes(DRAINED_BYTES // 2))
        session.flush()
    assert (calls.congestions, session.is_full) == (0, False)
    assert session.offer(bytes(OUTBOX_BYTES))


def test_closing_writes_what_is_queued_first_and_happens_once() -> None:
    session, pipe, _ = opened()
    session.send(b"last")
    session.close(CloseCode.SLOW_CONSUMER, "slow")
    session.close(CloseCode.NORMAL, "again")
    session.send(b"too late")
    assert session.offer(b"too late"), "nobody waits for it any more"
    session.flush()
    assert (pipe.written, pipe.closed) == ([b"last"], CloseCode.SLOW_CONSUMER)


def test_a_lost_session_holds_nothing() -> None:
    session, pipe, _ = opened()
    session.send(b"x")
    session.lost()
    session.flush()
    assert (pipe.written, session.unread_bytes()) == ([], 0)
