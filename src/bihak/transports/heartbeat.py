"""Looks after connections: who is silent is asked, and who does not answer or sign in is ended (RFC 6455 §5.5.2)."""

import asyncio
from typing import Protocol

from bihak.core.deadlines import Deadlines

PING_EVERY_S = 30.0
ANSWER_WITHIN_S = 15.0
LOOK_EVERY_S = 1.0


class Watched(Protocol):
    """A connection."""

    def look(self) -> float:
        """Does what is due; how many seconds until the next look, or 0 for none."""
        ...


class Watch:
    """Looks at each connection when it is due, all with one timer: a timer of its own for each is memory and CPU."""

    def __init__(self) -> None:
        self._looks: Deadlines[Watched] = Deadlines()
        self._timer: asyncio.TimerHandle | None = None

    def add(self, watched: Watched, after_s: float) -> None:
        """Looks at it then, by the second, never earlier; in place of when it would have."""
        loop = asyncio.get_running_loop()
        self._looks.set(watched, loop.time() + after_s)
        if self._timer is None:
            self._timer = loop.call_later(LOOK_EVERY_S, self._look)

    def drop(self, watched: Watched) -> None:
        """It is gone."""
        self._looks.drop(watched)

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        for watched in self._looks.take(loop.time()):
            after_s = watched.look()
            if after_s:
                self._looks.set(watched, loop.time() + after_s)
        self._timer = loop.call_later(LOOK_EVERY_S, self._look) if len(self._looks) else None
