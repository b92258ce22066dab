"""Rooms: the conversations of this node's sessions, and in-order, exactly-once delivery to each of them.

How a session can be in a room, `core/room.py` says.
"""

from collections.abc import Callable, Iterable, Sequence

from bihak.cluster.base import Backplane, Publication
from bihak.cluster.envelope import Envelope, conversation_topic, participant_topic
from bihak.core.broadcast import Broadcast
from bihak.core.catching_up import CatchingUp
from bihak.core.ephemeral import Ephemeral
from bihak.core.identity import is_revoked
from bihak.core.lingering import Lingering
from bihak.core.log import Coverage, LogReader
from bihak.core.repairing import Repairing
from bihak.core.room import JOINING, Room, Wait
from bihak.core.session import Flusher, Session
from bihak.errors import CloseCode
from bihak.protocol.frames import text_frame
from bihak.tasks import Running

MANY_SESSIONS = 32
"""In a room with so many, each event is written at once rather than with what else comes in the same turn."""


class Hub:
    """Delivers what the backplane brings. For the event loop only."""

    def __init__(
        self, backplane: Backplane, log_reader: LogReader, flusher: Flusher, *, uses_ring: bool = True
    ) -> None:
        """`uses_ring`: as `Broadcast`."""
        self._backplane = backplane
        self._flusher = flusher
        self.rooms: dict[int, Room] = {}
        self.participants: dict[str, dict[Session, None]] = {}
        self.on_limited: Callable[[str, str, int], None] = lambda _limit, _user_id, _ms: None
        """Called with a limit, a participant who has used it up, and for how many milliseconds."""
        self.on_delivered: list[Callable[[int, Sequence[Envelope]], None]] = []
        """Called with a conversation and what its sessions here have just been sent, or as much as they could take."""
        self._running = Running()
        self.catching_up = CatchingUp(self, log_reader, self._running)
        self.repairing = Repairing(log_reader, self._running, self._deliver)
        self.received = 0
        """Publications that came."""
        self._broadcast = Broadcast(uses_ring=uses_ring)
        self._ephemeral = Ephemeral(self.rooms)
        self._left_rooms: Lingering[int] = Lingering(lambda cid: backplane.unsubscribe(conversation_topic(cid)))
        """Conversations whose topics are still subscribed to, though what comes on them is for nobody here."""
        self._left_people: Lingering[str] = Lingering(lambda user_id: backplane.unsubscribe(participant_topic(user_id)))

    async def start(self, recovered: Callable[[], None]) -> None:
        """`recovered` is called when the backplane may have lost something and carries again."""
        self._broadcast.open()
        await self._backplane.start(self.receive, recovered)

    async def close(self) -> None:
        await self._backplane.close()
        await self._running.end()
        self._left_rooms.close()
        self._left_people.close()
        self._broadcast.close()

    # Coming and going

    def attach(self, session: Session) -> None:
        """Begins to take what is for the session's participant; it waits until `release_personal`."""
        session.personal = []
        user_id = session.user_id
        sessions = self.participants.setdefault(user_id, {})
        if not sessions and not self._left_people.take(user_id):
            self._backplane.subscribe(participant_topic(user_id))
        sessions[session] = None

    def release_personal(self, session: Session) -> None:
        """Delivers what came for the participant while the session was being set up."""
        waiting, session.personal = session.personal or [], None
        for envelope in waiting:
            self._take_personal(session, envelope)

    def detach(self, session: Session) -> None:
        """Takes a session out of everything."""
        for conversation_id in list(session.conversations):
            self.leave(session, conversation_id)
        sessions = self.participants.get(session.user_id)
        if sessions is not None and session in sessions:
            del sessions[session]
            if not sessions:
                del self.participants[session.user_id]
                self._left_people.put(session.user_id)

    def join(self, session: Session, conversation_id: int) -> None:
        """Holds the room's events for a session, which enters the room if it is not in it, until `settle`."""
        if session.closed:
            return
        room = self.rooms.get(conversation_id)
        if room is None:
            room = self.rooms[conversation_id] = Room(conversation_id)
            if not self._left_rooms.take(conversation_id):
                self._backplane.subscribe(conversation_topic(conversation_id))
        wait = JOINING
        if conversation_id in session.conversations:
            room.live.pop(session, None)
            ended_seq = room.waiting.get(session, JOINING).ended_seq
            if ended_seq is not None:
                wait = Wait(ended_seq=ended_seq)
        else:
            session.conversations.add(conversation_id)
        room.waiting[session] = wait

    def leave(self, session: Session, conversation_id: int) -> None:
        """Takes a session out of a room; the room goes with its last one."""
        if conversation_id not in session.conversations:
            return
        session.conversations.discard(conversation_id)
        room = self.rooms[conversation_id]
        room.live.pop(session, None)
        room.waiting.pop(session, None)
        room.returns.pop(session, None)
        if not room.live and not room.waiting:
            if room.repair is not None:
                room.repair.cancel()
            del self.rooms[conversation_id]
            self._left_rooms.put(conversation_id)

    def settle(self, session: Session, conversation_id: int, cursor: int) -> bool:
        """A session that joined has been sent everything up to `cursor`: sends what was held, then it is live.

        False if that leaves a hole, because more came than is held: read the log after `cursor` and settle again.
        """
        room = self.rooms.get(conversation_id)
        if room is None or session not in room.waiting:
            return True
        if room.waiting[session] is JOINING and not room.early and (room.head is None or room.head == cursor):
            room.head = cursor  # nothing happened meanwhile, as nearly always
            del room.waiting[session]
            room.live[session] = None
            return True
        if room.head is None:
            room.head = cursor
            self._deliver(room, [])
        wait = room.wait_of(session)
        if wait.ended_seq is not None and wait.ended_seq <= cursor:
            wait.ended_seq = None  # that was a membership before the one that was read
        held, overflowed = wait.held, wait.overflowed
        wait.held, wait.overflowed = (), False
        if overflowed:
            return False
        reached = cursor
        frames = []
        for seq, frame in held:
            if seq == reached + 1:
                frames.append(frame)
                reached = seq
        if reached < room.head and wait.ended_seq is None:
            return False
        if frames:
            session.send(b"".join(frames))
        wait.cursor = reached
        if wait.ended_seq is not None:
            self.end_membership(session, conversation_id, wait.ended_seq)
            if conversation_id not in session.conversations:
                # Should they be in again, that may have been said, and lost, while they waited.
                self.repairing.look_for_unannounced(conversation_id)
        elif reached == room.head:
            del room.waiting[session]
            room.live[session] = None
        else:
            self.repairing.expect(room, reached)  # the log has events that this room has not seen yet
        return True

    def drained(self, session: Session) -> None:
        """A slow consumer has read what was sent: it joins again the rooms in which it lags."""
        cursors = {}
        for conversation_id in session.conversations:
            wait = self.rooms[conversation_id].waiting.get(session)
            if wait is not None and wait.lagging and wait.cursor is not None:
                cursors[conversation_id] = wait.cursor
        for conversation_id, cursor in cursors.items():
            self.join(session, conversation_id)
            # Each by itself, so that one is not waited for with the others; what they read is read together.
            self.catching_up.begin(session, conversation_id, cursor)

    # Delivering

    def receive(self, publications: Sequence[Publication]) -> None:
        """Takes what the backplane brings, in the order it came in."""
        durable: dict[Room, list[Envelope]] = {}
        self.received += len(publications)
        for topic, envelope in publications:
            if topic[0] == "c":
                room = self.rooms.get(int(topic[1:]))
                if room is None:
                    continue
                if envelope.seq:
                    durable.setdefault(room, []).append(envelope)
                else:
                    self._ephemeral.tell(room, envelope)
                    if not envelope.conversations:
                        self._tell_delivered(room, [envelope])
            else:
                self._receive_personal(topic[1:], envelope)
        for room, envelopes in durable.items():
            self._deliver(room, envelopes)

    def compare_heads(self, heads: Iterable[tuple[int, int]]) -> None:
        """Repairs the rooms that are behind these (conversation_id, last_seq), unless the events are just coming."""
        for conversation_id, last_seq in heads:
            room = self.rooms.get(conversation_id)
            if room is not None and room.head is not None and room.head < last_seq:
                self.repairing.expect(room, last_seq)

    def _deliver(self, room: Room, envelopes: Sequence[Envelope]) -> None:
        """The rule of order: the next event is delivered, a seen one dropped, a later one waits for those before it."""
        for received in envelopes:
            room.early[received.seq] = received
        if room.head is None:
            return
        while True:
            start = room.head
            ready: list[Envelope] = []
            while (envelope := room.early.pop(room.head + 1, None)) is not None:
                ready.append(envelope)
                room.head += 1
                if envelope.left:
                    break  # what comes after is not for those who left
            if not ready:
                break
            self._fan_out(room, start, ready)
            self._end_memberships(room, ready[-1])
            self._tell_delivered(room, ready)
            if any(envelope.joined and self._lacks(room.conversation_id, envelope.joined) for envelope in ready):
                self.repairing.look_for_unannounced(room.conversation_id)
        for seq in [seq for seq in room.early if seq <= room.head]:
            del room.early[seq]
        if room.early:
            self.repairing.expect(room, max(room.early))

    def _tell_delivered(self, room: Room, envelopes: Sequence[Envelope]) -> None:
        for listener in self.on_delivered:
            listener(room.conversation_id, envelopes)

    def _fan_out(self, room: Room, start: int, envelopes: Sequence[Envelope]) -> None:
        """Sends consecutive events, those after `start`, to every session of the room."""
        frames = [text_frame(envelope.body) for envelope in envelopes]
        chunk = b"".join(frames) if len(frames) > 1 else frames[0]
        if len(room.live) < MANY_SESSIONS:
            refused = [session for session in room.live if not session.offer(chunk)]
        else:
            refused = self._broadcast.offer(room.live, chunk)
        for session in refused:
            del room.live[session]
            room.waiting[session] = Wait(lagging=True, cursor=start)
            self._flusher.is_congested(session)
        if room.waiting:
            room.hold(start, frames)

    def _end_memberships(self, room: Room, envelope: Envelope) -> None:
        if not envelope.left:
            return
        for session in room.sessions():
            if session.user_id not in envelope.left:
                continue
            wait = room.waiting.get(session)
            if wait is not None and (wait.cursor is None or wait.lagging):
                room.wait_of(session).ended_seq = envelope.seq
            elif wait is None or wait.cursor is None or wait.cursor < envelope.seq:
                self.end_membership(session, room.conversation_id, envelope.seq)
            # Otherwise this room is behind: they were taken in again since, and have read so.

    def end_membership(self, session: Session, conversation_id: int, ended_seq: int) -> None:
        """Takes a session out of a room, and in again if its participant was."""
        room = self.rooms.get(conversation_id)
        announced = room.returns.get(session) if room is not None else None
        self.leave(session, conversation_id)
        if announced is not None and announced.joins is not None and announced.joins[1] > ended_seq:
            self._take_personal(session, announced)

    def revoke(self, user_id: str, before_ms: int) -> None:
        """On every node, ends the participant's sessions whose token was made before then, and those without one."""
        self._backplane.publish([(participant_topic(user_id), Envelope(b"", revoked_before_ms=before_ms))])

    def limit(self, limit: str, user_id: str, wait_ms: int) -> None:
        """On every node, calls `on_limited`."""
        self._backplane.publish([(participant_topic(user_id), Envelope(b"", limited=(limit, wait_ms)))])
        if user_id not in self.participants:
            self.on_limited(limit, user_id, wait_ms)  # they came over HTTP

    def end_revoked(self, user_id: str, before_ms: int, *, without_token: bool = False) -> None:
        """As `revoke`, on this node; those without a token only if that is wanted."""
        for session in list(self.participants.get(user_id, ())):
            if without_token if session.issued_at is None else is_revoked(session.issued_at, before_ms):
                session.close(CloseCode.REVOKED, "session revoked")

    def announce(self, user_id: str, envelope: Envelope) -> None:
        """Delivers a `joins` that was lost on the way, to the participant's sessions that are not in that room."""
        assert envelope.joins is not None
        for session in list(self.participants.get(user_id, ())):
            if session.personal is None and envelope.joins[0] not in session.conversations:
                self._take_personal(session, envelope)

    def _receive_personal(self, user_id: str, envelope: Envelope) -> None:
        if envelope.revoked_before_ms:
            self.end_revoked(user_id, envelope.revoked_before_ms, without_token=True)
            return
        if envelope.limited is not None:
            limit, wait_ms = envelope.limited
            self.on_limited(limit, user_id, wait_ms)
            return
        for session in list(self.participants.get(user_id, ())):
            if session.personal is not None:
                session.personal.append(envelope)
            else:
                self._take_personal(session, envelope)

    def _take_personal(self, session: Session, envelope: Envelope) -> None:
        if envelope.joins is not None and envelope.joins[0] in session.conversations:
            room = self.rooms[envelope.joins[0]]
            if room.head is None or room.head < envelope.joins[1]:
                room.returns[session] = envelope
            return  # otherwise it knows
        if envelope.joins is None:
            session.tell(envelope)
            return
        conversation_id, _ = envelope.joins
        if conversation_id not in self.rooms:
            # The first to hear of it here: the sweep will not ask for the others any more.
            self.repairing.look_for_unannounced(conversation_id)
        self.join(session, conversation_id)
        self.catching_up.begin_new(session, envelope, *envelope.joins)

    def end_superseded(self, session: Session, conversation_id: int, seq: int, cover: Coverage | None) -> None:
        """What the session knows, up to `seq`, is of a membership that is over; there may be a new one."""
        self.end_membership(session, conversation_id, seq)
        if cover is not None and cover.is_current and conversation_id not in session.conversations:
            self.repairing.look_for_unannounced(conversation_id)

    def _lacks(self, conversation_id: int, user_ids: Iterable[str]) -> bool:
        """Whether one of these participants has a session here that is not in that room."""
        sessions = (session for user_id in user_ids for session in self.participants.get(user_id, ()))
        return any(conversation_id not in session.conversations for session in sessions)
