"""Typing indicators: best effort, and over by themselves."""

import asyncio

from bihak.core.feature import Feature, live
from bihak.core.node import Node
from bihak.core.session import Session
from bihak.errors import NotFound
from bihak.protocol.envelope import Event, Request
from bihak.protocol.types import ConversationId

ENDS_AFTER_S = 10.0

Key = tuple[str, int]


class TypingStart(Request, tag="typing_start", kw_only=True):
    """The one who asks is writing something."""

    conversation_id: ConversationId


class TypingStop(Request, tag="typing_stop", kw_only=True):
    """No longer."""

    conversation_id: ConversationId


class UserTyping(Event, tag="user_typing", kw_only=True):
    conversation_id: int
    user_id: str
    participant_type: str
    participant_id: int
    name: str
    is_typing: bool


class Typing(Feature):
    """Remembers who types where, so that it ends when they go silent or go."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._ends: dict[Key, tuple[Session, asyncio.TimerHandle]] = {}

    @live(TypingStart)
    def start(self, session: Session, request: TypingStart) -> None:
        key = _key(session, request.conversation_id)
        timer = asyncio.get_running_loop().call_later(ENDS_AFTER_S, self._end, key)
        before = self._ends.pop(key, None)
        if before is not None:
            before[1].cancel()
        self._ends[key] = (session, timer)
        self._tell(session, request.conversation_id, is_typing=True)

    @live(TypingStop)
    def stop(self, session: Session, request: TypingStop) -> None:
        self._end(_key(session, request.conversation_id))

    def session_closed(self, session: Session) -> None:
        for key in [key for key, (typist, _) in self._ends.items() if typist is session]:
            self._end(key)

    def _end(self, key: Key) -> None:
        entry = self._ends.pop(key, None)
        if entry is not None:
            session, timer = entry
            timer.cancel()
            self._tell(session, key[1], is_typing=False)

    def _tell(self, session: Session, conversation_id: int, *, is_typing: bool) -> None:
        actor = session.actor
        assert actor is not None
        event = UserTyping(
            conversation_id=conversation_id,
            user_id=actor.user_id,
            participant_type=actor.participant.type,
            participant_id=actor.participant.id,
            name=actor.name,
            is_typing=is_typing,
        )
        self._node.signal(event, conversations=[conversation_id], skip_user=actor.user_id)


def _key(session: Session, conversation_id: int) -> Key:
    if conversation_id not in session.conversations:
        raise NotFound("There is no such conversation, or you are not in it.")
    return session.user_id, conversation_id
