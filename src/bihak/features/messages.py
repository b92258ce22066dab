"""Messages: sending, editing, deleting, and pages of history."""

import hashlib
from collections.abc import Sequence
from typing import Annotated, Any, NamedTuple

import msgspec
import sqlalchemy as sa
from msgspec import Meta

from bihak.core.context import Call, LockedConversation, Membership, Query, Transaction
from bihak.core.feature import Feature, Route, read, write, write_many
from bihak.core.identity import Actor
from bihak.core.log import read_heads
from bihak.errors import ChatError, Conflict, Forbidden, InvalidField, NotFound, TooLarge
from bihak.protocol.envelope import DurableEvent, Reply, Request, require_bytes
from bihak.protocol.types import ConversationId, MessageId, Participant, Scalar, format_time, time_or_none
from bihak.storage.dialect import word_literal
from bihak.storage.schema import conversation_participants, messages, participants

MAX_CONTENT = 10_000
HISTORY_LIMIT = 50
HISTORY_MAX = 100
UNREAD_MAX = 1000
CURSORS_AT_ONCE = 100


class SendMessage(Request, tag="message", kw_only=True):
    """Sends a message. The same `idempotency_key` again stores nothing new and gets the first reply's facts."""

    conversation_id: ConversationId
    content: str
    reply_to_id: MessageId | None = None
    temp_id: Scalar = None
    idempotency_key: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.idempotency_key is not None:
            require_bytes("idempotency_key", self.idempotency_key, 8, 64)


class MessageSent(Reply, tag="message_sent", kw_only=True):
    message_id: int
    temp_id: Scalar
    conversation_id: int
    seq: int
    created_at: str
    duplicate: bool


class EditMessage(Request, tag="edit_message", kw_only=True):
    """Replaces the content of one's own message."""

    message_id: MessageId
    content: str


class DeleteMessage(Request, tag="delete_message", kw_only=True):
    """Removes a message's content for everyone; its place stays. For its author and for moderators."""

    message_id: MessageId


class Ok(Reply, tag="ok", kw_only=True):
    """Done."""


class History(Request, tag="history", kw_only=True):
    """A page of messages: the latest, or those before or after one."""

    conversation_id: ConversationId
    before: MessageId | None = None
    after: MessageId | None = None
    limit: Annotated[int, Meta(ge=1, le=HISTORY_MAX)] = HISTORY_LIMIT


class Reaction(msgspec.Struct):
    emoji: str
    user_ids: list[str]


class Message(msgspec.Struct, kw_only=True):
    """A message as it is now."""

    message_id: int
    conversation_id: int
    sender_type: str
    sender_id: int
    sender_name: str
    content: str
    reply_to_id: int | None
    created_at: str
    seq: int
    idempotency_key: str | None = None
    edited_at: str | None = None
    deleted_at: str | None = None
    reactions: list[Reaction] = []
    mentions: list[str] = []
    pinned: bool = False


class HistoryPage(Reply, tag="history", kw_only=True):
    conversation_id: int
    messages: list[Message]
    """Oldest first."""
    has_more: bool
    """Whether there are more in the direction asked for."""


class NewMessage(DurableEvent, tag="new_message", kw_only=True, omit_defaults=True):
    message_id: int
    sender_type: str
    sender_id: int
    sender_name: str
    content: str
    created_at: str
    reply_to_id: int | None = None
    idempotency_key: str | None = None


class MessageEdited(DurableEvent, tag="message_edited", kw_only=True):
    message_id: int
    content: str
    edited_at: str


class MessageDeleted(DurableEvent, tag="message_deleted", kw_only=True):
    message_id: int
    deleted_at: str
    deleted_by: str


