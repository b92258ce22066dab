"""Events that are in no log: who is there hears them once, and nobody hears them later."""

from collections.abc import Iterable, Mapping

from bihak.cluster.envelope import Envelope
from bihak.core.room import Room
from bihak.core.session import EPHEMERAL_BYTES, Session
from bihak.protocol.frames import text_frame

MAX_NUMBERS = 10_000
"""Events whose other copies are recognised; those come within a moment."""


class Ephemeral:
    """Delivers such events to the sessions of these rooms. For the event loop only."""

    def __init__(self, rooms: Mapping[int, Room]) -> None:
        self._rooms = rooms
        self._numbers: dict[int, None] = {}
        """Of the latest events that come in several copies."""

    def tell(self, room: Room, envelope: Envelope) -> None:
        """Tells a room, or all rooms that the event is for if it is for several: at the first of its copies."""
        if not envelope.conversations:
            _offer(room.sessions(), envelope)
        elif self._is_first(envelope.number):
            _offer(self._neighbours(envelope.conversations), envelope)

    def _is_first(self, number: int) -> bool:
        if number in self._numbers:
            return False
        self._numbers[number] = None
        if len(self._numbers) > MAX_NUMBERS:
            del self._numbers[next(iter(self._numbers))]
        return True

    def _neighbours(self, conversation_ids: Iterable[int]) -> Iterable[Session]:
        """The sessions in any of these rooms, each once."""
        sessions: dict[Session, None] = {}
        for conversation_id in conversation_ids:
            room = self._rooms.get(conversation_id)
            if room is not None:
                sessions.update(room.live)
                sessions.update(dict.fromkeys(room.waiting))
        return sessions


def _offer(sessions: Iterable[Session], envelope: Envelope) -> None:
    frame = text_frame(envelope.body)
    for session in sessions:
        if session.personal is None and session.user_id != envelope.skip_user:
            session.offer(frame, EPHEMERAL_BYTES)
