"""The durable event log of a conversation: reading it after a seq.

It lies in two tables on one seq: a row of `messages` is its own event, `conversation_events` holds everything else
(without bodies: those stay in `messages`). A replay therefore shows the current state of what it replays.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from bihak.protocol.envelope import DurableEvent, encode
from bihak.protocol.types import Participant
from bihak.storage.dialect import Dialect, word_literal

RESUME_LIMIT = 1000
"""A reader further behind than this fetches history anew instead of replaying."""


class Span(NamedTuple):
    """What a reader lacks of one conversation: its events after a seq."""

    reader: Participant
    conversation_id: int
    after: int


class LogEntry(NamedTuple):
    """One event as it goes over the wire."""

    seq: int
    body: bytes
    left: tuple[str, ...] = ()
    """As `DurableEvent.left`."""


class Log:
    """Reads events back. `render_message` makes the event of a row of `messages`."""

    def __init__(
        self,
        dialect: Dialect,
        event_types: Iterable[type[DurableEvent]],
        render_message: Callable[[Any], DurableEvent],
    ) -> None:
        self._dialect = dialect
        self._types = {str(t.__struct_config__.tag): t for t in event_types}
        self._render_message = render_message

    def read_after(
        self, connection: sa.Connection, spans: Sequence[Span], limit: int = RESUME_LIMIT
    ) -> list[list[LogEntry]]:
        """For each span its events in order, at most `limit` of them, and none outside the reader's membership.

        Two statements, however many spans.
        """
        rows = [(s.conversation_id, s.after, s.after + limit, s.reader.type, s.reader.id) for s in spans]
        return self._read(connection, rows, members_only=True)

    def read_room(self, connection: sa.Connection, conversation_id: int, after: int, limit: int) -> list[LogEntry]:
        """The conversation's events in order, at most `limit` of them, whoever may see them."""
        return self._read(connection, [(conversation_id, after, after + limit, "nobody", 0)], members_only=False)[0]

    def _read(
        self, connection: sa.Connection, rows: Sequence[tuple[int, int, int, str, int]], *, members_only: bool
    ) -> list[list[LogEntry]]:
        found: list[list[LogEntry]] = [[] for _ in rows]
        if not rows:
            return found
        join = self._dialect.straight_join
        values = (f"{at:d}, {c:d}, {a:d}, {z:d}, {word_literal(t)}, {i:d}" for at, (c, a, z, t, i) in enumerate(rows))
        source = f"WITH {self._dialect.values_table('v', ('span', 'c', 'a', 'z', 't', 'i'), values)}"
        covered, within = (_MEMBER.format(join=join), _COVERS) if members_only else ("", "")
        for select, render in ((_MESSAGES, self._render_message), (_EVENTS, self._render_event)):
            sql = source + select.format(join=join, covered=covered, within=within)
            for row in connection.exec_driver_sql(sql):
                event = render(row)
                found[row.span].append(LogEntry(event.seq, encode(event), event.left()))
        for entries in found:
            entries.sort()
        return found

    def _render_event(self, row: Any) -> DurableEvent:
        kind = self._types[row.kind]
        fields = json.loads(row.data)
        fields |= {"type": row.kind, "conversation_id": row.conversation_id, "seq": row.seq}
        if row.message_id is not None:
            fields["message_id"] = row.message_id
        if "content" in kind.__struct_fields__:
            fields["content"] = row.content
        return msgspec.convert(fields, kind)


# The log is dense, so `seq <= after + limit` bounds the rows of both tables together.
_MEMBER = """
    {join} conversation_participants p
      ON p.conversation_id = v.c AND p.participant_type = v.t AND p.participant_id = v.i
"""
_COVERS = "AND x.seq > p.joined_seq AND (p.left_seq IS NULL OR x.seq <= p.left_seq)"
_MESSAGES = """
    SELECT v.span, x.id, x.conversation_id, x.seq, x.sender_type, x.sender_id, s.name AS sender_name, x.content,
      x.reply_to_id, x.idempotency_key, x.created_ms
    FROM v {covered}
    {join} messages x ON x.conversation_id = v.c AND x.seq > v.a AND x.seq <= v.z {within}
    LEFT JOIN participants s ON s.participant_type = x.sender_type AND s.participant_id = x.sender_id
"""
_EVENTS = """
    SELECT v.span, x.conversation_id, x.seq, x.kind, x.message_id, x.data, m.content
    FROM v {covered}
    {join} conversation_events x ON x.conversation_id = v.c AND x.seq > v.a AND x.seq <= v.z {within}
    LEFT JOIN messages m ON m.id = x.message_id
"""


def stored_fields(event: DurableEvent) -> dict[str, Any]:
    """What of `event` goes into `conversation_events.data`: all but its key, its message and the message's body."""
    fields: dict[str, Any] = msgspec.to_builtins(event)
    for name in ("type", "conversation_id", "seq", "message_id", "content"):
        fields.pop(name, None)
    return fields
