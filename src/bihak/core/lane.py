"""The order of one connection's requests."""

from collections import deque
from collections.abc import Callable
from enum import Enum, auto
from typing import Any, Protocol


class Turn(Enum):
    """How a request shares its connection with the others."""

    LIVE = auto()
    """At once, unless something runs alone."""
    WRITE = auto()
    """Behind the other writes, without waiting for them: the writer's queue keeps their order."""
    ALONE = auto()
    """When all before it are answered; what comes after waits for it."""


class Waiter(Protocol):
    """A request that has a turn in a lane."""

    @property
    def turn(self) -> Turn:
        """How it shares the lane with the others."""
        ...

    def start(self) -> None:
        """Called when its turn has come; `leave` must follow its answer."""
        ...


class Lane:
    """Keeps a connection's requests in order."""

    __slots__ = ("_alone", "_waiting", "_writes", "on_progress")

    def __init__(self) -> None:
        self._writes = 0
        self._alone = False
        self._waiting: deque[Any] | tuple[()] = ()
        """A deque, which is large even when it is empty, only while something waits."""
        self.on_progress: Callable[[], None] | None = None
        """Called whenever a request is answered."""

    def __len__(self) -> int:
        """Requests that are not answered yet."""
        return self._writes + self._alone + len(self._waiting)

    def enter(self, request: Waiter) -> None:
        """Starts it when its turn has come, at once if it can be."""
        turn = request.turn
        if self._waiting:
            self._waiting.append(request)
        elif self._alone or (turn is Turn.ALONE and self._writes):
            self._waiting = deque([request])
        else:
            self._start(request, turn)

    def leave(self, turn: Turn) -> None:
        """A request that was started is answered."""
        if turn is Turn.WRITE:
            self._writes -= 1
        elif turn is Turn.ALONE:
            self._alone = False
        while self._waiting and not self._alone:
            turn = self._waiting[0].turn
            if turn is Turn.ALONE and self._writes:
                break
            request = self._waiting.popleft()
            if not self._waiting:
                self._waiting = ()
            self._start(request, turn)
        if self.on_progress is not None:
            self.on_progress()

    def take_waiting(self, matches: Callable[[Any], bool]) -> list[Any]:
        """Removes and returns the waiting requests that `matches` picks."""
        taken = [request for request in self._waiting if matches(request)]
        if taken:
            self._waiting = deque(request for request in self._waiting if not matches(request))
        return taken

    def _start(self, request: Waiter, turn: Turn) -> None:
        if turn is Turn.WRITE:
            self._writes += 1
        elif turn is Turn.ALONE:
            self._alone = True
        request.start()
