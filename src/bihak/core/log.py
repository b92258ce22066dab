"""The durable event log of a conversation: reading it after a seq.

It lies in two tables on one seq: a row of `messages` is its own event, `conversation_events` holds everything else
(without bodies: those stay in `messages`). A replay therefore shows the current state of what it replays.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, Protocol

import msgspec
import sqlalchemy as sa

from bihak.cluster.envelope import Envelope
from bihak.protocol.envelope import DurableEvent, encode
from bihak.protocol.types import Participant
from bihak.storage.dialect import Dialect, listed, word_literal
from bihak.storage.schema import conversation_participants, conversations
from bihak.storage.statement import run_packed

SEQS_AT_ONCE = 2000
RESUME_LIMIT = 1000
"""A reader further behind than this fetches history anew instead of replaying."""


class Span(NamedTuple):
    """What a reader lacks of one conversation: its events after one seq, up to and with another."""

    reader: Participant
    conversation_id: int
    after: int
    through: int


class LogEntry(NamedTuple):
    """One event as it goes over the wire."""

    seq: int
    body: bytes
    left: tuple[str, ...] = ()
    """As `DurableEvent.left`."""
    joined: tuple[str, ...] = ()
    """As `DurableEvent.joined`."""


class MessageRow(msgspec.Struct, array_like=True, gc=False):
    """A message, as `MESSAGE_COLUMNS` has it."""

    id: int
    conversation_id: int
    seq: int
    sender_type: str
    sender_id: int
    sender_name: str | None
    content: str
    reply_to_id: int | None
    idempotency_hex: str | None
    mentions: str | None
    created_ms: int

    @property
    def idempotency_key(self) -> bytes | None:
        return bytes.fromhex(self.idempotency_hex) if self.idempotency_hex else None


MESSAGE_COLUMNS = (
    "x.id, x.conversation_id, x.seq, x.sender_type, x.sender_id, s.name, x.content, x.reply_to_id, "
    "HEX(x.idempotency_key), x.mentions, x.created_ms"
)
"""SQL: what `MessageRow` takes of `messages x` and its `SENDER`."""
SENDER = "LEFT JOIN participants s ON s.participant_type = x.sender_type AND s.participant_id = x.sender_id"


class _MessageRow(MessageRow, array_like=True, gc=False):
    """As `_MESSAGES` selects it."""

    span: int


class _EventRow(msgspec.Struct, array_like=True, gc=False):
    """As `_EVENTS` selects it."""

    span: int
    conversation_id: int
    seq: int
    kind: str
    message_id: int | None
    data: str
    content: str | None
    mentions: str | None


_message_rows = msgspec.json.Decoder(list[_MessageRow])
_event_rows = msgspec.json.Decoder(list[_EventRow])


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

    def read(self, connection: sa.Connection, spans: Sequence[Span]) -> list[list[LogEntry]]:
        """For each span its events in order, without those outside the reader's membership.

        A bounded number of statements, whose cost is that of the seqs asked for, however long the conversations are.
        """
        asked = [
            f"{at:d}, {span.conversation_id:d}, {seq:d}, {word_literal(span.reader.type)}, {span.reader.id:d}"
            for at, span in enumerate(spans)
            for seq in range(span.after + 1, span.through + 1)
        ]
        return self._read(connection, len(spans), ("span", "c", "s", "t", "i"), asked, members_only=True)

    def read_room(self, connection: sa.Connection, conversation_id: int, after: int, through: int) -> list[LogEntry]:
        """The conversation's events after one seq, up to and with another, whoever may see them."""
        asked = [f"0, {conversation_id:d}, {seq:d}" for seq in range(after + 1, through + 1)]
        return self._read(connection, 1, ("span", "c", "s"), asked, members_only=False)[0]

    def _read(
        self, connection: sa.Connection, spans: int, columns: Sequence[str], asked: Sequence[str], *, members_only: bool
    ) -> list[list[LogEntry]]:
        found: list[list[LogEntry]] = [[] for _ in range(spans)]
        join = self._dialect.straight_join
        covered, within = (_MEMBER.format(join=join), _COVERS) if members_only else ("", "")
        for start in range(0, len(asked), SEQS_AT_ONCE):
            some = asked[start : start + SEQS_AT_ONCE]
            left = len(some)
            source = f"WITH {self._dialect.values_table('v', columns, some)}"
            kinds: tuple[tuple[str, msgspec.json.Decoder[Any], Callable[[Any], DurableEvent]], ...] = (
                (_MESSAGES, _message_rows, self._render_message),
                (_EVENTS, _event_rows, self._render_event),
            )
            for select, decoder, render in kinds:
                if not left:
                    break  # each seq is in one of the tables
                sql = source + select.format(join=join, covered=covered, within=within)
                for row in run_packed(connection, sql, decoder):
                    event = render(row)
                    found[row.span].append(LogEntry(event.seq, encode(event), event.left(), event.joined()))
                    left -= 1
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
            fields |= {"content": row.content, "mentions": json.loads(row.mentions or "[]")}
        return msgspec.convert(fields, kind)