class Messages(Feature):
    """What can be done with messages."""

    events = (MessageEdited, MessageDeleted)

    @write_many(SendMessage, route=Route("POST", "/conversations/{conversation_id}/messages", 201), limited=True)
    def send(self, tx: Transaction, calls: Sequence[Call[SendMessage]]) -> None:
        """Stores all messages of a transaction with one INSERT."""
        parents = _conversations_of(tx, [c.request.reply_to_id for c in calls if c.request.reply_to_id is not None])
        drafts = []
        for call in calls:
            try:
                drafts.append(_draft(tx, call, parents))
            except ChatError as error:
                call.outcome = error
        _insert(tx, drafts)

    @write(EditMessage, route=Route("PATCH", "/messages/{message_id}"))
    def edit(self, tx: Transaction, request: EditMessage) -> Ok:
        """Records `message_edited`, unless the content is what it was."""
        content = clean_content(request.content)
        conversation, _, row = require_message(tx, request.message_id)
        if (row.sender_type, row.sender_id) != tx.actor.participant:
            raise Forbidden("Only its author may edit a message.")
        if row.deleted_ms is not None:
            raise Conflict("The message was deleted.")
        if row.content != content:
            tx.connection.execute(
                messages.update().where(messages.c.id == row.id).values(content=content, edited_ms=tx.now_ms)
            )
            tx.record(
                conversation,
                MessageEdited(
                    conversation_id=conversation.id,
                    seq=conversation.next_seq(),
                    message_id=row.id,
                    content=content,
                    edited_at=format_time(tx.now_ms),
                ),
            )
        return Ok()

    @write(DeleteMessage, route=Route("DELETE", "/messages/{message_id}"))
    def delete(self, tx: Transaction, request: DeleteMessage) -> Ok:
        """Records `message_deleted`, unless it was deleted before."""
        conversation, _, row = require_message(tx, request.message_id)
        if (row.sender_type, row.sender_id) != tx.actor.participant and not tx.actor.is_moderator:
            raise Forbidden("Only its author or an admin may delete a message.")
        if row.deleted_ms is None:
            tx.connection.execute(
                messages.update()
                .where(messages.c.id == row.id)
                .values(content="", body_digest=None, deleted_ms=tx.now_ms)
            )
            tx.record(
                conversation,
                MessageDeleted(
                    conversation_id=conversation.id,
                    seq=conversation.next_seq(),
                    message_id=row.id,
                    deleted_at=format_time(tx.now_ms),
                    deleted_by=tx.actor.user_id,
                ),
            )
        return Ok()

    @read(History, route=Route("GET", "/conversations/{conversation_id}/messages"))
    def history(self, query: Query, request: History) -> HistoryPage:
        """Costs the same however long the conversation is."""
        joined_seq = require_joined_seq(query, request.conversation_id)
        if request.before is not None and request.after is not None:
            raise InvalidField("Give `before` or `after`, not both.", field="after")
        cid = request.conversation_id
        if request.after is not None:
            start = _seq_of(query, cid, request.after, joined_seq) + 1
            (head,) = read_heads(query.connection, [cid])
            rows = _rows_from(query.connection, cid, start, head, request.limit + 1)
        else:
            if request.before is not None:
                end = _seq_of(query, cid, request.before, joined_seq) - 1
            else:
                (end,) = read_heads(query.connection, [cid])
            rows = _rows_back_from(query.connection, cid, end, joined_seq + 1, request.limit + 1)
        page = [message_of(row) for row in rows[: request.limit]]
        if request.after is None:
            page.reverse()
        return HistoryPage(conversation_id=cid, messages=page, has_more=len(rows) > request.limit)


# Sending


class _Draft:
    """A message that passed every check, with the id and seq it will have."""

    __slots__ = ("call", "content", "conversation", "digest", "key", "message_id", "seq")

    def __init__(self, call: Call[SendMessage], content: str, conversation: LockedConversation, message_id: int) -> None:
        request = call.request
        self.call = call
        self.content = content
        self.conversation = conversation
        self.message_id = message_id
        self.seq = 0
        self.key = request.idempotency_key.encode() if request.idempotency_key is not None else None
        self.digest = _digest(content, request.reply_to_id) if self.key is not None else None

    @property
    def identity(self) -> tuple[int, str, int, bytes | None]:
        """What the unique index on idempotency keys compares."""
        return (self.conversation.id, *self.call.actor.participant, self.key)


