"""Conversations as one of their participants sees them."""

from collections.abc import Sequence

import msgspec
import sqlalchemy as sa

from bihak.features.conversations.wire import Conversation, Member
from bihak.features.messages import Messages, ReadCursor, count_unread, read_messages_of
from bihak.protocol.types import Participant, format_time, time_or_none
from bihak.storage.dialect import Dialect, listed, word_literal
from bihak.storage.statement import run_packed


class _Row(msgspec.Struct, array_like=True, gc=False):
    """As `_CONVERSATIONS` selects it."""

    id: int
    conversation_type: str
    name: str | None
    created_ms: int
    last_seq: int
    last_read_seq: int
    last_read_message_id: int | None
    last_message_id: int | None


class _MemberRow(msgspec.Struct, array_like=True, gc=False):
    """As `_MEMBERS` selects it."""

    conversation_id: int
    participant_type: str
    participant_id: int
    role: str
    last_read_message_id: int | None
    shown_read_message_id: int | None
    shares_reads: int
    name: str | None
    avatar_url: str | None
    status: str | None
    last_seen_ms: int | None


_rows = msgspec.json.Decoder(list[_Row])
_member_rows = msgspec.json.Decoder(list[_MemberRow])


def load_conversations(
    connection: sa.Connection, dialect: Dialect, messages: Messages, viewer: Participant, ids: Sequence[int]
) -> list[Conversation]:
    """Those with these ids that `viewer` is in, in the order of `ids`. A bounded number of queries."""
    if not ids:
        return []
    sql = _CONVERSATIONS.format(type=word_literal(viewer.type), id=viewer.id, ids=listed(ids))
    rows = {row.id: row for row in run_packed(connection, sql, _rows)}
    if not rows:
        return []
    members = _load_members(connection, viewer, list(rows))
    cursors = [ReadCursor(viewer, row.id, row.last_read_seq, row.last_seq) for row in rows.values()]
    unread = dict(zip(rows, count_unread(connection, dialect, cursors), strict=True))
    last = [row.last_message_id for row in rows.values() if row.last_message_id is not None]
    loaded = messages.load(connection, read_messages_of(connection, last))
    last_messages = {message.conversation_id: message for message in loaded}
    return [
        Conversation(
            conversation_id=row.id,
            conversation_type=row.conversation_type,
            name=row.name,
            created_at=format_time(row.created_ms),
            last_seq=row.last_seq,
            last_message=last_messages.get(row.id),
            unread=unread[row.id],
            last_read_message_id=row.last_read_message_id,
            participants=members.get(row.id, []),
        )
        for row in map(rows.get, ids)
        if row is not None
    ]


# As JSON: a driver in Python takes longer over each column than the database over putting them together.
_CONVERSATIONS = """
    SELECT JSON_ARRAY(c.id, c.conversation_type, c.name, c.created_ms, c.last_seq,
      p.last_read_seq, p.last_read_message_id,
      (SELECT m.id FROM messages m WHERE m.conversation_id = c.id AND m.seq > p.joined_seq ORDER BY m.seq DESC LIMIT 1))
    FROM conversation_participants p JOIN conversations c ON c.id = p.conversation_id
    WHERE p.participant_type = {type} AND p.participant_id = {id:d} AND p.left_seq IS NULL
      AND p.conversation_id IN ({ids})
"""
_MEMBERS = """
    SELECT JSON_ARRAY(p.conversation_id, p.participant_type, p.participant_id, p.role, p.last_read_message_id,
      p.shown_read_message_id, COALESCE(w.shares_reads, 1) + 0, w.name, w.avatar_url,
      CASE WHEN s.appears_offline THEN 'offline' ELSE s.status END, s.last_seen_ms)
    FROM conversation_participants p
    LEFT JOIN participants w ON w.participant_type = p.participant_type AND w.participant_id = p.participant_id
    LEFT JOIN user_online_status s ON s.participant_type = p.participant_type AND s.participant_id = p.participant_id
    WHERE p.conversation_id IN ({ids}) AND p.left_seq IS NULL
    ORDER BY p.conversation_id, p.participant_type, p.participant_id
"""


def _load_members(connection: sa.Connection, viewer: Participant, ids: Sequence[int]) -> dict[int, list[Member]]:
    members: dict[int, list[Member]] = {}
    for row in run_packed(connection, _MEMBERS.format(ids=listed(ids)), _member_rows):
        person = Participant(row.participant_type, row.participant_id)
        shown = row.shown_read_message_id if row.shares_reads else None
        members.setdefault(row.conversation_id, []).append(
            Member(
                user_id=person.user_id,
                participant_type=row.participant_type,
                participant_id=row.participant_id,
                name=row.name or person.user_id,
                avatar_url=row.avatar_url,
                role=row.role,
                status=row.status or "offline",
                last_seen_at=time_or_none(row.last_seen_ms),
                last_read_message_id=row.last_read_message_id if person == viewer else shown,
            )
        )
    return members
