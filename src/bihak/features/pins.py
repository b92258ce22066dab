"""Pins: messages that a conversation keeps at hand."""

from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from bihak.core.context import Query
from bihak.core.feature import Feature, Route, read, write
from bihak.core.transaction import Transaction
from bihak.errors import Conflict
from bihak.features.messages import Message, Messages, Ok, read_messages, require_joined_seq, require_message
from bihak.protocol.envelope import DurableEvent, Reply, Request
from bihak.protocol.types import ConversationId, MessageId
from bihak.storage.dialect import listed
from bihak.storage.schema import big, participant_type, table
from bihak.storage.statement import run_packed

MAX_PINS = 100

message_pins = table(
    "message_pins",
    big("message_id", key=True),
    big("conversation_id"),
    participant_type(),
    big("participant_id"),
    big("pinned_ms"),
    sa.Index(None, "conversation_id"),
)


class PinMessage(Request, tag="pin_message", kw_only=True):
    """Pins a message for everyone in its conversation."""

    message_id: MessageId


class UnpinMessage(Request, tag="unpin_message", kw_only=True):
    """Takes the pin off."""

    message_id: MessageId


class ListPins(Request, tag="pins", kw_only=True):
    """What is pinned in a conversation."""

    conversation_id: ConversationId


class PinList(Reply, tag="pins", kw_only=True):
    conversation_id: int
    messages: list[Message]
    """The one pinned last comes first."""


class MessagePinned(DurableEvent, tag="message_pinned", kw_only=True):
    """Somebody pinned a message."""

    message_id: int
    user_id: str


class MessageUnpinned(DurableEvent, tag="message_unpinned", kw_only=True):
    """Somebody took a pin off."""

    message_id: int
    user_id: str


class Pins(Feature):
    """Which messages are pinned; anyone in the conversation may change it."""

    events = (MessagePinned, MessageUnpinned)

    def __init__(self, messages: Messages) -> None:
        self._messages = messages
        messages.decorate(add_pins)
        messages.when_deleted(remove_pin)

    @read(ListPins, route=Route("GET", "/conversations/{conversation_id}/pins"))
    def pins(self, query: Query, request: ListPins) -> PinList:
        """Of the messages that one may see, those that are pinned; at most `MAX_PINS`."""
        joined_seq = require_joined_seq(query, request.conversation_id)
        rows = read_messages(
            query.connection,
            f"p.conversation_id = {request.conversation_id:d} AND x.seq > {joined_seq:d} AND x.deleted_ms IS NULL",
            join="JOIN message_pins p ON p.message_id = x.id",
            order="ORDER BY p.pinned_ms DESC, x.seq DESC",
        )
        return PinList(conversation_id=request.conversation_id, messages=self._messages.load(query.connection, rows))

    @write(PinMessage, route=Route("PUT", "/messages/{message_id}/pin"))
    def pin(self, tx: Transaction, request: PinMessage) -> Ok:
        """Records `message_pinned`, unless it is pinned."""
        conversation, row = require_message(tx, request.message_id)
        if row.deleted_ms is not None:
            raise Conflict("The message was deleted.")
        c, who = message_pins.c, tx.actor.participant
        pinned = set(
            tx.connection.execute(sa.select(c.message_id).where(c.conversation_id == conversation.id)).scalars()
        )
        if row.id in pinned:
            return Ok()
        if len(pinned) >= MAX_PINS:
            raise Conflict(f"A conversation has at most {MAX_PINS} pinned messages.")
        tx.connection.execute(
            message_pins.insert().values(
                message_id=row.id,
                conversation_id=conversation.id,
                participant_type=who.type,
                participant_id=who.id,
                pinned_ms=tx.now_ms,
            )
        )
        tx.record(
            conversation,
            MessagePinned(
                conversation_id=conversation.id,
                seq=conversation.next_seq(),
                message_id=row.id,
                user_id=tx.actor.user_id,
            ),
        )
        return Ok()

    @write(UnpinMessage, route=Route("DELETE", "/messages/{message_id}/pin"))
    def unpin(self, tx: Transaction, request: UnpinMessage) -> Ok:
        """Records `message_unpinned`, if it was pinned."""
        conversation, row = require_message(tx, request.message_id)
        gone = tx.connection.execute(message_pins.delete().where(message_pins.c.message_id == row.id))
        if gone.rowcount:
            tx.record(
                conversation,
                MessageUnpinned(
                    conversation_id=conversation.id,
                    seq=conversation.next_seq(),
                    message_id=row.id,
                    user_id=tx.actor.user_id,
                ),
            )
        return Ok()


def remove_pin(tx: Transaction, _conversation_id: int, message: Any) -> None:
    """The pin of a message that is deleted; its own event tells of that."""
    tx.connection.execute(message_pins.delete().where(message_pins.c.message_id == message.id))


_ids = msgspec.json.Decoder(list[int])


def add_pins(connection: sa.Connection, page: Sequence[Message]) -> None:
    """Says of each message whether it is pinned; one query for all."""
    ids = listed(message.message_id for message in page)
    sql = f"SELECT GROUP_CONCAT(message_id) FROM message_pins WHERE message_id IN ({ids})"
    pinned = set(run_packed(connection, sql, _ids))
    for message in page:
        message.pinned = message.message_id in pinned and message.deleted_at is None