def _draft(tx: Transaction, call: Call[SendMessage], parents: dict[int, int]) -> _Draft:
    request = call.request
    content = clean_content(request.content)
    place = tx.find_place(request.conversation_id, call.actor.participant)
    if place is None:
        raise NotFound("There is no such conversation, or you are not in it.")
    conversation, membership = place
    if conversation.type == "broadcast" and not may_lead(call.actor, membership):
        raise Forbidden("Only its owners and admins post to a broadcast.")
    if request.reply_to_id is not None and parents.get(request.reply_to_id) != conversation.id:
        raise NotFound("There is no such message to reply to in this conversation.", field="reply_to_id")
    return _Draft(call, content, conversation, tx.take_id("messages"))


def _insert(tx: Transaction, drafts: Sequence[_Draft]) -> None:
    """Inserts optimistically; only where a key was used before does it look the keys up and insert the rest."""
    seen: dict[tuple[int, str, int, bytes | None], _Draft] = {}
    fresh: list[_Draft] = []
    repeats: list[_Draft] = []
    for draft in drafts:
        if draft.key is not None and draft.identity in seen:
            repeats.append(draft)
        else:
            seen[draft.identity] = draft
            fresh.append(draft)
    if not _try_insert(tx, fresh):
        stored = _find_stored(tx, fresh)
        for draft in fresh:
            row = stored.get(draft.identity)
            if row is not None:
                draft.call.outcome = _repeat(draft, row.id, row.seq, row.created_ms, row.body_digest)
        fresh = [draft for draft in fresh if draft.identity not in stored]
        if not _try_insert(tx, fresh):
            raise AssertionError("an idempotency key is taken that was not found under the conversation's lock")
    for draft in fresh:
        _tell(tx, draft)
    for draft in repeats:
        first = seen[draft.identity]
        sent = first.call.outcome
        if isinstance(sent, MessageSent):
            draft.call.outcome = _repeat(draft, sent.message_id, sent.seq, sent.created_at, first.digest)
        else:
            draft.call.outcome = sent


def _try_insert(tx: Transaction, drafts: Sequence[_Draft]) -> bool:
    """One statement. False if it broke the unique index; then none of the rows is there."""
    if not drafts:
        return True
    now_ms = tx.now_ms
    seqs: dict[int, int] = {}
    rows: list[str] = []
    values: list[object] = []
    mark = tx.dialect.placeholder
    for draft in drafts:
        cid, request, sender = draft.conversation.id, draft.call.request, draft.call.actor.participant
        draft.seq = seqs[cid] = seqs.get(cid, draft.conversation.last_seq) + 1
        # What needs no escaping stands in the text: a driver takes longer over a parameter than over the whole row.
        rows.append(
            f"({draft.message_id:d},{cid:d},{draft.seq:d},{word_literal(sender.type)},{sender.id:d},{now_ms:d},"
            f"{_integer(request.reply_to_id)},{mark},{_marks(draft, mark)})"
        )
        values.append(draft.content)
        if draft.key is not None:
            values += (draft.key, draft.digest)
    sql = f"INSERT INTO messages ({', '.join(_COLUMNS)}) VALUES {','.join(rows)}"
    try:
        tx.connection.exec_driver_sql(sql, tuple(values))
    except sa.exc.IntegrityError:
        # Both databases undo the whole statement and keep the transaction with its locks.
        return False
    return True


_COLUMNS = (
    *("id", "conversation_id", "seq", "sender_type", "sender_id", "created_ms"),
    *("reply_to_id", "content", "idempotency_key", "body_digest"),
)


def _integer(value: int | None) -> str:
    return "NULL" if value is None else f"{value:d}"


def _marks(draft: _Draft, mark: str) -> str:
    return "NULL,NULL" if draft.key is None else f"{mark},{mark}"


