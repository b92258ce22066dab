"""Marking as read: what each request means, and the cursors that it moves; for all of a transaction at once."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache, partial
from typing import NamedTuple

import sqlalchemy as sa

from bihak.core.context import Call, Signal
from bihak.core.transaction import Transaction
from bihak.errors import ChatError, NotFound
from bihak.features.audience import is_large
from bihak.features.messages import places_of
from bihak.features.participants import among_literal
from bihak.protocol.envelope import Event, Request
from bihak.protocol.types import ConversationId, MessageId, Participant, format_time
from bihak.storage.dialect import listed, word
from bihak.storage.statement import run, run_texts


class MarkRead(Request, tag="mark_read", kw_only=True):
    """Everything up to this message is read; a message beyond the last one means the last one."""

    conversation_id: ConversationId
    message_id: MessageId


class Reading(NamedTuple):
    """A request to mark as read, once it is known what it means."""

    call: Call[MarkRead]
    conversation_id: int
    seq: int
    message_id: int | None
    """Of that seq; None: there is no message to read, and the seq is that of whatever happened last."""
    read_seq: int
    """Up to where all is read now: the cursor may have been further."""

    @property
    def who(self) -> Participant:
        return self.call.actor.participant


class MessageRead(Event, tag="message_read", kw_only=True):
    """Somebody has read a conversation up to a message.

    The reader's own devices hear it too; in a large conversation, or if it is private, they alone.
    """

    conversation_id: int
    user_id: str
    participant_type: str
    participant_id: int
    message_id: int
    read_at: str


def understand(tx: Transaction, calls: Sequence[Call[MarkRead]]) -> list[Reading]:
    """What each call means; those that mean nothing have their error as outcome, and are left out.

    One statement, and one for each place in which a call names none of its messages.
    """
    named = places_of(tx, [call.request.message_id for call in calls])
    find_last = lru_cache(None)(partial(_find_last, tx.connection))
    readings = []
    for call in calls:
        try:
            readings.append(_understand_one(tx, call, named, find_last))
        except ChatError as error:
            call.outcome = error
    return readings


def _understand_one(
    tx: Transaction,
    call: Call[MarkRead],
    named: Mapping[int, tuple[int, int]],
    find_last: Callable[[int, int], tuple[int, int] | None],
) -> Reading:
    """A message beyond the last one means that one. Raises NotFound."""
    conversation_id, message_id = call.request.conversation_id, call.request.message_id
    conversation, membership = tx.require_place(conversation_id, call.actor.participant)
    named_in, seq = named.get(message_id, (0, 0))
    if named_in != conversation_id or seq <= membership.joined_seq:
        last = find_last(conversation_id, membership.joined_seq)
        if last is None:
            return Reading(call, conversation_id, conversation.last_seq, None, conversation.last_seq)
        last_id, seq = last
        if message_id < last_id:
            raise NotFound("There is no such message in this conversation.")
        message_id = last_id
    return Reading(call, conversation_id, seq, message_id, max(seq, membership.last_read_seq))


def _find_last(connection: sa.Connection, conversation_id: int, joined_seq: int) -> tuple[int, int] | None:
    """The last message that one sees who joined then: its id and seq."""
    found = run(
        connection,
        f"SELECT id, seq FROM messages WHERE conversation_id = {conversation_id:d} AND seq > {joined_seq:d} "
        "ORDER BY seq DESC LIMIT 1",
    )
    return (found[0][0], found[0][1]) if found else None


def move_cursors(tx: Transaction, readings: Sequence[Reading]) -> None:
    """Those of the cursors that come further: each by one step or several, which are all kept and told of."""
    steps = []
    for reading in readings:
        _, membership = tx.require_place(reading.conversation_id, reading.who)
        if reading.message_id is not None and reading.seq > membership.last_read_seq:
            steps.append(reading)
            tx.set_membership(reading.conversation_id, reading.who, membership._replace(last_read_seq=reading.seq))
    if not steps:
        return
    private, large = _private_and_large(tx, steps)
    cursors: dict[tuple[int, Participant], Sequence[object]] = {}
    rows = []
    for step in steps:
        who, is_shown = step.who, step.who not in private
        key = (step.conversation_id, word(who.type), who.id)
        rows.append((*key, step.seq, step.message_id, tx.now_ms, int(not is_shown)))
        shown = step.message_id if is_shown else None
        cursors[step.conversation_id, who] = (*key, 0, step.seq, step.message_id, shown)
        step.call.signals.append(_told(step, tx.now_ms, to_all=is_shown and step.conversation_id not in large))
    tx.insert_last("message_read_receipts", _STEP, rows)
    # The rows exist, so this only ever updates; as an UPDATE it would be one statement for each.
    keeps = {_SHOWN: f"COALESCE({tx.dialect.incoming(_SHOWN)}, {_CURSORS}.{_SHOWN})"}
    clause = tx.dialect.upsert_clause(", ".join(_KEY), _CURSOR, keeps)
    tx.insert_last(_CURSORS, (*_KEY, "joined_ms", *_CURSOR), list(cursors.values()), clause)


_CURSORS, _SHOWN = "conversation_participants", "shown_read_message_id"
_KEY = ("conversation_id", "participant_type", "participant_id")
_CURSOR = ("last_read_seq", "last_read_message_id", _SHOWN)
_STEP = (*_KEY, "seq", "message_id", "read_ms", "is_private")


def _told(step: Reading, now_ms: int, *, to_all: bool) -> Signal:
    assert step.message_id is not None
    event = MessageRead(
        conversation_id=step.conversation_id,
        user_id=step.who.user_id,
        participant_type=step.who.type,
        participant_id=step.who.id,
        message_id=step.message_id,
        read_at=format_time(now_ms),
    )
    if to_all:
        return Signal(event, to_conversations=(step.conversation_id,))
    return Signal(event, to_user=step.who.user_id)


def _private_and_large(tx: Transaction, steps: Iterable[Reading]) -> tuple[set[Participant], set[int]]:
    """Those who keep from the others what they have read, and the conversations in which nobody else is told."""
    people = among_literal("p", {step.who for step in steps})
    ids = listed({step.conversation_id for step in steps})
    person, place = tx.dialect.packed(("p.participant_type", "p.participant_id")), tx.dialect.packed(("'-'", "c.id"))
    rows = run_texts(
        tx.connection,
        f"SELECT {person} FROM participants p WHERE NOT p.shares_reads AND {people} UNION ALL "
        f"SELECT {place} FROM conversations c WHERE c.id IN ({ids}) AND {is_large('c')}",
    )
    found = [(kind, int(number)) for kind, number in map(tx.dialect.unpack, rows)]
    private = {Participant(kind, number) for kind, number in found if kind != "-"}
    return private, {number for kind, number in found if kind == "-"}
