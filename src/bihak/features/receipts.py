"""Read receipts: each reader's cursor in a conversation, which never goes back."""

import dataclasses

import sqlalchemy as sa

from bihak.core.context import Signal, Transaction
from bihak.core.feature import Feature, Route, write
from bihak.errors import NotFound
from bihak.features.messages import Ok
from bihak.protocol.envelope import Event, Request
from bihak.protocol.types import ConversationId, MessageId, format_time
from bihak.storage.schema import conversation_participants, message_read_receipts, messages




class MarkRead(Request, tag="mark_read", kw_only=True):
    """Everything up to this message is read; a message beyond the last one means the last one."""

    conversation_id: ConversationId
    message_id: MessageId


class MessageRead(Event, tag="message_read", kw_only=True):
    conversation_id: int
    user_id: str
    participant_type: str
    participant_id: int
    message_id: int
    read_at: str


class Receipts(Feature):
    """Who has read up to where."""

    @write(MarkRead, route=Route("POST", "/conversations/{conversation_id}/read"))
    def mark_read(self, tx: Transaction, request: MarkRead) -> Ok:
        """Moves the cursor forward and tells the others; one statement, however many messages that covers."""
        conversation, membership = tx.require_place(request.conversation_id)
        who = tx.actor.participant
        m = messages.c
        here = sa.and_(m.conversation_id == conversation.id, m.seq > membership.joined_seq)
        target = tx.connection.execute(sa.select(m.id, m.seq).where(here, m.id == request.message_id)).first()
        if target is None:
            target = tx.connection.execute(sa.select(m.id, m.seq).where(here).order_by(m.seq.desc()).limit(1)).first()
            if target is None or request.message_id < target.id:
                raise NotFound("There is no such message in this conversation.")
        if target.seq <= membership.last_read_seq:
            return Ok()
        mine = {"conversation_id": conversation.id, "participant_type": who.type, "participant_id": who.id}
        tx.connection.execute(
            conversation_participants.update()
            .where(*(conversation_participants.c[name] == value for name, value in mine.items()))
            .values(last_read_seq=target.seq, last_read_message_id=target.id)
        )
        tx.connection.execute(
            message_read_receipts.insert().values(**mine, seq=target.seq, message_id=target.id, read_ms=tx.now_ms)
        )
        tx.set_membership(
            conversation.id, who, dataclasses.replace(membership, last_read_seq=target.seq)
        )
        event = MessageRead(
            conversation_id=conversation.id,
            user_id=who.user_id,
            participant_type=who.type,
            participant_id=who.id,
            message_id=target.id,
            read_at=format_time(tx.now_ms),
        )
        tx.signal(Signal(event, to_conversations=(conversation.id,)))
        return Ok()