def _find_stored(tx: Transaction, drafts: Sequence[_Draft]) -> dict[tuple[int, str, int, bytes | None], Any]:
    m = messages.c
    identity = (m.conversation_id, m.sender_type, m.sender_id, m.idempotency_key)
    keys = [draft.identity for draft in drafts if draft.key is not None]
    rows = tx.connection.execute(
        sa.select(*identity, m.id, m.seq, m.created_ms, m.body_digest).where(
            sa.or_(*(sa.and_(*(column == value for column, value in zip(identity, key, strict=True))) for key in keys))
        )
    )
    return {(row.conversation_id, row.sender_type, row.sender_id, row.idempotency_key): row for row in rows}


def _tell(tx: Transaction, draft: _Draft) -> None:
    call, conversation = draft.call, draft.conversation
    created_at = format_time(tx.now_ms)
    seq = conversation.next_seq()
    tx.record_message(
        call,
        conversation,
        NewMessage(
            conversation_id=conversation.id,
            seq=seq,
            message_id=draft.message_id,
            sender_type=call.actor.participant.type,
            sender_id=call.actor.participant.id,
            sender_name=call.actor.name,
            content=draft.content,
            created_at=created_at,
            reply_to_id=call.request.reply_to_id,
            idempotency_key=call.request.idempotency_key,
        ),
        draft.message_id,
    )
    call.outcome = MessageSent(
        message_id=draft.message_id,
        temp_id=call.request.temp_id,
        conversation_id=conversation.id,
        seq=seq,
        created_at=created_at,
        duplicate=False,
    )


def _repeat(
    draft: _Draft, message_id: int, seq: int, created: int | str, digest: bytes | None
) -> MessageSent | Conflict:
    """The answer to a key that was used before: the original's facts, if it said the same."""
    if digest is not None and digest != draft.digest:
        return Conflict("This idempotency_key was used for another message.", field="idempotency_key")
    return MessageSent(
        message_id=message_id,
        temp_id=draft.call.request.temp_id,
        conversation_id=draft.conversation.id,
        seq=seq,
        created_at=created if isinstance(created, str) else format_time(created),
        duplicate=True,
    )


def _digest(content: str, reply_to_id: int | None) -> bytes:
    return hashlib.blake2b(f"{reply_to_id or ''}\n{content}".encode(), digest_size=16).digest()


def _conversations_of(tx: Transaction, message_ids: Sequence[int]) -> dict[int, int]:
    if not message_ids:
        return {}
    m = messages.c
    rows = tx.connection.execute(sa.select(m.id, m.conversation_id).where(m.id.in_(set(message_ids))))
    return {row.id: row.conversation_id for row in rows}


# Shared with the features that build on messages


def clean_content(content: str) -> str:
    """`content` as it is stored: trimmed. Raises InvalidField or TooLarge."""
    content = content.strip()
    if not content:
        raise InvalidField("A message needs content.", field="content")
    if len(content) > MAX_CONTENT:
        raise TooLarge(f"A message has at most {MAX_CONTENT} characters.", field="content")
    if "\0" in content:
        raise InvalidField("A message cannot contain NUL.", field="content")
    return content


def may_lead(actor: Actor, membership: Membership) -> bool:
    """Whether somebody may change a conversation's membership and post to a broadcast."""
    return membership.role == "owner" or actor.is_moderator


def require_message(tx: Transaction, message_id: int) -> tuple[LockedConversation, Membership, Any]:
    """A message that the one who asks can see, read under its conversation's lock. Raises NotFound."""
    m = messages.c
    missing = NotFound("There is no such message, or it is not in your conversations.")
    conversation_id = tx.connection.execute(sa.select(m.conversation_id).where(m.id == message_id)).scalar()
    place = tx.find_place(conversation_id, tx.actor.participant) if conversation_id is not None else None
    if place is None:
        raise missing
    conversation, membership = place
    row = tx.connection.execute(sa.select(messages).where(m.id == message_id)).one()
    if row.seq <= membership.joined_seq:
        raise missing
    return conversation, membership, row


