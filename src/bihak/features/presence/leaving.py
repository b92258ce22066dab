"""Those who closed a connection, until it is told."""

import asyncio
import heapq
import itertools
from collections.abc import Callable

from bihak.features.presence.here import Here

AT_ONCE = 100
"""Told of before the event loop gets a turn: where the network failed, thousands are due at once."""


class Leaving:
    """Calls back for each when its time has come, all with one timer: a crowd that goes would make as many as it is."""

    def __init__(self, left: Callable[[Here], None]) -> None:
        self._left = left
        self._due: list[tuple[float, int, Here]] = []
        """A heap. What is not what its `Here` says any more is passed over."""
        self._numbers = itertools.count()
        self._timer: asyncio.TimerHandle | None = None

    def set(self, here: Here, after_s: float) -> None:
        """In place of the time it has; `Here.stay` takes that back."""
        loop = asyncio.get_running_loop()
        here.leaves_at = loop.time() + after_s
        heapq.heappush(self._due, (here.leaves_at, next(self._numbers), here))
        if self._due[0][2] is here:
            self._wait(loop)

    def _wait(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = loop.call_at(self._due[0][0], self._look) if self._due else None

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        try:
            for _ in range(AT_ONCE):
                if not self._due or self._due[0][0] > now:
                    break
                due_at, _, here = heapq.heappop(self._due)
                if here.leaves_at == due_at:
                    here.leaves_at = None
                    self._left(here)
        finally:
            self._wait(loop)  # whatever became of one, the others wait
