"""Reactions: any emoji, one of each per person and message."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
import regex
import sqlalchemy as sa

from bihak.core.context import Call
from bihak.core.feature import Feature, Route, write_many
from bihak.core.locking import LockedConversation
from bihak.core.transaction import Transaction
from bihak.errors import ChatError, Conflict, InvalidField
from bihak.features.messages import Message, Messages, Ok, PageRow, Reaction, find_messages, require_seen
from bihak.protocol.envelope import DurableEvent, Request
from bihak.protocol.types import MessageId, Participant
from bihak.storage.dialect import listed, word, word_literal
from bihak.storage.schema import big, exact_bytes, participant_type, table
from bihak.storage.statement import run, run_packed

MAX_KINDS = 50
"""Different emoji on one message."""

message_reactions = table(
    "message_reactions",
    big("message_id", key=True),
    exact_bytes("emoji", 64, key=True),
    participant_type(key=True),
    big("participant_id", key=True),
    big("created_ms"),
    # Of the event that tells of it.
    big("seq", default="0"),
)


class AddReaction(Request, tag="add_reaction", kw_only=True):
    """Reacts to a message with an emoji."""

    message_id: MessageId
    emoji: str


class RemoveReaction(Request, tag="remove_reaction", kw_only=True):
    """Takes one's reaction back."""

    message_id: MessageId
    emoji: str


class ReactionAdded(DurableEvent, tag="reaction_added", kw_only=True):
    """Somebody reacted to a message."""

    message_id: int
    emoji: str
    user_id: str


class ReactionRemoved(DurableEvent, tag="reaction_removed", kw_only=True):
    """Somebody took a reaction back."""

    message_id: int
    emoji: str
    user_id: str


class Reactions(Feature):
    """Who reacted to what with which emoji, compared byte for byte."""

    events = (ReactionAdded, ReactionRemoved)

    def __init__(self, messages: Messages) -> None:
        messages.decorate(add_reactions)
        messages.when_deleted(remove_reactions)

    @write_many(AddReaction, route=Route("PUT", "/messages/{message_id}/reactions/{emoji}"), reply=Ok)
    def add(self, tx: Transaction, calls: Sequence[Call[AddReaction]]) -> None:
        """Records `reaction_added`, unless they reacted so before; a few statements for all calls."""
        wishes = _understand(tx, calls)
        there = _load(tx, wishes)
        rows = []
        for wish in wishes:
            reactions, message = there[wish.message.id], wish.message
            kinds = {emoji for emoji, _ in reactions}
            if message.deleted_ms is not None:
                wish.call.outcome = Conflict("The message was deleted.")
            elif (wish.emoji, wish.who) in reactions:
                wish.call.outcome = Ok()
            elif wish.emoji not in kinds and len(kinds) >= MAX_KINDS:
                wish.call.outcome = Conflict(f"A message has at most {MAX_KINDS} different reactions.")
            else:
                reactions.add((wish.emoji, wish.who))
                seq = wish.conversation.next_seq()
                rows.append((message.id, wish.emoji, word(wish.who.type), wish.who.id, tx.now_ms, seq))
                wish.record(tx, ReactionAdded, seq)
                wish.call.outcome = Ok()
        tx.insert_last("message_reactions", _COLUMNS, rows)

    @write_many(RemoveReaction, route=Route("DELETE", "/messages/{message_id}/reactions/{emoji}"), reply=Ok)
    def remove(self, tx: Transaction, calls: Sequence[Call[RemoveReaction]]) -> None:
        """Records `reaction_removed`, if there was one; a few statements for all calls."""
        wishes = _understand(tx, calls)
        there = _load(tx, wishes)
        gone = []
        for wish in wishes:
            reactions = there[wish.message.id]
            wish.call.outcome = Ok()
            if (wish.emoji, wish.who) in reactions:
                reactions.discard((wish.emoji, wish.who))
                gone.append(
                    f"(message_id = {wish.message.id:d} AND emoji = X'{wish.emoji.hex()}' "
                    f"AND participant_type = {word_literal(wish.who.type)} AND participant_id = {wish.who.id:d})"
                )
                wish.record(tx, ReactionRemoved, wish.conversation.next_seq())
        if gone:
            run(tx.connection, f"DELETE FROM message_reactions WHERE {' OR '.join(gone)}")


