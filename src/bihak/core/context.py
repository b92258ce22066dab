"""What a handler is handed: a request on its way, what it tells others, and the snapshot that it may read."""

from dataclasses import dataclass
from typing import Generic, TypeVar

import msgspec
import sqlalchemy as sa

from bihak.core.feature import Command
from bihak.core.identity import Actor
from bihak.errors import ChatError
from bihak.protocol.envelope import DurableEvent, Event, Reply, Request
from bihak.storage.dialect import Dialect

R = TypeVar("R", bound=Request)


@dataclass(slots=True)
class Signal:
    """An event for whoever listens now; never replayed. To one participant, or to the members of conversations."""

    event: Event
    to_user: str | None = None
    to_conversations: tuple[int, ...] = ()
    skip_user: str = ""
    joins: tuple[int, int] | None = None
    """(conversation_id, seq): whoever hears this enters that conversation, knowing its events up to seq."""
    typing: int = 0
    """As in the envelope."""


Result = tuple[Reply | ChatError | None, list[DurableEvent], list[Signal]]
"""What came of one try of a call: its outcome, and what was recorded and signalled."""


class Call(msgspec.Struct, Generic[R], eq=False):
    """One request on its way: what is asked, by whom, and what came of it."""

    command: Command
    request: R
    actor: Actor
    connection: object = None
    """Calls of one connection are served in order; None: it is nobody's successor."""
    outcome: Reply | ChatError | None = None
    recorded: list[DurableEvent] = []
    signals: list[Signal] = []

    def answer(self) -> None:
        """Called on the event loop once, when `outcome` is final; here, nobody waits for it."""

    def forget(self) -> None:
        """Takes back what an earlier try did."""
        self.outcome = None
        self.recorded.clear()
        self.signals.clear()

    def result(self) -> Result:
        """A copy of what the latest try did."""
        return self.outcome, list(self.recorded), list(self.signals)

    def restore(self, result: Result) -> None:
        """That try is the one that counts."""
        self.outcome, self.recorded, self.signals = result


@dataclass(frozen=True, slots=True)
class Query:
    """What a reading handler works with."""

    connection: sa.Connection
    dialect: Dialect
    actor: Actor
