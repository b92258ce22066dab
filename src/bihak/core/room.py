"""A room: the sessions of this node in one conversation, and how far each has come.

A session is in a room in one of three ways. Live: it has every event up to the room's head. Joining: what is
delivered is held for it while it reads the log. Behind: its outbox was full; when it has drained it joins again.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from bihak.cluster.envelope import Envelope
from bihak.core.session import Session

MAX_HELD = 1000
"""Events held for one joining session; past that it reads them from the log instead."""


@dataclass(slots=True)
class Wait:
    """Why a session in a room is not live, and what it needs to become so."""

    lagging: bool = False
    """Its outbox was full; it has everything up to `cursor` and joins again once it has drained."""
    cursor: int | None = None
    """The last seq it was sent; None while it reads the log and events are held for it."""
    held: Sequence[tuple[int, bytes]] = ()
    overflowed: bool = False
    """More came than is held; the log has it."""
    ended_seq: int | None = None
    """Its membership ended with this seq: it gets what it lacks, and nothing after it."""


JOINING = Wait()
"""The one of all who wait in a room where nothing has happened since; not changed, but replaced (`Room.wait_of`)."""


class Room:
    """A conversation with at least one session on this node."""

    __slots__ = ("conversation_id", "early", "head", "live", "repair", "returns", "target", "waiting")

    def __init__(self, conversation_id: int) -> None:
        self.conversation_id = conversation_id
        self.head: int | None = None
        """The last seq delivered here; None until a session has read the log."""
        self.target = 0
        """The highest seq known to exist."""
        self.live: dict[Session, None] = {}
        self.waiting: dict[Session, Wait] = {}
        self.early: dict[int, Envelope] = {}
        """Events that wait for the ones before them."""
        self.returns: dict[Session, Envelope] = {}
        """Announcements that came before the events they follow: their participant leaves, and is taken in again."""
        self.repair: asyncio.Task[None] | None = None

    def sessions(self) -> list[Session]:
        return [*self.live, *self.waiting]

    def wait_of(self, session: Session) -> Wait:
        """Why that session is not live, to be changed."""
        wait = self.waiting[session]
        if wait is JOINING:
            wait = self.waiting[session] = Wait()
        return wait

    def hold(self, start: int, frames: Sequence[bytes]) -> None:
        """For those who wait: consecutive events that were just delivered, those after `start`."""
        numbered = list(enumerate(frames, start + 1))
        for session, before in list(self.waiting.items()):
            if before.lagging or before.ended_seq is not None:
                continue
            wait = self.wait_of(session)
            if wait.cursor is None:
                wait.held = [*wait.held, *numbered]
                if len(wait.held) > MAX_HELD:
                    wait.held, wait.overflowed = (), True
                continue
            # It read further in the log than this room had come: it gets only what is new to it.
            for seq, frame in numbered:
                if seq > wait.cursor:
                    session.send(frame)
                    wait.cursor = seq
            if wait.cursor == self.head:
                del self.waiting[session]
                self.live[session] = None