# Each seq is asked for by itself: MariaDB enters an index by a range only where the bounds are constants, so a join
# on `seq > v.a` reads the whole conversation.
_MEMBER = """
    {join} conversation_participants p
      ON p.conversation_id = v.c AND p.participant_type = v.t AND p.participant_id = v.i
"""
_COVERS = "AND v.s > p.joined_seq AND (p.left_seq IS NULL OR v.s <= p.left_seq)"
_MESSAGES = f"""
    SELECT JSON_ARRAY({MESSAGE_COLUMNS}, v.span)
    FROM v {{covered}}
    {{join}} messages x ON x.conversation_id = v.c AND x.seq = v.s {{within}}
    {SENDER}
"""
_EVENTS = """
    SELECT JSON_ARRAY(v.span, x.conversation_id, x.seq, x.kind, x.message_id, x.data, m.content, m.mentions)
    FROM v {covered}
    {join} conversation_events x ON x.conversation_id = v.c AND x.seq = v.s {within}
    LEFT JOIN messages m ON m.id = x.message_id
"""


def read_heads(connection: sa.Connection, conversation_ids: Sequence[int]) -> list[int]:
    """The last seq of each; 0 where there is no such conversation."""
    wanted = listed(set(conversation_ids))
    if not wanted:
        return []
    sql = f"SELECT GROUP_CONCAT(JSON_ARRAY(id, last_seq)) FROM conversations WHERE id IN ({wanted})"
    heads = dict(run_packed(connection, sql, _heads))
    return [heads.get(conversation_id, 0) for conversation_id in conversation_ids]


_heads = msgspec.json.Decoder(list[tuple[int, int]])


class Coverage(NamedTuple):
    """What a membership, the latest there was, lets its participant see of a conversation."""

    joined_seq: int
    """They see what comes after it."""
    end_seq: int
    """The conversation's head, or where the membership ended."""
    is_current: bool


def read_coverage(connection: sa.Connection, places: Sequence[tuple[Participant, int]]) -> list[Coverage | None]:
    """For each participant and conversation; None where there never was a membership. One statement."""
    c, p = conversations.c, conversation_participants.c
    people: dict[str, set[int]] = {}
    for who, _ in places:
        people.setdefault(who.type, set()).add(who.id)
    theirs = [sa.and_(p.participant_type == kind, p.participant_id.in_(ids)) for kind, ids in people.items()]
    rows = connection.execute(
        sa.select(p.participant_type, p.participant_id, p.conversation_id, p.joined_seq, p.left_seq, c.last_seq)
        .select_from(conversation_participants.join(conversations, c.id == p.conversation_id))
        .where(p.conversation_id.in_({conversation_id for _, conversation_id in places}), sa.or_(sa.false(), *theirs))
    )
    found = {
        (Participant(kind, number), cid): Coverage(joined, last if left is None else left, left is None)
        for kind, number, cid, joined, left, last in rows
    }
    return [found.get(place) for place in places]


def stored_fields(event: DurableEvent) -> dict[str, Any]:
    """What of `event` goes into `conversation_events.data`: all but its key, its message and the message's body."""
    fields: dict[str, Any] = msgspec.to_builtins(event)
    for name in ("type", "conversation_id", "seq", "message_id", "content", "mentions"):
        fields.pop(name, None)
    return fields


class LogReader(Protocol):
    """Where what was not delivered is read. Each raises Unavailable while the database is away."""

    async def read_coverage(self, reader: Participant, conversation_ids: Sequence[int]) -> list[Coverage | None]:
        """As `log.read_coverage`, as committed by now."""
        ...

    async def read_log(self, spans: Sequence[Span]) -> list[list[LogEntry]]:
        """As `Log.read`."""
        ...

    async def read_room(self, conversation_id: int, after: int, through: int) -> list[Envelope]:
        """As `Log.read_room`."""
        ...
