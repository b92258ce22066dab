"""What the server answers to requests."""

import msgspec

from bihak.client.objects import (
    Conversation,
    Head,
    Message,
    Notification,
    Person,
    Receipt,
    StatusOf,
    UnreadConversation,
)


class Reply(msgspec.Struct, tag_field="type", kw_only=True):
    """The answer to one request."""


class Ok(Reply, tag="ok", kw_only=True):
    """Done."""


class ServerInfo(msgspec.Struct):
    name: str
    version: str


class Limits(msgspec.Struct):
    max_frame_bytes: int
    max_content_chars: int
    resume_events: int


class AuthSuccess(Reply, tag="auth_success", kw_only=True):
    """Who one is, and where one's conversations stand."""

    user_id: str
    conversations: list[int]
    participant_type: str
    participant_id: int
    name: str
    heads: list[Head]
    server: ServerInfo
    limits: Limits


class Pong(Reply, tag="pong", kw_only=True):
    heads: list[Head] | None = None


class Subscribed(Reply, tag="subscribed", kw_only=True):
    conversation_id: int
    last_seq: int


class Resumed(Reply, tag="resumed", kw_only=True):
    conversations: list[Head]


class MessageSent(Reply, tag="message_sent", kw_only=True):
    """The message is stored. `duplicate`: it had been stored before, under the same key."""

    message_id: int
    conversation_id: int
    seq: int
    created_at: str
    duplicate: bool


class HistoryPage(Reply, tag="history", kw_only=True):
    """`messages`: oldest first. `has_more`: in the direction asked for."""

    conversation_id: int
    messages: list[Message]
    has_more: bool


class ConversationReply(Reply, tag="conversation", kw_only=True):
    conversation: Conversation


class ConversationList(Reply, tag="conversations", kw_only=True):
    """The latest active first."""

    conversations: list[Conversation]
    has_more: bool


class ReceiptList(Reply, tag="receipts", kw_only=True):
    message_id: int
    receipts: list[Receipt]


class PinList(Reply, tag="pins", kw_only=True):
    """The one pinned last comes first."""

    conversation_id: int
    messages: list[Message]


class Settings(Reply, tag="settings", kw_only=True):
    read_receipts: bool
    appears_offline: bool


class Unread(Reply, tag="unread", kw_only=True):
    """How much is unread in all, and in each conversation that has something unread."""

    unread: int
    conversations: list[UnreadConversation]


class Statuses(Reply, tag="statuses", kw_only=True):
    statuses: list[StatusOf]


class SearchResults(Reply, tag="search_results", kw_only=True):
    """`messages`: oldest first. `has_more`: whether there are older ones."""

    conversation_id: int | None
    messages: list[Message]
    has_more: bool


class PeopleFound(Reply, tag="participants", kw_only=True):
    participants: list[Person]


class NotificationList(Reply, tag="notifications", kw_only=True):
    """`unread`: how many in all, those on other pages included."""

    notifications: list[Notification]
    has_more: bool
    unread: int


class ErrorReply(Reply, tag="error", kw_only=True):
    message: str
    code: str = "internal"
    retryable: bool = False
    field: str | None = None
    retry_after: float | None = None
