"""Reading messages back: objects, events of a replay, pages, and unread counts."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec
import sqlalchemy as sa

from bihak.core.context import Query
from bihak.core.log import MESSAGE_COLUMNS, SENDER, MessageRow
from bihak.errors import NotFound
from bihak.features.messages.mentions import load_mentions
from bihak.features.messages.wire import Message, NewMessage
from bihak.protocol.types import Participant, format_time, time_or_none
from bihak.storage.dialect import Dialect, listed, word_literal
from bihak.storage.schema import messages
from bihak.storage.statement import run_packed

UNREAD_MAX = 1000
CURSORS_AT_ONCE = 100


class PageRow(MessageRow, array_like=True, gc=False):
    """A message, with what has become of it."""

    edited_ms: int | None
    deleted_ms: int | None


_page_rows = msgspec.json.Decoder(list[PageRow])


def read_messages(connection: sa.Connection, where: str, *, join: str = "", order: str = "") -> list[PageRow]:
    """Messages, in SQL `x`, for which `where` holds; with what one may `join` to it, and an `order` that may end early.

    All three are SQL: nothing that somebody wrote may get into them.

    As JSON: a driver in Python takes four times as long over the thirteen columns of a row.
    """
    columns = f"{MESSAGE_COLUMNS}, x.edited_ms, x.deleted_ms"
    sql = f"SELECT JSON_ARRAY({columns}) FROM messages x {join} {SENDER} WHERE {where} {order}"
    return run_packed(connection, sql, _page_rows)


def read_messages_of(connection: sa.Connection, ids: Iterable[int]) -> list[PageRow]:
    """Those of these ids that there are, in any order."""
    wanted = listed(ids)
    return read_messages(connection, f"x.id IN ({wanted})") if wanted else []


def message_of(row: PageRow) -> Message:
    """The message object."""
    return Message(
        message_id=row.id,
        conversation_id=row.conversation_id,
        sender_type=row.sender_type,
        sender_id=row.sender_id,
        sender_name=sender_name(row),
        content=row.content,
        reply_to_id=row.reply_to_id,
        created_at=format_time(row.created_ms),
        seq=row.seq,
        idempotency_key=row.idempotency_key.decode() if row.idempotency_key is not None else None,
        edited_at=time_or_none(row.edited_ms),
        deleted_at=time_or_none(row.deleted_ms),
        mentions=load_mentions(row.mentions),
    )


def rows_from(connection: sa.Connection, conversation_id: int, start: int, head: int, count: int) -> list[PageRow]:
    """The first `count` messages whose seq is `start` or later, oldest first."""
    rows: list[PageRow] = []
    width = WINDOW * count
    while len(rows) < count and start <= head:
        window = _between(conversation_id, start, min(start + width - 1, head))
        rows += read_messages(connection, window, order=f"ORDER BY x.seq LIMIT {count - len(rows):d}")
        start, width = start + width, width * 4
    return rows


def rows_back_from(connection: sa.Connection, conversation_id: int, end: int, first: int, count: int) -> list[PageRow]:
    """The last `count` messages whose seq is `end` or earlier, and `first` or later, newest first."""
    rows: list[PageRow] = []
    width = WINDOW * count
    while len(rows) < count and end >= first:
        window = _between(conversation_id, max(end - width + 1, first), end)
        rows += read_messages(connection, window, order=f"ORDER BY x.seq DESC LIMIT {count - len(rows):d}")
        end, width = end - width, width * 4
    return rows


WINDOW = 4
"""Seqs looked at for each message wanted, at first: most events are messages.

Both bounds are given because MariaDB, with one, may begin at the end of the conversation and walk.
"""


def _between(conversation_id: int, first: int, last: int) -> str:
    return f"x.conversation_id = {conversation_id:d} AND x.seq BETWEEN {first:d} AND {last:d}"


class ReadCursor(NamedTuple):
    """Up to which seq somebody has read a conversation, and its head."""

    reader: Participant
    conversation_id: int
    seq: int
    head: int


def count_unread(connection: sa.Connection, dialect: Dialect, cursors: Sequence[ReadCursor]) -> list[int]:
    """For each cursor the messages of others after it that were not deleted; at most `UNREAD_MAX`."""
    counts = [0] * len(cursors)
    close = [at for at, cursor in enumerate(cursors) if 0 < cursor.head - cursor.seq <= CLOSE]
    far = [at for at, cursor in enumerate(cursors) if cursor.head - cursor.seq > CLOSE]
    for count, places in ((_count_close, close), (_count_far, far)):
        for start in range(0, len(places), CURSORS_AT_ONCE):
            some = places[start : start + CURSORS_AT_ONCE]
            sql = count(dialect, [cursors[at] for at in some])
            for at, number in run_packed(connection, sql, _counts):
                counts[some[at]] += number
    return counts


_counts = msgspec.json.Decoder(list[tuple[int, int]])
CLOSE = 20
"""A cursor so near its head is counted by asking for each seq, which costs a twentieth of a query of its own."""


def _count_close(dialect: Dialect, cursors: Sequence[ReadCursor]) -> str:
    asked = (
        f"{at},{c.conversation_id:d},{seq:d},{word_literal(c.reader.type)},{c.reader.id:d}"
        for at, c in enumerate(cursors)
        for seq in range(c.seq + 1, c.head + 1)
    )
    return (
        f"WITH {dialect.values_table('v', ('n', 'c', 's', 't', 'i'), asked)} SELECT GROUP_CONCAT(JSON_ARRAY(v.n, 1)) "
        f"FROM v {dialect.straight_join} messages m ON m.conversation_id = v.c AND m.seq = v.s "
        "WHERE m.deleted_ms IS NULL AND NOT (m.sender_type = v.t AND m.sender_id = v.i)"
    )


def _count_far(_dialect: Dialect, cursors: Sequence[ReadCursor]) -> str:
    """The limit and the order from the end bound the cost for those who never say what they have read."""
    return " UNION ALL ".join(
        f"SELECT JSON_ARRAY({at:d}, COUNT(*)) FROM (SELECT 1 FROM messages"
        f" WHERE conversation_id = {c.conversation_id:d} AND seq > {c.seq:d} AND deleted_ms IS NULL"
        f" AND NOT (sender_type = {word_literal(c.reader.type)} AND sender_id = {c.reader.id:d})"
        f" ORDER BY seq DESC LIMIT {UNREAD_MAX:d}) u{at:d}"
        for at, c in enumerate(cursors)
    )


def render_message(row: MessageRow) -> NewMessage:
    """The event that a message is, for a replay."""
    return NewMessage(
        conversation_id=row.conversation_id,
        seq=row.seq,
        message_id=row.id,
        sender_type=row.sender_type,
        sender_id=row.sender_id,
        sender_name=sender_name(row),
        content=row.content,
        created_at=format_time(row.created_ms),
        reply_to_id=row.reply_to_id,
        idempotency_key=row.idempotency_key.decode() if row.idempotency_key is not None else None,
        mentions=load_mentions(row.mentions),
    )


def sender_name(row: MessageRow) -> str:
    """A sender that the platform never named is called by its `user_id`."""
    return row.sender_name or Participant(row.sender_type, row.sender_id).user_id


def seq_of(query: Query, conversation_id: int, message_id: int, joined_seq: int) -> int:
    m = messages.c
    seq: int | None = query.connection.execute(
        sa.select(m.seq).where(m.id == message_id, m.conversation_id == conversation_id, m.seq > joined_seq)
    ).scalar()
    if seq is None:
        raise NotFound("There is no such message in this conversation.")
    return seq
