"""Typing indicators: best effort, and over by themselves."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from bihak.cluster.envelope import Envelope
from bihak.core.context import Call
from bihak.core.feature import Feature, Route, live, write, write_many
from bihak.core.identity import Actor
from bihak.core.limits import Limit
from bihak.core.node import Node
from bihak.core.session import Session
from bihak.core.transaction import Transaction
from bihak.errors import ChatError, NotFound
from bihak.protocol.envelope import DurableEvent, Event, Request, encode
from bihak.protocol.frames import text_frame
from bihak.protocol.types import ConversationId, Participant
from bihak.storage.schema import participants, typing_indicators

ENDS_AFTER_S = 10.0
TELLS_EVERY_S = 3.0

Key = tuple[str, int]
"""Who, by `user_id`, and in which conversation."""


class TypingStart(Request, tag="typing_start", kw_only=True):
    """The one who asks is writing something."""

    conversation_id: ConversationId


class TypingStop(Request, tag="typing_stop", kw_only=True):
    """No longer."""

    conversation_id: ConversationId


class SaveTyping(Request, tag="save_typing", kw_only=True):
    """The server's own: keeps `typing_indicators` as it is here; 0 s: they no longer type."""

    conversation_id: int
    ends_in_s: float


class SweepTyping(Request, tag="sweep_typing", kw_only=True):
    """The server's own: removes what has expired, whichever node left it."""


class UserTyping(Event, tag="user_typing", kw_only=True):
    """Somebody else in the conversation began or ended writing; it ends by itself after 10 seconds."""

    conversation_id: int
    user_id: str
    participant_type: str
    participant_id: int
    name: str
    is_typing: bool


@dataclass(slots=True)
class Typist:
    """Somebody who types here."""

    session: Session
    """Where they did it last."""
    actor: Actor
    ends: asyncio.TimerHandle
    late: asyncio.TimerHandle | None = None
    """Tells the others when it may be told again."""
    is_told: bool = False

    def cancel(self) -> None:
        self.ends.cancel()
        if self.late is not None:
            self.late.cancel()


