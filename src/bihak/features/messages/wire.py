"""What is said about messages on the wire."""

from typing import Annotated

import msgspec
from msgspec import Meta

from bihak.protocol.envelope import DurableEvent, Reply, Request, require_bytes
from bihak.protocol.types import ConversationId, MessageId, Scalar

MAX_CONTENT = 10_000
HISTORY_LIMIT = 50
HISTORY_MAX = 100


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
    """Somebody sent a message; it comes to the sender's own connections too."""

    message_id: int
    sender_type: str
    sender_id: int
    sender_name: str
    content: str
    created_at: str
    reply_to_id: int | None = None
    idempotency_key: str | None = None
    mentions: list[str] = msgspec.field(default_factory=list)

    def wrote(self) -> str:
        return f"{self.sender_type}_{self.sender_id}"


class MessageEdited(DurableEvent, tag="message_edited", kw_only=True):
    """A message's author changed what it says."""

    message_id: int
    content: str
    edited_at: str
    mentions: list[str] = msgspec.field(default_factory=list)


class MessageDeleted(DurableEvent, tag="message_deleted", kw_only=True):
    """A message's content is gone, with its mentions, reactions and pin; its place stays."""

    message_id: int
    deleted_at: str
    deleted_by: str
