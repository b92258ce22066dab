"""Finds out that the other side of a connection is gone, though nothing says so (RFC 6455 §5.5.2)."""

import asyncio
from collections.abc import Callable

from bihak.transports.gate import Gate

PING_EVERY_S = 30.0
ANSWER_WITHIN_S = 15.0


class Heartbeat:
    """Pings whoever was silent for a while, and ends the connection if nothing at all comes after that.

    While the server itself leaves the connection unread, because too much of it waits for an answer, its silence says
    nothing: a pong would lie behind what waits.
    """

    def __init__(self, transport: asyncio.Transport, ping: Callable[[], None], end: Callable[[], None]) -> None:
        self._transport = transport
        self._gate = Gate.of(transport)
        self._ping = ping
        self._end = end
        self._heard = self._gate.chunks
        self._timer = self._after(PING_EVERY_S, self._silent)

    def stop(self) -> None:
        self._timer.cancel()

    def _silent(self) -> None:
        if self._has_spoken():
            self._timer = self._after(PING_EVERY_S, self._silent)
        else:
            self._ping()
            self._timer = self._after(ANSWER_WITHIN_S, self._unanswered)

    def _unanswered(self) -> None:
        if self._has_spoken():
            self._timer = self._after(PING_EVERY_S, self._silent)
        else:
            self._end()

    def _has_spoken(self) -> bool:
        """Since this was asked last, or it would not be known."""
        before, self._heard = self._heard, self._gate.chunks
        return self._heard != before or not self._transport.is_reading()

    @staticmethod
    def _after(seconds: float, check: Callable[[], None]) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(seconds, check)