def require_joined_seq(query: Query, conversation_id: int) -> int:
    """The seq after which the reader sees a conversation it is in. Raises NotFound."""
    p = conversation_participants.c
    who = query.actor.participant
    joined_seq: int | None = query.connection.execute(
        sa.select(p.joined_seq).where(
            p.conversation_id == conversation_id,
            p.participant_type == who.type,
            p.participant_id == who.id,
            p.left_seq.is_(None),
        )
    ).scalar()
    if joined_seq is None:
        raise NotFound("There is no such conversation, or you are not in it.")
    return joined_seq


def select_messages() -> sa.Select[Any]:
    """Rows for `message_of`."""
    m, p = messages.c, participants.c
    return sa.select(messages, p.name.label("sender_name")).select_from(
        messages.outerjoin(
            participants, sa.and_(p.participant_type == m.sender_type, p.participant_id == m.sender_id)
        )
    )


def message_of(row: Any) -> Message:
    """The message object of a row of `select_messages`."""
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
    )


def _rows_from(connection: sa.Connection, conversation_id: int, start: int, head: int, count: int) -> list[Any]:
    """The first `count` messages whose seq is `start` or later, oldest first."""
    rows: list[Any] = []
    width = WINDOW * count
    while len(rows) < count and start <= head:
        window = select_messages().where(_between(conversation_id, start, min(start + width - 1, head)))
        rows += connection.execute(window.order_by(messages.c.seq).limit(count - len(rows)))
        start, width = start + width, width * 4
    return rows


def _rows_back_from(connection: sa.Connection, conversation_id: int, end: int, first: int, count: int) -> list[Any]:
    """The last `count` messages whose seq is `end` or earlier, and `first` or later, newest first."""
    rows: list[Any] = []
    width = WINDOW * count
    while len(rows) < count and end >= first:
        window = select_messages().where(_between(conversation_id, max(end - width + 1, first), end))
        rows += connection.execute(window.order_by(messages.c.seq.desc()).limit(count - len(rows)))
        end, width = end - width, width * 4
    return rows


WINDOW = 4
"""Seqs looked at for each message wanted, at first: most events are messages.

Both bounds are given because MariaDB, with one, may begin at the end of the conversation and walk.
"""


def _between(conversation_id: int, first: int, last: int) -> sa.ColumnElement[bool]:
    return sa.and_(messages.c.conversation_id == conversation_id, messages.c.seq.between(first, last))


class ReadCursor(NamedTuple):
    """Up to which seq somebody has read a conversation."""

    reader: Participant
    conversation_id: int
    seq: int


def count_unread(connection: sa.Connection, cursors: Sequence[ReadCursor]) -> list[int]:
    """For each cursor the messages of others after it that were not deleted; at most `UNREAD_MAX`.

    The limit and the order from the end bound the cost for those who never say what they have read.
    """
    counts: list[int] = []
    for start in range(0, len(cursors), CURSORS_AT_ONCE):
        parts = [
            f"SELECT {at:d} AS part, COUNT(*) FROM (SELECT 1 FROM messages WHERE conversation_id = {c.conversation_id:d}"
            f" AND seq > {c.seq:d} AND deleted_ms IS NULL"
            f" AND NOT (sender_type = {word_literal(c.reader.type)} AND sender_id = {c.reader.id:d})"
            f" ORDER BY seq DESC LIMIT {UNREAD_MAX:d}) u{at:d}"
            for at, c in enumerate(cursors[start : start + CURSORS_AT_ONCE])
        ]
        rows = connection.exec_driver_sql(" UNION ALL ".join(parts))
        counts += [count for _, count in sorted(tuple(row) for row in rows)]
    return counts


def render_message(row: Any) -> NewMessage:
    """The event of a row of `messages`, for a replay."""
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
    )


def sender_name(row: Any) -> str:
    """A sender that the platform never named is called by its `user_id`."""
    return row.sender_name or Participant(row.sender_type, row.sender_id).user_id


def _seq_of(query: Query, conversation_id: int, message_id: int, joined_seq: int) -> int:
    m = messages.c
    seq: int | None = query.connection.execute(
        sa.select(m.seq).where(m.id == message_id, m.conversation_id == conversation_id, m.seq > joined_seq)
    ).scalar()
    if seq is None:
        raise NotFound("There is no such message in this conversation.")
    return seq
