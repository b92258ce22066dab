"""Read receipts: each reader's cursor in a conversation, which never goes back, and what is unread."""

from collections.abc import Callable, Sequence

import msgspec
import sqlalchemy as sa

from bihak.core.context import Call, Query
from bihak.core.feature import Feature, Route, read, write, write_many
from bihak.core.transaction import Transaction
from bihak.errors import NotFound
from bihak.features.messages import Ok, ReadCursor, count_unread, require_joined_seq
from bihak.features.receipts.reading import MarkRead, Reading, move_cursors, understand
from bihak.protocol.envelope import Reply, Request
from bihak.protocol.types import MessageId, Participant, format_time
from bihak.storage.schema import (
    conversation_participants,
    conversations,
    message_read_receipts,
    messages,
    participants,
    user_online_status,
)

__all__ = ["Reading", "Receipts"]

ReadListener = Callable[[Transaction, Sequence[Reading]], None]


class ListReceipts(Request, tag="receipts", kw_only=True):
    """Who has read a message, and when; without those who keep that private."""

    message_id: MessageId


class CountUnread(Request, tag="unread", kw_only=True):
    """How much is unread, in all and in each conversation."""


class UpdateSettings(Request, tag="update_settings", kw_only=True):
    """Changes what is private: `read_receipts` false keeps what one has read from the others."""

    read_receipts: bool


class ShowSettings(Request, tag="settings", kw_only=True):
    """What one has chosen to keep from the others."""


class Receipt(msgspec.Struct, kw_only=True):
    user_id: str
    name: str
    message_id: int
    """Up to which message they had read by then."""
    read_at: str


class ReceiptList(Reply, tag="receipts", kw_only=True):
    message_id: int
    receipts: list[Receipt]


class UnreadConversation(msgspec.Struct, kw_only=True):
    conversation_id: int
    unread: int


class Unread(Reply, tag="unread", kw_only=True):
    unread: int
    conversations: list[UnreadConversation]
    """Those with something unread."""


class Settings(Reply, tag="settings", kw_only=True):
    read_receipts: bool
    appears_offline: bool
    """By one's own wish, as `set_status` has it."""


class Receipts(Feature):
    """Who has read up to where."""

    def __init__(self) -> None:
        self._listeners: list[ReadListener] = []

    def when_read(self, listener: ReadListener) -> None:
        """Lets another feature do its part of `mark_read`, for all of a transaction at once."""
        self._listeners.append(listener)

    @write_many(MarkRead, route=Route("POST", "/conversations/{conversation_id}/read"), reply=Ok)
    def mark_read(self, tx: Transaction, calls: Sequence[Call[MarkRead]]) -> None:
        """Moves cursors forward and tells the others; a few statements for all calls, however much they read."""
        readings = understand(tx, calls)
        # Also where the cursor stays: there may be news of what was read already, such as a mention by an edit.
        for listener in self._listeners:
            listener(tx, readings)
        move_cursors(tx, readings)
        for reading in readings:
            reading.call.outcome = Ok()

    @read(ListReceipts, route=Route("GET", "/messages/{message_id}/receipts"))
    def receipts(self, query: Query, request: ListReceipts) -> ReceiptList:
        """The first step of each reader's cursor that covers the message."""
        m, r, p, place = messages.c, message_read_receipts.c, participants.c, conversation_participants.c
        message = query.connection.execute(
            sa.select(m.conversation_id, m.seq, m.sender_type, m.sender_id).where(m.id == request.message_id)
        ).first()
        missing = NotFound("There is no such message, or it is not in your conversations.")
        try:  # asked of what does not exist too: the number of statements must not tell
            joined_seq = require_joined_seq(query, message.conversation_id if message is not None else 0)
        except NotFound:
            raise missing from None
        if message is None or message.seq <= joined_seq:
            raise missing
        first = (
            sa.select(r.participant_type, r.participant_id, sa.func.min(r.seq).label("seq"))
            .where(r.conversation_id == message.conversation_id, r.seq >= message.seq, sa.not_(r.is_private))
            .group_by(r.participant_type, r.participant_id)
            .subquery()
        )
        rows = query.connection.execute(
            sa.select(r.participant_type, r.participant_id, r.message_id, r.read_ms, p.name)
            .select_from(
                message_read_receipts.join(
                    first,
                    sa.and_(
                        r.participant_type == first.c.participant_type,
                        r.participant_id == first.c.participant_id,
                        r.seq == first.c.seq,
                    ),
                )
                .join(
                    participants,
                    sa.and_(p.participant_type == r.participant_type, p.participant_id == r.participant_id),
                )
                .join(
                    conversation_participants,
                    sa.and_(
                        place.conversation_id == r.conversation_id,
                        place.participant_type == r.participant_type,
                        place.participant_id == r.participant_id,
                    ),
                )
            )
            .where(
                r.conversation_id == message.conversation_id,
                place.joined_seq < message.seq,  # whoever came later read on from there, and not this
                p.shares_reads,
                sa.not_(sa.and_(r.participant_type == message.sender_type, r.participant_id == message.sender_id)),
            )
            .order_by(r.read_ms, r.participant_type, r.participant_id)
        )
        return ReceiptList(
            message_id=request.message_id,
            receipts=[
                Receipt(
                    user_id=Participant(row.participant_type, row.participant_id).user_id,
                    name=row.name,
                    message_id=row.message_id,
                    read_at=format_time(row.read_ms),
                )
                for row in rows
            ],
        )

    @read(CountUnread, route=Route("GET", "/unread"))
    def unread(self, query: Query, request: CountUnread) -> Unread:
        """Costs what is unread, not what there is."""
        c, p, who = conversations.c, conversation_participants.c, query.actor.participant
        rows = query.connection.execute(
            sa.select(p.conversation_id, p.last_read_seq, c.last_seq)
            .select_from(conversation_participants.join(conversations, c.id == p.conversation_id))
            .where(
                p.participant_type == who.type,
                p.participant_id == who.id,
                p.left_seq.is_(None),
                c.last_seq > p.last_read_seq,
            )
        ).all()
        counts = count_unread(query.connection, query.dialect, [ReadCursor(who, *row) for row in rows])
        found = [
            UnreadConversation(conversation_id=cid, unread=count)
            for (cid, *_), count in zip(rows, counts, strict=True)
            if count
        ]
        return Unread(unread=sum(each.unread for each in found), conversations=found)

    @read(ShowSettings, route=Route("GET", "/settings"))
    def settings(self, query: Query, request: ShowSettings) -> Settings:
        who, row = query.actor.participant, user_online_status.c
        hidden = sa.select(row.appears_offline).where(row.participant_type == who.type, row.participant_id == who.id)
        return Settings(
            read_receipts=_shares_reads(query.connection, who),
            appears_offline=bool(query.connection.execute(hidden).scalar()),
        )

    @write(UpdateSettings, route=Route("PATCH", "/settings"))
    def update_settings(self, tx: Transaction, request: UpdateSettings) -> Ok:
        """Takes effect from the next read on."""
        tx.connection.execute(
            participants.update().where(_is(tx.actor.participant)).values(shares_reads=request.read_receipts)
        )
        return Ok()


def _shares_reads(connection: sa.Connection, who: Participant) -> bool:
    return connection.execute(sa.select(participants.c.shares_reads).where(_is(who))).scalar() is not False


def _is(who: Participant) -> sa.ColumnElement[bool]:
    return sa.and_(participants.c.participant_type == who.type, participants.c.participant_id == who.id)
