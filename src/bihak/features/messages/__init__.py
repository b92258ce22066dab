"""Messages: sending, editing, deleting, and pages of history."""

from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa

from bihak.core.context import Call, Query
from bihak.core.feature import Feature, Route, read, write, write_many
from bihak.core.limits import Limit
from bihak.core.log import read_heads
from bihak.core.transaction import Transaction
from bihak.errors import Conflict, Forbidden, InvalidField
from bihak.features.messages.access import (
    SeenMessage,
    clean_content,
    find_messages,
    may_lead,
    places_of,
    require_joined_seq,
    require_message,
    require_seen,
)
from bihak.features.messages.mentions import dump_mentions, resolve_mentions
from bihak.features.messages.pages import (
    PageRow,
    ReadCursor,
    count_unread,
    message_of,
    read_messages,
    read_messages_of,
    render_message,
    rows_back_from,
    rows_from,
    seq_of,
)
from bihak.features.messages.sending import send_all
from bihak.features.messages.wire import (
    MAX_CONTENT,
    DeleteMessage,
    EditMessage,
    History,
    HistoryPage,
    Message,
    MessageDeleted,
    MessageEdited,
    MessageSent,
    NewMessage,
    Ok,
    Reaction,
    SendMessage,
)
from bihak.protocol.types import format_time
from bihak.storage.schema import messages

__all__ = [
    "MAX_CONTENT",
    "DeleteMessage",
    "EditMessage",
    "History",
    "HistoryPage",
    "Message",
    "MessageDeleted",
    "MessageEdited",
    "MessageSent",
    "Messages",
    "NewMessage",
    "Ok",
    "PageRow",
    "Reaction",
    "ReadCursor",
    "SeenMessage",
    "SendMessage",
    "count_unread",
    "find_messages",
    "may_lead",
    "places_of",
    "read_messages",
    "read_messages_of",
    "render_message",
    "require_joined_seq",
    "require_message",
    "require_seen",
]

DeletionListener = Callable[[Transaction, int, Any], None]
"""Called with a conversation and a row of `messages` that is deleted in this transaction."""
Decorator = Callable[[sa.Connection, Sequence[Message]], None]
"""Adds to message objects what another feature knows of them; a bounded number of queries for all."""


class Messages(Feature):
    """What can be done with messages."""

    events = (MessageEdited, MessageDeleted)

    def __init__(self) -> None:
        self._decorators: list[Decorator] = []
        self._when_deleted: list[DeletionListener] = []

    def decorate(self, decorator: Decorator) -> None:
        """Lets another feature add what it knows to every message object that is read."""
        self._decorators.append(decorator)

    def when_deleted(self, listener: DeletionListener) -> None:
        """Lets another feature take away what it has of a message, in the transaction that deletes it."""
        self._when_deleted.append(listener)

    def take_away(self, tx: Transaction, conversation_id: int, row: Any) -> None:
        """What other features have of a row of `messages` that is deleted in this transaction."""
        for listener in self._when_deleted:
            listener(tx, conversation_id, row)

    def load(self, connection: sa.Connection, rows: Sequence[PageRow]) -> list[Message]:
        """The message objects, complete."""
        found = [message_of(row) for row in rows]
        if found:
            for decorator in self._decorators:
                decorator(connection, found)
        return found

    @write_many(
        SendMessage,
        route=Route("POST", "/conversations/{conversation_id}/messages", 201),
        limit=Limit.MESSAGES,
        reply=MessageSent,
        may_presume=True,
    )
    def send(self, tx: Transaction, calls: Sequence[Call[SendMessage]]) -> None:
        """Stores all messages of a transaction with one INSERT."""
        send_all(tx, calls)

    @write(EditMessage, route=Route("PATCH", "/messages/{message_id}"))
    def edit(self, tx: Transaction, request: EditMessage) -> Ok:
        """Records `message_edited`, unless the content is what it was."""
        content = clean_content(request.content)
        conversation, row = require_message(tx, request.message_id)
        if (row.sender_type, row.sender_id) != tx.actor.participant:
            raise Forbidden("Only its author may edit a message.")
        if row.deleted_ms is not None:
            raise Conflict("The message was deleted.")
        if row.content != content:
            (mentions,) = resolve_mentions(tx, [(conversation.id, content)])
            tx.connection.execute(
                messages.update()
                .where(messages.c.id == row.id)
                .values(content=content, edited_ms=tx.now_ms, mentions=dump_mentions(mentions))
            )
            tx.record(
                conversation,
                MessageEdited(
                    conversation_id=conversation.id,
                    seq=conversation.next_seq(),
                    message_id=row.id,
                    content=content,
                    edited_at=format_time(tx.now_ms),
                    mentions=mentions,
                ),
            )
        return Ok()

    @write(DeleteMessage, route=Route("DELETE", "/messages/{message_id}"))
    def delete(self, tx: Transaction, request: DeleteMessage) -> Ok:
        """Records `message_deleted`, unless it was deleted before."""
        conversation, row = require_message(tx, request.message_id)
        if (row.sender_type, row.sender_id) != tx.actor.participant and not tx.actor.is_moderator:
            raise Forbidden("Only its author or an admin may delete a message.")
        if row.deleted_ms is None:
            tx.connection.execute(
                messages.update()
                .where(messages.c.id == row.id)
                .values(content="", body_digest=None, mentions=None, deleted_ms=tx.now_ms)
            )
            self.take_away(tx, conversation.id, row)
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
            start = seq_of(query, cid, request.after, joined_seq) + 1
            (head,) = read_heads(query.connection, [cid])
            rows = rows_from(query.connection, cid, start, head, request.limit + 1)
        else:
            if request.before is not None:
                end = seq_of(query, cid, request.before, joined_seq) - 1
            else:
                (end,) = read_heads(query.connection, [cid])
            rows = rows_back_from(query.connection, cid, end, joined_seq + 1, request.limit + 1)
        page = self.load(query.connection, rows[: request.limit])
        if request.after is None:
            page.reverse()
        return HistoryPage(conversation_id=cid, messages=page, has_more=len(rows) > request.limit)
