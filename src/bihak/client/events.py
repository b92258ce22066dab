"""What a client hears: the server's events, and its own about the connection and the outbox."""

from enum import Enum
from typing import Any

import msgspec

from bihak.client.faults import Fault
from bihak.client.objects import Conversation, Notification
from bihak.client.outbox import Outgoing
from bihak.client.replies import AuthSuccess


class Event(msgspec.Struct, tag_field="type", kw_only=True):
    """Something that happened."""


class DurableEvent(Event, kw_only=True):
    """An event in a conversation's log; it comes exactly once, in the order of `seq`."""

    conversation_id: int
    seq: int


class NewMessage(DurableEvent, tag="new_message", kw_only=True):
    """Somebody sent a message; also told of one's own."""

    message_id: int
    sender_type: str
    sender_id: int
    sender_name: str
    content: str
    created_at: str
    reply_to_id: int | None = None
    idempotency_key: str | None = None
    mentions: list[str] = []

    @property
    def sender(self) -> str:
        """The sender's `user_id`."""
        return f"{self.sender_type}_{self.sender_id}"


class MessageEdited(DurableEvent, tag="message_edited", kw_only=True):
    message_id: int
    content: str
    edited_at: str
    mentions: list[str] = []


class MessageDeleted(DurableEvent, tag="message_deleted", kw_only=True):
    """The content is gone, with its mentions, reactions and pin; the message's place stays."""

    message_id: int
    deleted_at: str
    deleted_by: str


class ReactionAdded(DurableEvent, tag="reaction_added", kw_only=True):
    message_id: int
    emoji: str
    user_id: str


class ReactionRemoved(DurableEvent, tag="reaction_removed", kw_only=True):
    message_id: int
    emoji: str
    user_id: str


class MessagePinned(DurableEvent, tag="message_pinned", kw_only=True):
    message_id: int
    user_id: str


class MessageUnpinned(DurableEvent, tag="message_unpinned", kw_only=True):
    message_id: int
    user_id: str


class ConversationRenamed(DurableEvent, tag="conversation_renamed", kw_only=True):
    name: str
    by: str


class ParticipantJoined(DurableEvent, tag="participant_joined", kw_only=True):
    user_id: str
    participant_type: str
    participant_id: int
    name: str
    avatar_url: str | None = None
    role: str
    by: str


class ParticipantLeft(DurableEvent, tag="participant_left", kw_only=True):
    """After one's own there is nothing more of this conversation. `owner`: who becomes one thereby."""

    user_id: str
    participant_type: str
    participant_id: int
    by: str
    owner: str | None = None


class ConversationCreated(Event, tag="conversation_created", kw_only=True):
    """The conversation is new to this participant; its events follow from `conversation.last_seq` on."""

    conversation_id: int
    seq: int
    conversation: Conversation


class UserTyping(Event, tag="user_typing", kw_only=True):
    """Somebody else began or ended writing; what is not told to end ends after 10 seconds."""

    conversation_id: int
    user_id: str
    participant_type: str
    participant_id: int
    name: str
    is_typing: bool


class StatusChange(Event, tag="status_change", kw_only=True):
    user_id: str
    participant_type: str
    participant_id: int
    status: str
    timestamp: str
    last_seen_at: str | None = None


class MessageRead(Event, tag="message_read", kw_only=True):
    """Somebody, oneself included, has read a conversation up to a message."""

    conversation_id: int
    user_id: str
    participant_type: str
    participant_id: int
    message_id: int
    read_at: str


class Notified(Event, tag="notification", kw_only=True):
    """A notification is new, or counts more."""

    notification: Notification


class NotificationsRead(Event, tag="notifications_read", kw_only=True):
    notification_ids: list[int]
    conversation_id: int | None
    read_at: str


class UnknownEvent(msgspec.Struct, kw_only=True):
    """An event of a server that is newer than this library."""

    type: str
    fields: dict[str, Any]


class UnknownDurableEvent(UnknownEvent, kw_only=True):
    """One that has its place in a conversation's log."""

    conversation_id: int
    seq: int


class State(Enum):
    """Where the connection stands."""

    CONNECTING = "connecting"
    READY = "ready"
    """Signed in; requests are answered."""
    WAITING = "waiting"
    """Lost, and tried again in a while."""
    REFUSED = "refused"
    """The sign-in is not accepted; it is not tried again."""
    CLOSED = "closed"


class StateChanged(msgspec.Struct, kw_only=True):
    """The connection's state; READY tells who one is, WAITING how long, REFUSED why."""

    state: State
    welcome: AuthSuccess | None = None
    retry_in_s: float | None = None
    fault: Fault | None = None


class Resync(msgspec.Struct, kw_only=True):
    """Too much was missed to be told event by event: fetch this conversation's history anew."""

    conversation_id: int


class OutgoingChanged(msgspec.Struct, kw_only=True):
    """A message of one's own is in another state."""

    outgoing: Outgoing


class Trouble(msgspec.Struct, kw_only=True):
    """An error that answers no request of this program."""

    fault: Fault


Heard = Event | UnknownEvent | StateChanged | Resync | OutgoingChanged | Trouble
