"""Catching up: what the logs have for a session that has joined rooms, until it is live in them.

The same road for a resume, a new member, and a slow consumer that has drained.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Protocol

import structlog

from bihak.cluster.envelope import Envelope
from bihak.core.log import Coverage, LogEntry, LogReader, Span
from bihak.core.session import EPHEMERAL_BYTES, Session
from bihak.errors import ChatError, CloseCode
from bihak.protocol.frames import text_frame
from bihak.protocol.types import Participant
from bihak.tasks import Running

log = structlog.stdlib.get_logger("bihak.hub")

PAGE = 200
"""Events of one conversation that are read and sent at a time."""
MAX_STALLS = 3
DRAIN_POLL_S = 0.05


class Rooms(Protocol):
    """What catching up needs of the hub."""

    def settle(self, session: Session, conversation_id: int, cursor: int) -> bool: ...
    def end_membership(self, session: Session, conversation_id: int, ended_seq: int) -> None: ...
    def end_superseded(self, session: Session, conversation_id: int, seq: int, cover: Coverage | None) -> None: ...


class CatchingUp:
    """Sends sessions what they lack. For the event loop only."""

    def __init__(self, rooms: Rooms, log_reader: LogReader, running: Running) -> None:
        self._rooms = rooms
        self._log = log_reader
        self._running = running
        self._under_way: dict[tuple[Session, int], set[asyncio.Task[None]]] = {}
        """What was begun here for sessions that joined rooms, by session and conversation."""
        self.draining = False
        """Whether the node is about to end: it does not wait then for whoever reads slowly."""

    # What nobody waits for

    def begin(self, session: Session, conversation_id: int, cursor: int) -> None:
        """Catches up, behind whatever else goes on."""
        self._start(session, conversation_id, partial(self.send, session, {conversation_id: cursor}))

    def begin_new(self, session: Session, announcement: Envelope, conversation_id: int, seq: int) -> None:
        """The same for a session that is to hear of the conversation first; `seq` is the head that it hears of."""
        self._start(session, conversation_id, partial(self._send_new, session, announcement, conversation_id, seq))

    async def settled(self, session: Session, conversation_id: int) -> None:
        """Waits until nothing begun here is under way for a session in a room: to be done before it joins that again.

        Of two that catch up in one room at once each would send, and go live, between what the other sends.
        """
        while under_way := self._under_way.get((session, conversation_id)):
            await asyncio.wait(under_way)

    def _start(self, session: Session, conversation_id: int, work: Callable[[], Awaitable[None]]) -> None:
        task, place = self._running.start(_or_close(session, work)), (session, conversation_id)
        self._under_way.setdefault(place, set()).add(task)
        task.add_done_callback(partial(self._ended, place))

    def _ended(self, place: tuple[Session, int], task: asyncio.Task[None]) -> None:
        under_way = self._under_way[place]
        under_way.discard(task)
        if not under_way:
            del self._under_way[place]

    async def _send_new(self, session: Session, announcement: Envelope, conversation_id: int, seq: int) -> None:
        """Tells of the conversation first, unless the membership is over by now."""
        assert session.actor is not None
        (cover,) = await self._log.read_coverage(session.actor.participant, [conversation_id])
        if cover is None or not cover.is_current or seq < cover.joined_seq:
            self._rooms.end_superseded(session, conversation_id, seq, cover)
            return
        session.tell(announcement)
        await self.send(session, {conversation_id: seq})

    # Sending

    async def send(self, session: Session, cursors: dict[int, int]) -> None:
        """Sends a session that joined these rooms what the log has after its cursors; then it is live in them."""
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
                    self._rooms.end_superseded(session, cid, cursor, cover)
                elif cursor < cover.end_seq:
                    spans.append(Span(reader, cid, cursor, min(cover.end_seq, cursor + PAGE)))
            stalls = 0 if spans else stalls + 1
            for span, page in await self._read_covered(reader, spans, coverage):
                if page:
                    await self._drained(session)
                    session.send(b"".join([text_frame(entry.body) for entry in page]))
                cursors[span.conversation_id] = span.through
            for cid, cursor in list(cursors.items()):
                now_covered = coverage[cid]
                if now_covered is None or cursor < now_covered.end_seq:
                    continue
                if not now_covered.is_current:
                    del cursors[cid]
                    self._rooms.end_membership(session, cid, cursor)
                elif self._rooms.settle(session, cid, cursor):
                    del cursors[cid]
            if stalls > MAX_STALLS:
                # The room was told of events that the log does not have. A new resume starts clean.
                log.error("cannot catch up", session=session.number, conversations=list(cursors))
                session.close(CloseCode.TRY_AGAIN_LATER, "cannot catch up")
                return
            if cursors:
                await self._drained(session)

    async def _drained(self, session: Session) -> None:
        """Waits until the other side has read most of what it was sent: of many pages, one at a time is on its way."""
        while not session.closed and session.unread_bytes() > EPHEMERAL_BYTES:
            if self.draining:
                session.close(CloseCode.GOING_AWAY, "server is draining")
                return
            session.watch_reader()
            await asyncio.sleep(DRAIN_POLL_S)

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
            page = await self._log.read_room(conversation_id, cursor, min(through, cursor + PAGE))
            if not page:
                break
            at = next((at for at, envelope in enumerate(page) if session.user_id in envelope.left), len(page) - 1)
            session.send(b"".join([text_frame(envelope.body) for envelope in page[: at + 1]]))
            cursor = page[at].seq
            if session.user_id in page[at].left:
                break
        return cursor


async def _or_close(session: Session, work: Callable[[], Awaitable[None]]) -> None:
    try:
        await work()
    except ChatError as error:  # the database is away; the client resumes when it is back
        session.close(CloseCode.TRY_AGAIN_LATER, error.message)
