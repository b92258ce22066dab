"""Sending: all messages of a transaction in one INSERT, each idempotency key once."""

import hashlib
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from bihak.core.context import Call
from bihak.core.locking import LockedConversation, Membership
from bihak.core.transaction import Transaction
from bihak.errors import ChatError, Conflict, Forbidden, NotFound
from bihak.features.messages.access import clean_content, may_lead, places_of
from bihak.features.messages.mentions import dump_mentions, resolve_mentions
from bihak.features.messages.wire import MessageSent, NewMessage, SendMessage
from bihak.protocol.types import format_time
from bihak.storage.dialect import word
from bihak.storage.schema import messages

Identity = tuple[int, str, int, bytes | None]


def send_all(tx: Transaction, calls: Sequence[Call[SendMessage]]) -> None:
    """Stores what passes every check, and sets each call's outcome."""
    parents = places_of(tx, [c.request.reply_to_id for c in calls if c.request.reply_to_id is not None])
    drafts = []
    for call in calls:
        try:
            drafts.append(_draft(tx, call, parents))
        except ChatError as error:
            call.outcome = error
    mentioning = [draft for draft in drafts if "@" in draft.content]
    texts = [(draft.conversation.id, draft.content) for draft in mentioning]
    for draft, mentions in zip(mentioning, resolve_mentions(tx, texts), strict=True):
        draft.mentions = mentions
    _insert(tx, drafts)


class _Draft:
    """A message that passed every check, with the id and seq it will have."""

    __slots__ = ("call", "content", "conversation", "digest", "key", "mentions", "message_id", "seq")

    def __init__(
        self, call: Call[SendMessage], content: str, conversation: LockedConversation, message_id: int
    ) -> None:
        self.call = call
        self.content = content
        self.conversation = conversation
        self.message_id = message_id
        self.seq = 0
        self.mentions: list[str] = []
        self.key: bytes | None = None
        self.digest: bytes | None = None
        request = call.request
        if request.idempotency_key is not None:
            self.key = request.idempotency_key.encode()
            self.digest = _digest(content, request.reply_to_id)

    @property
    def identity(self) -> Identity:
        """What the unique index on idempotency keys compares."""
        return (self.conversation.id, *self.call.actor.participant, self.key)


def _draft(tx: Transaction, call: Call[SendMessage], parents: dict[int, tuple[int, int]]) -> _Draft:
    request = call.request
    content = clean_content(request.content)
    conversation, membership = tx.require_place(request.conversation_id, call.actor.participant)
    if conversation.type == "broadcast" and not may_lead(call.actor, membership):
        raise Forbidden("Only its owners and admins post to a broadcast.")
    if request.reply_to_id is not None and not _can_see(parents.get(request.reply_to_id), conversation, membership):
        raise NotFound("There is no such message to reply to in this conversation.", field="reply_to_id")
    return _Draft(call, content, conversation, tx.take_id("messages"))


def _insert(tx: Transaction, drafts: Sequence[_Draft]) -> None:
    """Inserts optimistically; only where a key was used before does it look the keys up and insert the rest."""
    seen: dict[Identity, _Draft] = {}
    fresh: list[_Draft] = []
    repeats: list[_Draft] = []
    for draft in drafts:
        if draft.key is None or seen.setdefault(draft.identity, draft) is draft:
            fresh.append(draft)
        else:
            repeats.append(draft)
    if not _try_insert(tx, fresh):
        stored = _find_stored(tx, fresh)
        for draft in fresh:
            row = stored.get(draft.identity)
            if row is not None:
                draft.call.outcome = _repeat(draft, row.id, row.seq, row.created_ms, row.body_digest)
        fresh = [draft for draft in fresh if draft.identity not in stored]
        if not _try_insert(tx, fresh):
            raise AssertionError("an idempotency key is taken that was not found under the conversation's lock")
    created_at = format_time(tx.now_ms)
    for draft in fresh:
        _tell(tx, draft, created_at)
    for draft in repeats:
        first = seen[draft.identity]
        sent = first.call.outcome
        if isinstance(sent, MessageSent):
            draft.call.outcome = _repeat(draft, sent.message_id, sent.seq, sent.created_at, first.digest)
        else:
            draft.call.outcome = sent


def _try_insert(tx: Transaction, drafts: Sequence[_Draft]) -> bool:
    """False if it broke the unique index; then none of the rows is there.

    As the transaction's last it goes with the COMMIT; should that be refused, all is served again without.
    """
    if not drafts:
        return True
    seqs: dict[int, int] = {}
    rows: list[tuple[object, ...]] = []
    for draft in drafts:
        conversation, sender = draft.conversation, draft.call.actor.participant
        cid = conversation.id
        draft.seq = seqs[cid] = seqs.get(cid, conversation.last_seq) + 1
        rows.append((draft.message_id, cid, draft.seq, word(sender.type), sender.id, tx.now_ms, draft.content))
    columns: tuple[str, ...] = _COLUMNS
    if any(map(_has_more, drafts)):
        columns += _MORE_COLUMNS
        rows = [(*row, *_more(draft)) for row, draft in zip(rows, drafts, strict=True)]
    try:
        tx.insert_last("messages", columns, rows)
    except sa.exc.IntegrityError:
        # All of the INSERT is undone, and the transaction goes on with its locks.
        return False
    return True


_COLUMNS = ("id", "conversation_id", "seq", "sender_type", "sender_id", "created_ms", "content")
_MORE_COLUMNS = ("reply_to_id", "idempotency_key", "body_digest", "mentions")


def _has_more(draft: _Draft) -> bool:
    return draft.key is not None or bool(draft.mentions) or draft.call.request.reply_to_id is not None


def _more(draft: _Draft) -> tuple[object, ...]:
    """What `_MORE_COLUMNS` have of it."""
    return draft.call.request.reply_to_id, draft.key, draft.digest, dump_mentions(draft.mentions)


def _find_stored(tx: Transaction, drafts: Sequence[_Draft]) -> dict[Identity, Any]:
    m = messages.c
    identity = (m.conversation_id, m.sender_type, m.sender_id, m.idempotency_key)
    keys = [draft.identity for draft in drafts if draft.key is not None]
    rows = tx.connection.execute(
        sa.select(*identity, m.id, m.seq, m.created_ms, m.body_digest).where(
            sa.or_(*(sa.and_(*(column == value for column, value in zip(identity, key, strict=True))) for key in keys))
        )
    )
    return {(row.conversation_id, row.sender_type, row.sender_id, row.idempotency_key): row for row in rows}


def _tell(tx: Transaction, draft: _Draft, created_at: str) -> None:
    call, conversation, message_id = draft.call, draft.conversation, draft.message_id
    request, actor = call.request, call.actor
    seq = conversation.next_seq()
    event = NewMessage(
        conversation_id=conversation.id,
        seq=seq,
        message_id=message_id,
        sender_type=actor.participant.type,
        sender_id=actor.participant.id,
        sender_name=actor.name,
        content=draft.content,
        created_at=created_at,
        reply_to_id=request.reply_to_id,
        idempotency_key=request.idempotency_key,
        mentions=draft.mentions,
    )
    tx.record_message(call, conversation, event, message_id)
    call.outcome = MessageSent(
        message_id=message_id,
        temp_id=request.temp_id,
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


def _can_see(place: tuple[int, int] | None, conversation: LockedConversation, membership: Membership) -> bool:
    return place is not None and place[0] == conversation.id and place[1] > membership.joined_seq
