"""Outboxes: one write a turn of the loop; slow consumers are watched, told and in the end closed."""

import asyncio
from collections.abc import AsyncIterator

import pytest_asyncio

from bihak.core.outbox import CHECK_EVERY_S, Outboxes
from bihak.core.session import DRAINED_BYTES, Session
from bihak.errors import CloseCode
from tests.harness import Clock
from tests.unit.test_session import Pipe

STALL_S = 2.0


class Watched:
    """Outboxes with one session, whose pipe the test holds."""

    def __init__(self) -> None:
        self.clock = Clock(asyncio.get_running_loop())
        self.outboxes = Outboxes(STALL_S)
        self.drained: list[Session] = []
        self.outboxes.on_drained = self.drained.append
        self.pipe = Pipe()
        self.session = Session(self.pipe, self.outboxes)

    async def stall(self) -> None:
        """The other side reads nothing, and much is written."""
        self.session.send(b"x" * DRAINED_BYTES)
        await self.clock.run_ready()
        self.pipe.unread = DRAINED_BYTES
        self.session.send(b"y")
        await self.clock.run_ready()
        self.pipe.unread += 1

    def closed(self) -> CloseCode | None:
        return self.pipe.closed

    async def wait(self, seconds: float) -> None:
        for _ in range(round(seconds / CHECK_EVERY_S)):
            await self.clock.advance(CHECK_EVERY_S)


@pytest_asyncio.fixture
async def watched() -> AsyncIterator[Watched]:
    made = Watched()
    yield made
    made.outboxes.close()
    made.clock.restore()


async def test_what_a_turn_of_the_loop_queues_is_one_write(watched: Watched) -> None:
    for _ in range(10):
        watched.session.send(b"x")
    await watched.clock.run_ready()
    assert watched.pipe.written == [b"x" * 10]


async def test_one_that_reads_nothing_is_closed_in_the_end(watched: Watched) -> None:
    await watched.stall()
    await watched.wait(STALL_S - 0.2)
    assert watched.closed() is None
    await watched.wait(0.6)
    assert watched.closed() is CloseCode.SLOW_CONSUMER
    assert watched.drained == []


async def test_one_that_reads_a_little_now_and_then_is_not_closed(watched: Watched) -> None:
    await watched.stall()
    for _ in range(5):
        watched.session.send(b"z" * 1000)
        await watched.clock.run_ready()
        watched.pipe.unread += 1000 - 10
        await watched.wait(STALL_S - 0.2)
    assert watched.closed() is None


async def test_one_that_has_read_nearly_everything_is_told_of_once(watched: Watched) -> None:
    await watched.stall()
    watched.pipe.unread = DRAINED_BYTES
    await watched.wait(0.2)
    assert watched.drained == [watched.session]
    await watched.wait(STALL_S * 2)
    assert (watched.drained, watched.closed()) == ([watched.session], None)


async def test_a_session_that_is_gone_is_forgotten(watched: Watched) -> None:
    await watched.stall()
    watched.session.lost()
    await watched.wait(STALL_S * 2)
    assert (watched.drained, watched.closed()) == ([], None)
