"""Reactions: any emoji, one of each per person and message."""

from collections.abc import Sequence
from typing import Any

import msgspec
import regex
import sqlalchemy as sa

from bihak.core.feature import Feature, Route, write
from bihak.core.transaction import Transaction
from bihak.errors import Conflict, InvalidField
from bihak.features.messages import Message, Messages, Ok, Reaction, require_message
from bihak.protocol.envelope import DurableEvent, Request
from bihak.protocol.types import MessageId, Participant
from bihak.storage.dialect import listed
from bihak.storage.schema import big, exact_bytes, participant_type, table
from bihak.storage.statement import run_packed

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

    @write(AddReaction, route=Route("PUT", "/messages/{message_id}/reactions/{emoji}"))
    def add(self, tx: Transaction, request: AddReaction) -> Ok:
        """Records `reaction_added`, unless they reacted so before."""
        emoji = require_emoji(request.emoji)
        conversation, _, row = require_message(tx, request.message_id)
        if row.deleted_ms is not None:
            raise Conflict("The message was deleted.")
        c, who = message_reactions.c, tx.actor.participant
        there = tx.connection.execute(
            sa.select(c.emoji, c.participant_type, c.participant_id).where(c.message_id == row.id)
        ).all()
        if (emoji, *who) in [tuple(reaction) for reaction in there]:
            return Ok()
        kinds = {reaction.emoji for reaction in there}
        if emoji not in kinds and len(kinds) >= MAX_KINDS:
            raise Conflict(f"A message has at most {MAX_KINDS} different reactions.")
        seq = conversation.next_seq()
        tx.connection.execute(
            message_reactions.insert().values(
                message_id=row.id,
                emoji=emoji,
                participant_type=who.type,
                participant_id=who.id,
                created_ms=tx.now_ms,
                seq=seq,
            )
        )
        tx.record(
            conversation,
            ReactionAdded(
                conversation_id=conversation.id,
                seq=seq,
                message_id=row.id,
                emoji=request.emoji,
                user_id=tx.actor.user_id,
            ),
        )
        return Ok()

    @write(RemoveReaction, route=Route("DELETE", "/messages/{message_id}/reactions/{emoji}"))
    def remove(self, tx: Transaction, request: RemoveReaction) -> Ok:
        """Records `reaction_removed`, if there was one."""
        emoji = require_emoji(request.emoji)
        conversation, _, row = require_message(tx, request.message_id)
        c, who = message_reactions.c, tx.actor.participant
        gone = tx.connection.execute(
            message_reactions.delete().where(
                c.message_id == row.id,
                c.emoji == emoji,
                c.participant_type == who.type,
                c.participant_id == who.id,
            )
        )
        if gone.rowcount:
            tx.record(
                conversation,
                ReactionRemoved(
                    conversation_id=conversation.id,
                    seq=conversation.next_seq(),
                    message_id=row.id,
                    emoji=request.emoji,
                    user_id=tx.actor.user_id,
                ),
            )
        return Ok()


def remove_reactions(tx: Transaction, _conversation_id: int, message: Any) -> None:
    """All reactions to a message that is deleted; its own event tells of that."""
    tx.connection.execute(message_reactions.delete().where(message_reactions.c.message_id == message.id))


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