class _Wish(NamedTuple):
    """A call that may mean something."""

    call: Call[AddReaction] | Call[RemoveReaction]
    emoji: bytes
    conversation: LockedConversation
    message: PageRow

    @property
    def who(self) -> Participant:
        return self.call.actor.participant

    def record(self, tx: Transaction, kind: type[ReactionAdded] | type[ReactionRemoved], seq: int) -> None:
        event = kind(
            conversation_id=self.conversation.id,
            seq=seq,
            message_id=self.message.id,
            emoji=self.call.request.emoji,
            user_id=self.who.user_id,
        )
        tx.record(self.conversation, event, self.call)


def _understand(tx: Transaction, calls: Sequence[Call[AddReaction] | Call[RemoveReaction]]) -> list[_Wish]:
    """Those that name an emoji, and a message that they can see; the others have their error as outcome."""
    asked = [(call.request.message_id, call.actor.participant) for call in calls]
    wishes = []
    for call, found in zip(calls, find_messages(tx, asked), strict=True):
        try:
            emoji, (conversation, message) = require_emoji(call.request.emoji), require_seen(found)
        except ChatError as error:
            call.outcome = error
        else:
            wishes.append(_Wish(call, emoji, conversation, message))
    return wishes


def _load(tx: Transaction, wishes: Sequence[_Wish]) -> dict[int, set[tuple[bytes, Participant]]]:
    """For each message who reacted with what, under the lock of its conversation."""
    found: dict[int, set[tuple[bytes, Participant]]] = {wish.message.id: set() for wish in wishes}
    if found:
        rows = run_packed(tx.connection, _OF_MESSAGES.format(ids=listed(found)), _reactions)
        for message_id, emoji, kind, number in rows:
            found[message_id].add((bytes.fromhex(emoji), Participant(kind, number)))
    return found


def remove_reactions(tx: Transaction, _conversation_id: int, message: Any) -> None:
    """All reactions to a message that is deleted; its own event tells of that."""
    tx.connection.execute(message_reactions.delete().where(message_reactions.c.message_id == message.id))


_COLUMNS = tuple(column.name for column in message_reactions.columns)
_reactions = msgspec.json.Decoder(list[tuple[int, str, str, int]])
_OF_MESSAGES = """
    SELECT JSON_ARRAY(message_id, HEX(emoji), participant_type, participant_id) FROM message_reactions
    WHERE message_id IN ({ids}) ORDER BY message_id, created_ms, seq, participant_type, participant_id
"""


def add_reactions(connection: sa.Connection, page: Sequence[Message]) -> None:
    """Adds its reactions to each message, in the order in which they were first used; one query for all."""
    ids = listed(message.message_id for message in page)
    rows = run_packed(connection, _OF_MESSAGES.format(ids=ids), _reactions)
    by_message: dict[int, dict[str, list[str]]] = {}
    for message_id, emoji, kind, number in rows:
        by_message.setdefault(message_id, {}).setdefault(emoji, []).append(Participant(kind, number).user_id)
    for message in page:
        found = by_message.get(message.message_id)
        if found and message.deleted_at is None:
            message.reactions = [Reaction(bytes.fromhex(emoji).decode(), user_ids) for emoji, user_ids in found.items()]


# One grapheme cluster (UAX #29) that is drawn as a picture (UTS #51): a pictograph, a flag or a keycap.
_EMOJI = regex.compile(
    r"(?=\X\Z)(?:\p{Extended_Pictographic}.*|\p{Regional_Indicator}{2}|[0-9#*]\uFE0F?\u20E3)", regex.DOTALL
)


def require_emoji(text: str) -> bytes:
    """The emoji as it is stored. Raises InvalidField for anything else."""
    emoji = text.encode()
    if len(emoji) > 64 or not _EMOJI.fullmatch(text):
        raise InvalidField("A reaction is one emoji.", field="emoji")
    return emoji
