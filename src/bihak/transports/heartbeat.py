"""Looks after connections: who is silent is asked, and who does not answer or sign in is ended (RFC 6455 §5.5.2)."""

import asyncio
from collections import deque
from typing import Protocol

from bihak.core.deadlines import Deadlines

PING_EVERY_S = 30.0
ANSWER_WITHIN_S = 15.0
BEGIN_WITHIN_S = 10.0
"""Until the first look at a connection."""
LOOK_EVERY_S = 1.0
AT_ONCE = 100
"""Looks before the event loop gets a turn: those who came in the same second are all due in the same second."""
GO_ON_AFTER_S = 0.01
"""Until the next ones; the pongs to the pings come meanwhile."""


class Watched(Protocol):
    """A connection."""

    def look(self) -> float:
        """Does what is due; how many seconds until the next look, or 0 for none."""
        ...


class Newcomer(Protocol):
    """A connection that may turn out to be this or that."""

    @property
    def watched(self) -> Watched | None:
        """What there is to look at, if it is still there."""
        ...


class Watch:
    """Looks at each connection when it is due, all with one timer: a timer of its own for each is memory and CPU."""

    def __init__(self) -> None:
        self._new: deque[tuple[float, Newcomer]] = deque()
        self._looks: Deadlines[Watched] = Deadlines()
        self._due: deque[Watched] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def add(self, newcomer: Newcomer) -> None:
        """Looks at it after `BEGIN_WITHIN_S`, and then as often as it says; by the second, never earlier."""
        loop = asyncio.get_running_loop()
        self._new.append((loop.time() + BEGIN_WITHIN_S, newcomer))
        if self._timer is None:
            self._timer = loop.call_later(LOOK_EVERY_S, self._look)

    def drop(self, watched: Watched) -> None:
        """It is gone."""
        self._looks.drop(watched)

    def close(self) -> None:
        """Looks once more at those who have not begun, whom nobody else knows of, and then no more."""
        for _, newcomer in self._new:
            if newcomer.watched is not None:
                newcomer.watched.look()
        self._new.clear()
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        self._due += self._looks.take(now)
        for _ in range(AT_ONCE):
            watched = self._next(now)
            if watched is None:
                after_s = LOOK_EVERY_S
                break
            until_next_s = watched.look()
            if until_next_s:
                self._looks.set(watched, now + until_next_s)
        else:
            after_s = GO_ON_AFTER_S
        self._timer = loop.call_later(after_s, self._look) if self._new or self._due or self._looks else None

    def _next(self, now: float) -> Watched | None:
        """Whoever is due and still there."""
        while self._new and self._new[0][0] <= now:
            watched = self._new.popleft()[1].watched
            if watched is not None:
                return watched
        return self._due.popleft() if self._due else None
