"""Whoever says nothing is asked, and ended if they do not answer."""

import asyncio
from collections.abc import AsyncIterator

import pytest_asyncio

from bihak.transports.gate import Gate
from bihak.transports.heartbeat import ANSWER_WITHIN_S, PING_EVERY_S, Heartbeat
from tests.harness import Clock


class Line(asyncio.Transport):
    """The edge of the network: a connection that says what the test lets it say."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = Gate(asyncio.Protocol())
        self.is_read = True
        self.said: list[str] = []

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self.gate

    def is_reading(self) -> bool:
        return self.is_read


@pytest_asyncio.fixture
async def clock() -> AsyncIterator[Clock]:
    clock = Clock(asyncio.get_running_loop())
    yield clock
    clock.restore()


@pytest_asyncio.fixture
async def line(clock: Clock) -> AsyncIterator[Line]:
    line = Line()
    heartbeat = Heartbeat(line, lambda: line.said.append("ping"), lambda: line.said.append("end"))
    yield line
    heartbeat.stop()


async def test_whoever_is_silent_is_pinged_and_ended_without_an_answer(clock: Clock, line: Line) -> None:
    await clock.advance(PING_EVERY_S - 1)
    assert line.said == []
    await clock.advance(1.5)
    assert line.said == ["ping"]
    await clock.advance(ANSWER_WITHIN_S)
    assert line.said == ["ping", "end"]


async def test_whoever_answers_or_says_anything_else_stays(clock: Clock, line: Line) -> None:
    for _ in range(3):
        await clock.advance(PING_EVERY_S + 1)
        line.gate.data_received(b"pong")
        await clock.advance(ANSWER_WITHIN_S + 1)
    for _ in range(3):
        line.gate.data_received(b"anything")
        await clock.advance(PING_EVERY_S + 1)
    assert line.said == ["ping"] * 3


async def test_whoever_the_server_does_not_read_is_not_judged_by_their_silence(clock: Clock, line: Line) -> None:
    """Ten thousand requests sent at once take a while, and a pong would lie behind them."""
    line.is_read = False
    for _ in range(5):
        await clock.advance(PING_EVERY_S + 1)
    assert line.said == []
    line.is_read = True
    await clock.advance(PING_EVERY_S + 1)
    await clock.advance(ANSWER_WITHIN_S + 1)
    assert line.said == ["ping", "end"]


async def test_a_connection_that_is_left_unread_after_a_ping_is_given_time(clock: Clock, line: Line) -> None:
    await clock.advance(PING_EVERY_S + 1)
    line.is_read = False
    await clock.advance(ANSWER_WITHIN_S + 1)
    assert line.said == ["ping"]
