"""What conversations are made of, as the server tells it. Fields that nobody declared here are ignored."""

import msgspec


class Reaction(msgspec.Struct):
    emoji: str
    user_ids: list[str]


class Message(msgspec.Struct, kw_only=True):
    """A message as it is now; once it is deleted, `content` is empty."""

    message_id: int
    conversation_id: int
    sender_type: str
    sender_id: int
    sender_name: str
    content: str
    reply_to_id: int | None = None
    created_at: str
    seq: int
    idempotency_key: str | None = None
    edited_at: str | None = None
    deleted_at: str | None = None
    reactions: list[Reaction] = []
    mentions: list[str] = []
    pinned: bool = False

    @property
    def sender(self) -> str:
        """The sender's `user_id`."""
        return f"{self.sender_type}_{self.sender_id}"


class Member(msgspec.Struct, kw_only=True):
    """Somebody in a conversation."""

    user_id: str
    participant_type: str
    participant_id: int
    name: str
    avatar_url: str | None = None
    role: str
    status: str
    last_seen_at: str | None = None
    last_read_message_id: int | None = None


class Conversation(msgspec.Struct, kw_only=True):
    """A conversation as this participant sees it."""

    conversation_id: int
    conversation_type: str
    name: str | None
    created_at: str
    last_seq: int
    last_message: Message | None
    unread: int
    last_read_message_id: int | None
    participants: list[Member]


class Person(msgspec.Struct, kw_only=True):
    """Somebody one may write to."""

    user_id: str
    participant_type: str
    participant_id: int
    name: str
    avatar_url: str | None = None
    status: str


class Notification(msgspec.Struct, kw_only=True):
    """`kind` is `message`, `mention` or `added`; `message_id` and `created_at` are those of the latest it counts."""

    notification_id: int
    kind: str
    conversation_id: int
    message_id: int | None
    count: int
    created_at: str
    read_at: str | None


class StatusOf(msgspec.Struct, kw_only=True):
    user_id: str
    status: str
    last_seen_at: str | None


class Receipt(msgspec.Struct, kw_only=True):
    """Somebody has read up to `message_id`."""

    user_id: str
    name: str
    message_id: int
    read_at: str


class UnreadConversation(msgspec.Struct, kw_only=True):
    conversation_id: int
    unread: int


class Head(msgspec.Struct, kw_only=True):
    """Where a conversation stands. `resync`: too much was missed to be replayed."""

    conversation_id: int
    last_seq: int
    resync: bool = False
