"""What is due when."""

import heapq
import math
from typing import Generic, TypeVar

T = TypeVar("T")

FAR = 2.0**53
"""As late as anything can be due."""


class Deadlines(Generic[T]):
    """Each thing has at most one, kept to the second, never early. A look at none that is due costs nothing."""

    def __init__(self) -> None:
        self._second_of: dict[T, int] = {}
        self._due: dict[int, dict[T, None]] = {}
        self._seconds: list[int] = []
        """A heap of the keys of `_due`."""

    def __len__(self) -> int:
        return len(self._second_of)

    def set(self, what: T, at: float) -> None:
        """In place of the one it has."""
        second = math.ceil(at) if at < FAR else int(FAR)
        before = self._second_of.get(what)
        if before is not None:
            del self._due[before][what]
        due = self._due.get(second)
        if due is None:
            due = self._due[second] = {}
            heapq.heappush(self._seconds, second)
        due[what] = None
        self._second_of[what] = second

    def drop(self, what: T) -> None:
        """It has none any more, if it had one."""
        second = self._second_of.pop(what, None)
        if second is not None:
            del self._due[second][what]

    def take(self, now: float) -> list[T]:
        """Those that are due, the earliest first; they have none any more."""
        due: list[T] = []
        while self._seconds and self._seconds[0] <= now:
            due += self._due.pop(heapq.heappop(self._seconds))
        for what in due:
            del self._second_of[what]
        return due
