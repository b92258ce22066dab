"""Whoever says nothing is asked, and ended if they do not answer; all are looked at with one timer."""

import asyncio
from collections.abc import AsyncIterator, Iterable

import pytest_asyncio

from bihak.core.identity import Actor
from bihak.core.outbox import Outboxes
from bihak.core.session import Session
from bihak.protocol.frames import PING_FRAME
from bihak.protocol.types import Participant
from bihak.transports.connection import Connection
from bihak.transports.heartbeat import (
    ANSWER_WITHIN_S,
    AT_ONCE,
    BEGIN_WITHIN_S,
    GO_ON_AFTER_S,
    PING_EVERY_S,
    Watch,
)
from tests.e2e.raw import PONG, frame
from tests.harness import Clock


class Line(asyncio.Transport):
    """The edge of the network: a connection that notes what the server does."""

    def __init__(self) -> None:
        super().__init__()
        self.is_read = True
        self.said: list[str] = []

    def is_reading(self) -> bool:
        return self.is_read

    def is_closing(self) -> bool:
        return "end" in self.said

    def get_write_buffer_size(self) -> int:
        return 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.said.append("ping" if data == PING_FRAME else "close")

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        raise NotImplementedError

    def abort(self) -> None:
        self.said.append("end")


class Nobody:
    """Implements `Served`."""

    most_bytes = 1000

    def take(self, connection: Connection, opcode: int, body: bytes) -> None:
        pass

    def ended(self, connection: Connection) -> None:
        pass


class Silent:
    """A line, and the connection on it."""

    def __init__(self, watch: Watch) -> None:
        self.line = Line()
        self.connection = Connection(self.line, Nobody())
        self.connection.session = Session(self.connection, Outboxes(), "192.0.2.1")
        self.watch = watch
        watch.add(self.connection)

    @property
    def said(self) -> list[str]:
        return self.line.said

    def says(self) -> None:
        self.connection.data_received(frame(PONG))


@pytest_asyncio.fixture
async def watch(clock: Clock) -> Watch:
    return Watch()


@pytest_asyncio.fixture
async def silent(clock: Clock, watch: Watch) -> AsyncIterator[Silent]:
    """Somebody who has signed in and was looked at for it."""
    silent = Silent(watch)
    silent.connection.session.actor = Actor(Participant("user", 1), "User 1")
    await clock.advance(BEGIN_WITHIN_S + 2)
    silent.says()
    await clock.advance(PING_EVERY_S - BEGIN_WITHIN_S + 2)
    assert silent.said == []
    yield silent
    silent.connection.connection_lost(None)
    watch.drop(silent.connection)
    await clock.advance(2)


LATE_S = 2.0
"""Looks are by the second, and the timer too."""


async def test_whoever_is_silent_is_pinged_and_ended_without_an_answer(clock: Clock, silent: Silent) -> None:
    await clock.advance(PING_EVERY_S - 1)
    assert silent.said == []
    await clock.advance(1 + LATE_S)
    assert silent.said == ["ping"]
    await clock.advance(ANSWER_WITHIN_S + LATE_S)
    assert silent.said == ["ping", "end"]
    assert silent.connection.reason == "no answer to a ping"


async def test_whoever_answers_or_says_anything_else_stays(clock: Clock, silent: Silent) -> None:
    for _ in range(3):
        await clock.advance(PING_EVERY_S + LATE_S)
        silent.says()
        await clock.advance(ANSWER_WITHIN_S + LATE_S)
    for _ in range(3):
        silent.says()
        await clock.advance(PING_EVERY_S + LATE_S)
    assert silent.said == ["ping"] * 3


async def test_whoever_the_server_does_not_read_is_not_judged_by_their_silence(clock: Clock, silent: Silent) -> None:
    """Ten thousand requests sent at once take a while, and a pong would lie behind them."""
    silent.line.is_read = False
    for _ in range(5):
        await clock.advance(PING_EVERY_S + LATE_S)
    assert silent.said == []
    silent.line.is_read = True
    await clock.advance(PING_EVERY_S + LATE_S)
    await clock.advance(ANSWER_WITHIN_S + LATE_S)
    assert silent.said == ["ping", "end"]


async def test_a_connection_that_is_left_unread_after_a_ping_is_given_time(clock: Clock, silent: Silent) -> None:
    await clock.advance(PING_EVERY_S + LATE_S)
    silent.line.is_read = False
    await clock.advance(ANSWER_WITHIN_S + LATE_S)
    assert silent.said == ["ping"]


async def test_any_number_of_connections_takes_one_timer_and_none_takes_none(clock: Clock, watch: Watch) -> None:
    many = [Silent(watch) for _ in range(50)]
    timers = asyncio.get_running_loop()._scheduled  # type: ignore[attr-defined]
    assert sum(not timer.cancelled() for timer in timers) == 1
    for one in many:
        one.connection.connection_lost(None)
    await clock.advance(BEGIN_WITHIN_S + LATE_S)
    assert not any(not timer.cancelled() for timer in timers)


class Counted:
    """Somebody who is looked at twice. Implements `Newcomer` and `Watched`."""

    def __init__(self) -> None:
        self.looks = 0

    @property
    def watched(self) -> "Counted":
        return self

    def look(self) -> float:
        self.looks += 1
        return PING_EVERY_S if self.looks == 1 else 0.0


async def test_who_came_in_a_rush_is_looked_at_in_turns(clock: Clock, watch: Watch) -> None:
    rush = [Counted() for _ in range(2 * AT_ONCE + 1)]
    for one in rush:
        watch.add(one)
    for looks, wait_s in enumerate((BEGIN_WITHIN_S, PING_EVERY_S)):
        seen = []
        await clock.advance(wait_s + LATE_S)
        for _ in range(4):
            seen.append(sum(one.looks - looks for one in rush))
            await clock.advance(GO_ON_AFTER_S)
        assert seen == [AT_ONCE, 2 * AT_ONCE, len(rush), len(rush)]
    watch.close()


async def test_who_comes_in_a_rush_and_begins_nothing_is_ended_even_if_the_server_ends(
    clock: Clock, watch: Watch
) -> None:
    rush = [Silent(watch) for _ in range(2 * AT_ONCE)]
    await clock.advance(BEGIN_WITHIN_S + LATE_S)
    assert sum(one.said == ["close"] for one in rush) == AT_ONCE
    watch.close()
    assert all(one.said == ["close"] for one in rush)
