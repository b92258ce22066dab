"""One session on its way in."""

from collections.abc import Callable, Coroutine
from typing import Any

from bihak.core.identity import Identity
from bihak.core.session import Session
from bihak.core.visit import Visit
from bihak.features.places import Arrival


class Entrance:
    """Of one session, once it is known whose it is."""

    __slots__ = ("_undo", "arrival", "identity", "session", "visit")

    def __init__(self, visit: Visit, identity: Identity, arrival: Arrival, undo: Callable[[Session], None]) -> None:
        """`undo` takes back what was done for the session so far."""
        self.visit = visit
        self.session = visit.session
        self.identity = identity
        self.arrival = arrival
        self._undo = undo

    def follow(self, work: Coroutine[Any, Any, None]) -> None:
        """Goes on with what must wait."""
        self.visit.follow(work, self.fail)

    def fail(self, fault: Exception) -> None:
        """It leads to nothing."""
        self._undo(self.session)
        self.visit.fail(fault)
