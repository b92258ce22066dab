"""Finding messages in the index."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from bihak.core.context import Query
from bihak.errors import InvalidField, NotFound
from bihak.features.fulltext import engine_of, message_words
from bihak.features.search.wire import SearchMessages
from bihak.features.search.words import in_conversation, sent_by, words_of
from bihak.protocol.types import Participant
from bihak.storage.schema import conversation_participants, messages

NAMED_CONVERSATIONS = 200
"""Up to so many conversations of the reader's are named in the query; for more, the index answers for everyone's."""


def find(query: Query, request: SearchMessages) -> list[int]:
    """The ids of what was found, newest first, one more than asked for if there are more."""
    sender = _parse_sender(request.sender) if request.sender is not None else None
    words = words_of(request.q)
    if not words:
        return []  # nothing but punctuation, of which there is no index
    m, p, who = messages.c, conversation_participants.c, query.actor.participant
    mine = (p.participant_type == who.type, p.participant_id == who.id, p.left_seq.is_(None))
    whole, any_of, conditions = [], [], []
    if request.conversation_id is not None:
        whole.append(in_conversation(request.conversation_id))
        conditions.append(m.conversation_id == request.conversation_id)
    else:
        ids = query.connection.execute(sa.select(p.conversation_id).where(*mine).limit(NAMED_CONVERSATIONS + 1))
        any_of = [in_conversation(conversation_id) for conversation_id in ids.scalars()]
        if not any_of:
            return []
        if len(any_of) > NAMED_CONVERSATIONS:
            any_of = []
    if sender is not None:
        whole.append(sent_by(sender))
        conditions += [m.sender_type == sender.type, m.sender_id == sender.id]
    if request.since is not None:
        conditions.append(m.created_ms >= _ms(request.since))
    if request.until is not None:
        conditions.append(m.created_ms < _ms(request.until))
    visible = (
        message_words.join(messages, m.id == message_words.c.message_id)
        .join(conversation_participants, sa.and_(p.conversation_id == m.conversation_id, *mine, m.seq > p.joined_seq))
    )  # fmt: skip
    order = (m.created_ms, m.conversation_id, m.seq)
    if request.before is not None:
        conditions.append(sa.tuple_(*order) < sa.tuple_(*_mark(query, request, mine)))
    statement = (
        sa.select(m.id)
        .select_from(visible)
        .where(
            engine_of(query.connection).matches(words, whole, any_of),
            m.deleted_ms.is_(None),
            sa.func.coalesce(m.edited_ms, 0) == message_words.c.edited_ms,
            *conditions,
        )
        .order_by(*(column.desc() for column in order))
        .limit(request.limit + 1)
    )
    return list(query.connection.execute(statement).scalars())


def _mark(query: Query, request: SearchMessages, mine: Sequence[sa.ColumnElement[bool]]) -> Any:
    """Where the message `before` stands in the order. Raises NotFound unless the reader can see it where it looks."""
    m, p = messages.c, conversation_participants.c
    here = [m.id == request.before]
    if request.conversation_id is not None:
        here.append(m.conversation_id == request.conversation_id)
    mark = query.connection.execute(
        sa.select(m.created_ms, m.conversation_id, m.seq)
        .join(conversation_participants, sa.and_(p.conversation_id == m.conversation_id, m.seq > p.joined_seq))
        .where(*here, *mine)
    ).first()
    if mark is None:
        raise NotFound("There is no such message, or it is not in your conversations.")
    return mark


def _parse_sender(user_id: str) -> Participant:
    try:
        return Participant.parse(user_id)
    except ValueError as fault:
        raise InvalidField(f"This is {fault}.", field="sender") from None


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
