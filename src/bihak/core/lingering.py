"""What nobody needs any more, kept for a while: who was cut off is back in a moment, and all of them together."""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

K = TypeVar("K")

LINGER_S = 15.0
TICK_S = 0.25
AT_ONCE = 1000
"""Ended in one tick, however many are due: after a crowd has left, the event loop is needed by others too."""


class Lingering(Generic[K]):
    """Keys, each for `LINGER_S` or a little longer. For the event loop only."""

    def __init__(self, end: Callable[[K], None]) -> None:
        """`end` is called with what nobody took back."""
        self._end = end
        self._since: dict[K, int] = {}
        """The tick in which each came, the one that is here for longest first."""
        self._ticks = 0
        self._timer: asyncio.TimerHandle | None = None

    def put(self, key: K) -> None:
        """Keeps what is not here yet."""
        self._since[key] = self._ticks
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(TICK_S, self._tick)

    def take(self, key: K) -> bool:
        """It is needed again: whether it was still here."""
        return self._since.pop(key, None) is not None

    def close(self) -> None:
        """Ends nothing any more."""
        self._since.clear()
        if self._timer is not None:
            self._timer.cancel()

    def _tick(self) -> None:
        self._ticks += 1
        latest = self._ticks - LINGER_S / TICK_S
        due: list[K] = []
        for key, since in self._since.items():
            if since >= latest or len(due) == AT_ONCE:
                break
            due.append(key)
        for key in due:
            del self._since[key]
            self._end(key)
        self._timer = asyncio.get_running_loop().call_later(TICK_S, self._tick) if self._since else None
