"""A participant's connections to this node, and what they amount to."""

from bihak.core.identity import Actor
from bihak.core.session import Session
from bihak.features.presence.wire import Status


class Here:
    """The connections, each with its own status, and what was told of them."""

    __slots__ = ("_left_with", "actor", "leaves_at", "sessions", "told", "waited_s")

    def __init__(self, actor: Actor) -> None:
        self.actor = actor
        self.sessions: dict[Session, Status] = {}
        self.told: Status = "offline"
        self.leaves_at: float | None = None
        """On the event loop's clock, when a connection closed that was better than the others: what is left is told."""
        self.waited_s = 0.0
        """How long that is after it closed."""
        self._left_with: tuple[int, ...] = ()

    @property
    def best(self) -> Status:
        """What the connections amount to."""
        if not self.sessions:
            return "offline"
        return "online" if "online" in self.sessions.values() else "away"

    @property
    def conversations(self) -> tuple[int, ...]:
        """Those that the participant is in, or was in when the last connection closed."""
        session = next(iter(self.sessions), None)
        return tuple(session.conversations) if session is not None else self._left_with

    def close(self, session: Session) -> None:
        """That connection has closed."""
        self._left_with = tuple(session.conversations)
        del self.sessions[session]

    def stay(self) -> None:
        """Nothing is told on account of connections that closed."""
        self.leaves_at = None
