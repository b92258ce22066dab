"""Rooms: the conversations of this node's sessions, and in-order, exactly-once delivery to each of them.

How a session can be in a room, `core/room.py` says.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

import structlog

from bihak import tasks
from bihak.cluster.base import Backplane, Publication
from bihak.cluster.envelope import (
    Envelope,
    conversation_topic,
    participant_topic,
)
from bihak.core.identity import is_revoked
from bihak.core.log import Coverage, LogEntry, Span
from bihak.core.room import JOINING, Room, Wait
from bihak.core.session import EPHEMERAL_BYTES, PERSONAL_BYTES, Flusher, Session, offer_to_all
from bihak.errors import ChatError, CloseCode
from bihak.protocol.frames import text_frame
from bihak.protocol.types import Participant

log = structlog.stdlib.get_logger("bihak.hub")

GAP_HOLD_S = 0.1
"""How long an event waits for the ones before it before the log is asked."""
CATCH_UP_PAGE = 200
MAX_HELD = 1000
"""Events held for one joining session; past that it reads them from the log instead."""
MAX_STALLS = 3
MANY_SESSIONS = 32
"""In a room with so many, each event is written at once rather than with what else comes in the same turn."""
MAX_NUMBERS = 10_000
"""Events whose other copies are recognised; those come within a moment."""
DRAIN_POLL_S = 0.05
REPAIR_RETRY_S = 1.0


class LogReader(Protocol):
    """Where the hub reads what was not delivered to it. Each raises Unavailable while the database is away."""

    async def read_coverage(self, reader: Participant, conversation_ids: Sequence[int]) -> list[Coverage | None]:
        """As `log.read_coverage`, as committed by now."""
        ...

    async def read_log(self, spans: Sequence[Span]) -> list[list[LogEntry]]:
        """As `Log.read`."""
        ...

    async def read_room(self, conversation_id: int, after: int, through: int) -> list[Envelope]:
        """As `Log.read_room`."""
        ...


class Hub:
    """Delivers what the backplane brings. For the event loop only."""

    def __init__(self, backplane: Backplane, log_reader: LogReader, flusher: Flusher) -> None:
        self._backplane = backplane
        self._log = log_reader
        self._flusher = flusher
        self.rooms: dict[int, Room] = {}
        self.participants: dict[str, dict[Session, None]] = {}
        self.on_limited: Callable[[str, str, int], None] = lambda _limit, _user_id, _ms: None
        """Called with a limit, a participant who has used it up, and for how many milliseconds."""
        self.on_delivered: list[Callable[[int, Sequence[Envelope]], None]] = []
        """Called with a conversation and what its sessions here have just been sent, or as much as they could take."""
        self.on_unannounced: Callable[[int], Awaitable[None]]
        """Called with a conversation that somebody here may be in without having heard of it. May raise ChatError."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._catching_up: dict[tuple[Session, int], set[asyncio.Task[None]]] = {}
        """What the hub itself has begun for sessions that joined rooms, by session and conversation."""
        self.received = 0
        """Publications that came."""
        self._numbers: dict[int, None] = {}
        """Of the latest events that come in several copies."""

    async def start(self, recovered: Callable[[], None]) -> None:
        """`recovered` is called when the backplane may have lost something and carries again."""
        await self._backplane.start(self.receive, recovered)

    async def close(self) -> None:
        await self._backplane.close()
        await tasks.end(self._tasks)

    # Coming and going

    def attach(self, session: Session) -> None:
        """Begins to take what is for the session's participant; it waits until `release_personal`."""
        session.personal = []
        sessions = self.participants.setdefault(session.user_id, {})
        if not sessions:
            self._backplane.subscribe(participant_topic(session.user_id))
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
                self._backplane.unsubscribe(participant_topic(session.user_id))

    def join(self, session: Session, conversation_id: int) -> None:
        """Holds the room's events for a session, which enters the room if it is not in it, until `settle`."""
        if session.closed:
            return
        room = self.rooms.get(conversation_id)
        if room is None:
            room = self.rooms[conversation_id] = Room(conversation_id)
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
            self._backplane.unsubscribe(conversation_topic(conversation_id))

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
            self._end_membership(session, conversation_id, wait.ended_seq)
            if conversation_id not in session.conversations:
                # Should they be in again, that may have been said, and lost, while they waited.
                self._spawn(self._look_for_unannounced(conversation_id))
        elif reached == room.head:
            del room.waiting[session]
            room.live[session] = None
        else:
            self._expect(room, reached)  # the log has events that this room has not seen yet
        return True

    async def catch_up(self, session: Session, cursors: dict[int, int]) -> None:
        """Sends a session that joined these rooms what the log has after its cursors; then it is live in them.

        The same road for a resume, a new member, and a slow consumer that has drained.
        """
        cursors = dict(cursors)
        stalls = 0
        while cursors and not session.closed and session.actor is not None:
            reader = session.actor.participant
            found = await self._log.read_coverage(reader, list(cursors))
            coverage = dict(zip(cursors, found, strict=True))
            spans = []
            for cid, cover in coverage.items():
                cursor = cursors[cid]
                if cover is None or cursor < cover.joined_seq:
                    del cursors[cid]
                    if cover is not None:
                        cursor = await self._tell_former(session, cid, cursor, cover.joined_seq)
                    self._end_superseded(session, cid, cursor, cover)
                elif cursor < cover.end_seq:
                    spans.append(Span(reader, cid, cursor, min(cover.end_seq, cursor + CATCH_UP_PAGE)))
            stalls = 0 if spans else stalls + 1
            for span, page in await self._read_covered(reader, spans, coverage):
                if page:
                    session.send(b"".join([text_frame(entry.body) for entry in page]))
                cursors[span.conversation_id] = span.through
            for cid, cursor in list(cursors.items()):
                now_covered = coverage[cid]
                if now_covered is None or cursor < now_covered.end_seq:
                    continue
                if not now_covered.is_current:
                    del cursors[cid]
                    self._end_membership(session, cid, cursor)
                elif self.settle(session, cid, cursor):
                    del cursors[cid]
            if stalls > MAX_STALLS:
                # The room was told of events that the log does not have. A new resume starts clean.
                log.error("cannot catch up", session=session.number, conversations=list(cursors))
                session.close(CloseCode.TRY_AGAIN_LATER, "cannot catch up")
                return
            while cursors and not session.closed and session.unread_bytes() > EPHEMERAL_BYTES:
                await asyncio.sleep(DRAIN_POLL_S)

    async def settled(self, session: Session, conversation_id: int) -> None:
        """Waits until the hub itself is not catching up for a session in a room: to be done before it joins that again.

        Of two that catch up in one room at once each would send, and go live, between what the other sends.
        """
        while under_way := self._catching_up.get((session, conversation_id)):
            await asyncio.wait(under_way)

    async def _read_covered(
        self, reader: Participant, spans: Sequence[Span], coverage: Mapping[int, Coverage | None]
    ) -> list[tuple[Span, list[LogEntry]]]:
        """What the log has in these spans, but for those whose membership is no longer the one of `coverage`.

        The log shows what the latest one covers: a page of another lacks what was not to be left out.
        """
        pages = list(zip(spans, await self._log.read_log(spans), strict=True))
        short = [span.conversation_id for span, page in pages if len(page) < span.through - span.after]
        if not short:
            return pages
        now = dict(zip(short, await self._log.read_coverage(reader, short), strict=True))

        def is_another(conversation_id: int) -> bool:
            before, after = coverage[conversation_id], now.get(conversation_id)
            return before is not None and after is not None and before.joined_seq != after.joined_seq

        return [(span, page) for span, page in pages if not is_another(span.conversation_id)]

    async def _tell_former(self, session: Session, conversation_id: int, cursor: int, through: int) -> int:
        """Who was taken out, and in again, before they had come so far hears that they were out; the seq of that.

        Up to there the membership that they had at `cursor` lasted; the database only knows the latest one.
        """
        while cursor < through:
            page = await self._log.read_room(conversation_id, cursor, min(through, cursor + CATCH_UP_PAGE))
            if not page:
                break
            at = next((at for at, envelope in enumerate(page) if session.user_id in envelope.left), len(page) - 1)
            session.send(b"".join([text_frame(envelope.body) for envelope in page[: at + 1]]))
            cursor = page[at].seq
            if session.user_id in page[at].left:
                break
        return cursor

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
            self._spawn_for(session, conversation_id, self._catch_up_or_close(session, conversation_id, cursor))

    async def _catch_up_or_close(self, session: Session, conversation_id: int, cursor: int) -> None:
        try:
            await self.catch_up(session, {conversation_id: cursor})
        except ChatError as error:  # the database is away; the client resumes when it is back
            session.close(CloseCode.TRY_AGAIN_LATER, error.message)

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
                elif not envelope.conversations:
                    self._offer_ephemeral(room.sessions(), envelope)
                    self._tell_delivered(room, [envelope])
                elif self._is_first(envelope.number):
                    self._offer_ephemeral(self._neighbours(envelope.conversations), envelope)
            else:
                self._receive_personal(topic[1:], envelope)
        for room, envelopes in durable.items():
            self._deliver(room, envelopes)

    def compare_heads(self, heads: Iterable[tuple[int, int]]) -> None:
        """Repairs the rooms that are behind these (conversation_id, last_seq), unless the events are just coming."""
        for conversation_id, last_seq in heads:
            room = self.rooms.get(conversation_id)
            if room is not None and room.head is not None and room.head < last_seq:
                self._expect(room, last_seq)

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
                self._spawn(self._look_for_unannounced(room.conversation_id))
        for seq in [seq for seq in room.early if seq <= room.head]:
            del room.early[seq]
        if room.early:
            self._expect(room, max(room.early))

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
            refused = offer_to_all(room.live, chunk)
        for session in refused:
            del room.live[session]
            room.waiting[session] = Wait(lagging=True, cursor=start)
            self._flusher.is_congested(session)
        if room.waiting:
            self._hold(room, start, frames)

    def _hold(self, room: Room, start: int, frames: Sequence[bytes]) -> None:
        numbered = list(enumerate(frames, start + 1))
        for session, before in list(room.waiting.items()):
            if before.lagging or before.ended_seq is not None:
                continue
            wait = room.wait_of(session)
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
            if wait.cursor == room.head:
                del room.waiting[session]
                room.live[session] = None

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
                self._end_membership(session, room.conversation_id, envelope.seq)
            # Otherwise this room is behind: they were taken in again since, and have read so.

    def _end_membership(self, session: Session, conversation_id: int, ended_seq: int) -> None:
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
            self._offer_personal(session, envelope)
            return
        conversation_id, _ = envelope.joins
        if conversation_id not in self.rooms:
            # The first to hear of it here: the sweep will not ask for the others any more.
            self._spawn(self._look_for_unannounced(conversation_id))
        self.join(session, conversation_id)
        self._spawn_for(session, conversation_id, self._enter(session, envelope, *envelope.joins))

    def _offer_personal(self, session: Session, envelope: Envelope) -> None:
        if not session.offer(text_frame(envelope.body), PERSONAL_BYTES):
            # It is not in any conversation's log, but a resume tells of it.
            session.close(CloseCode.SLOW_CONSUMER, "reads too slowly")

    async def _enter(self, session: Session, announcement: Envelope, conversation_id: int, seq: int) -> None:
        """Tells a session that has joined a room of the conversation, unless the membership is over by now."""
        assert session.actor is not None
        try:
            (cover,) = await self._log.read_coverage(session.actor.participant, [conversation_id])
            if cover is None or not cover.is_current or seq < cover.joined_seq:
                self._end_superseded(session, conversation_id, seq, cover)
                return
            self._offer_personal(session, announcement)
            await self.catch_up(session, {conversation_id: seq})
        except ChatError as error:  # the database is away; the client resumes when it is back
            session.close(CloseCode.TRY_AGAIN_LATER, error.message)

    def _end_superseded(self, session: Session, conversation_id: int, seq: int, cover: Coverage | None) -> None:
        """What the session knows, up to `seq`, is of a membership that is over; there may be a new one."""
        self._end_membership(session, conversation_id, seq)
        if cover is not None and cover.is_current and conversation_id not in session.conversations:
            self._spawn(self._look_for_unannounced(conversation_id))

    def _offer_ephemeral(self, sessions: Iterable[Session], envelope: Envelope) -> None:
        frame = text_frame(envelope.body)
        for session in sessions:
            if session.personal is None and session.user_id != envelope.skip_user:
                session.offer(frame, EPHEMERAL_BYTES)

    def _is_first(self, number: int) -> bool:
        """Whether this is the first copy of an event that comes on several topics."""
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
            room = self.rooms.get(conversation_id)
            if room is not None:
                sessions.update(room.live)
                sessions.update(dict.fromkeys(room.waiting))
        return sessions

    # Repair

    def _expect(self, room: Room, seq: int) -> None:
        """Events up to `seq` exist: unless they come within `GAP_HOLD_S`, the room reads them from the log."""
        room.target = max(room.target, seq)
        if room.repair is None:
            room.repair = self._spawn(self._repair(room))

    async def _repair(self, room: Room) -> None:
        try:
            await asyncio.sleep(GAP_HOLD_S)
            while room.head is not None and room.head < room.target:
                try:
                    through = min(room.target, room.head + CATCH_UP_PAGE)
                    envelopes = await self._log.read_room(room.conversation_id, room.head, through)
                except ChatError as error:
                    log.warning("cannot read the log", conversation_id=room.conversation_id, error=error.message)
                    await asyncio.sleep(REPAIR_RETRY_S)
                    continue
                if not envelopes:
                    # What was announced is not in the log: nobody can ever send it.
                    room.target = room.head
                    room.early.clear()
                    break
                self._deliver(room, envelopes)
        finally:
            room.repair = None

    def _lacks(self, conversation_id: int, user_ids: Iterable[str]) -> bool:
        """Whether one of these participants has a session here that is not in that room."""
        sessions = (session for user_id in user_ids for session in self.participants.get(user_id, ()))
        return any(conversation_id not in session.conversations for session in sessions)

    async def _look_for_unannounced(self, conversation_id: int) -> None:
        """Announcements are on their way; those that have not come by now were lost."""
        await asyncio.sleep(GAP_HOLD_S)
        while True:
            try:
                await self.on_unannounced(conversation_id)
            except ChatError as error:
                log.debug("cannot look for members", conversation_id=conversation_id, error=error.message)
                await asyncio.sleep(REPAIR_RETRY_S)
            else:
                return

    def _spawn_for(self, session: Session, conversation_id: int, work: Coroutine[Any, Any, None]) -> None:
        running, place = self._spawn(work), (session, conversation_id)
        self._catching_up.setdefault(place, set()).add(running)
        running.add_done_callback(partial(self._caught_up, place))

    def _caught_up(self, place: tuple[Session, int], ended: asyncio.Task[None]) -> None:
        under_way = self._catching_up[place]
        under_way.discard(ended)
        if not under_way:
            del self._catching_up[place]

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        running = asyncio.create_task(work)
        self._tasks.add(running)
        running.add_done_callback(self._tasks.discard)
        return running