class Typing(Feature):
    """Remembers who types where, so that it ends when they send, leave, go or fall silent."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._number = secrets.randbits(62) | 1
        """This node's."""
        self._typists: dict[Key, Typist] = {}
        self._told_at: dict[Key, float] = {}
        """When the others were last told that somebody types, oldest first; kept for `TELLS_EVERY_S`."""

    @live(TypingStart, route=Route("POST", "/conversations/{conversation_id}/typing"), limit=Limit.TYPING)
    def start(self, session: Session, request: TypingStart) -> None:
        """Tells the others at most once in `TELLS_EVERY_S`, however often it is asked or stopped in between."""
        actor = _require_place(session, request.conversation_id)
        key = (actor.user_id, request.conversation_id)
        loop = asyncio.get_running_loop()
        ends = loop.call_later(ENDS_AFTER_S, self._end, key)
        typist = self._typists.get(key)
        if typist is None:
            typist = self._typists[key] = Typist(session, actor, ends)
        else:
            typist.ends.cancel()
            typist.session, typist.ends = session, ends
        wait_s = self._told_at.get(key, 0.0) + TELLS_EVERY_S - loop.time()
        if wait_s <= 0:
            self._begin(key, typist)
        elif not typist.is_told and typist.late is None:
            typist.late = loop.call_later(wait_s, self._begin, key, typist)

    @live(TypingStop, route=Route("DELETE", "/conversations/{conversation_id}/typing"), limit=Limit.TYPING)
    def stop(self, session: Session, request: TypingStop) -> None:
        actor = _require_place(session, request.conversation_id)
        self._end((actor.user_id, request.conversation_id))

    def session_closed(self, session: Session) -> None:
        for key in [key for key, typist in self._typists.items() if typist.session is session]:
            self._end(key)

    def delivered(self, conversation_id: int, envelopes: Sequence[Envelope]) -> None:
        for envelope in envelopes:
            if envelope.typing:
                self._hear((envelope.skip_user, conversation_id), envelope.typing)
            elif self._typists:
                self._end_each(conversation_id, envelope.wrote, envelope.left)

    def committed(self, events: Sequence[DurableEvent]) -> None:
        """For those who type over HTTP, of whose conversation nothing may be delivered here."""
        if self._typists:
            for event in events:
                self._end_each(event.conversation_id, event.wrote(), event.left())

    async def tell_current(self, session: Session, conversation_id: int) -> None:
        """Tells a session who types in a conversation now, on whichever node."""
        try:
            events = await self._node.readers.run(lambda connection: self._load(connection, conversation_id))
        except ChatError:
            return  # best effort
        for event in events:
            if event.user_id != session.user_id:
                session.send(text_frame(encode(event)))

    def _load(self, connection: sa.Connection, conversation_id: int) -> list[UserTyping]:
        now_ms = self._node.clock_ms(connection)
        t, p = typing_indicators.c, participants.c
        rows = connection.execute(
            sa.select(t.participant_type, t.participant_id, p.name)
            .select_from(
                typing_indicators.outerjoin(
                    participants,
                    sa.and_(p.participant_type == t.participant_type, p.participant_id == t.participant_id),
                )
            )
            .where(t.conversation_id == conversation_id, t.expires_ms > now_ms)
        )
        return [
            _event(conversation_id, Participant(kind, number), name or f"{kind}_{number}", is_typing=True)
            for kind, number, name in rows
        ]

    @write_many(SaveTyping, internal=True)
    def save(self, tx: Transaction, calls: Sequence[Call[SaveTyping]]) -> None:
        """The last word about each counts; two statements for all."""
        now_ms = tx.read_clock()
        latest = {(call.request.conversation_id, *call.actor.participant): call.request for call in calls}
        t = typing_indicators.c
        key = (t.conversation_id, t.participant_type, t.participant_id)
        tx.connection.execute(
            typing_indicators.delete().where(
                sa.or_(*(sa.and_(*(c == v for c, v in zip(key, place, strict=True))) for place in latest))
            )
        )
        rows = [
            {
                **dict(zip(("conversation_id", "participant_type", "participant_id"), place, strict=True)),
                "expires_ms": now_ms + int(request.ends_in_s * 1000),
            }
            for place, request in latest.items()
            if request.ends_in_s
        ]
        if rows:
            tx.connection.execute(typing_indicators.insert(), rows)

    @write(SweepTyping, internal=True)
    def sweep(self, tx: Transaction, request: SweepTyping) -> int:
        gone = tx.connection.execute(
            typing_indicators.delete().where(typing_indicators.c.expires_ms <= tx.read_clock())
        )
        return gone.rowcount

    def background(self) -> Sequence[Callable[[], Awaitable[None]]]:
        return (self._node.periodically("typing", SweepTyping()),)

    def _begin(self, key: Key, typist: Typist) -> None:
        if typist.late is not None:
            typist.late.cancel()
        typist.late, typist.is_told = None, True
        self._note_told(key)
        self._tell(typist.actor, key[1], is_typing=True)
        self._node.write(SaveTyping(conversation_id=key[1], ends_in_s=ENDS_AFTER_S), typist.actor)

    def _hear(self, key: Key, number: int) -> None:
        """Another node tells the others that somebody types; if they are here too, this one need not."""
        if number == self._number or key[0] not in self._node.hub.participants:
            return
        typist, told_at = self._typists.get(key), self._told_at.get(key, 0.0)
        # Where both nodes have told at once, both tell of the end; else it is up to the one that told last.
        if typist is not None and asyncio.get_running_loop().time() - told_at > TELLS_EVERY_S / 2:
            typist.is_told = False
        self._note_told(key)

    def _note_told(self, key: Key) -> None:
        now = asyncio.get_running_loop().time()
        self._told_at.pop(key, None)
        self._told_at[key] = now
        while now - self._told_at[oldest := next(iter(self._told_at))] > TELLS_EVERY_S:
            del self._told_at[oldest]

    def _end_each(self, conversation_id: int, wrote: str, left: Sequence[str]) -> None:
        for user_id in (wrote, *left):
            self._end((user_id, conversation_id))

    def _end(self, key: Key) -> None:
        """Whoever was not told of the beginning is not told of the end."""
        typist = self._typists.pop(key, None)
        if typist is None:
            return
        typist.cancel()
        if typist.is_told:
            self._tell(typist.actor, key[1], is_typing=False)
            self._node.write(SaveTyping(conversation_id=key[1], ends_in_s=0), typist.actor)

    def _tell(self, actor: Actor, conversation_id: int, *, is_typing: bool) -> None:
        event = _event(conversation_id, actor.participant, actor.name, is_typing=is_typing)
        self._node.signal(
            event,
            conversation_id=conversation_id,
            skip_user=actor.user_id,
            typing=self._number if is_typing else 0,
        )


def _event(conversation_id: int, who: Participant, name: str, *, is_typing: bool) -> UserTyping:
    return UserTyping(
        conversation_id=conversation_id,
        user_id=who.user_id,
        participant_type=who.type,
        participant_id=who.id,
        name=name,
        is_typing=is_typing,
    )


def _require_place(session: Session, conversation_id: int) -> Actor:
    if session.actor is None or conversation_id not in session.conversations:
        raise NotFound("There is no such conversation, or you are not in it.")
    return session.actor
