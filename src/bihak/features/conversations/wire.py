"""What conversations say over the wire: requests, replies and events."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from bihak.features.messages import Message
from bihak.protocol.envelope import DurableEvent, Event, Reply, Request
from bihak.protocol.types import ConversationId, UserId

MAX_PARTICIPANTS = 2000
LIST_LIMIT = 50
LIST_MAX = 100

Name = Annotated[str, Meta(max_length=200)]
People = Annotated[list[UserId], Meta(min_length=1, max_length=MAX_PARTICIPANTS)]


class CreateConversation(Request, tag="create_conversation", kw_only=True):
    """Opens a conversation; the one who asks is in it. A direct one between two people exists once."""

    conversation_type: Literal["direct", "team", "broadcast", "exercise"]
    participants: People
    name: Name | None = None


class ListConversations(Request, tag="conversations", kw_only=True):
    """One's conversations, the latest active first; `before` is the last one of the page before."""

    limit: Annotated[int, Meta(ge=1, le=LIST_MAX)] = LIST_LIMIT
    before: ConversationId | None = None


class GetConversation(Request, tag="get_conversation", kw_only=True):
    """One conversation."""

    conversation_id: ConversationId


class RenameConversation(Request, tag="rename_conversation", kw_only=True):
    """Changes a conversation's name."""

    conversation_id: ConversationId
    name: Name


class AddParticipants(Request, tag="add_participants", kw_only=True):
    """Takes people in; they see what happens from then on."""

    conversation_id: ConversationId
    participants: People


class RemoveParticipant(Request, tag="remove_participant", kw_only=True):
    """Takes somebody out; they see nothing of what happens afterwards."""

    conversation_id: ConversationId
    user_id: UserId


class LeaveConversation(Request, tag="leave_conversation", kw_only=True):
    """Takes oneself out."""

    conversation_id: ConversationId


class Member(msgspec.Struct, kw_only=True):
    """Somebody in a conversation."""

    user_id: str
    participant_type: str
    participant_id: int
    name: str
    avatar_url: str | None
    role: str
    status: str
    last_seen_at: str | None
    last_read_message_id: int | None


class Conversation(msgspec.Struct, kw_only=True):
    """A conversation as one of its participants sees it."""

    conversation_id: int
    conversation_type: str
    name: str | None
    created_at: str
    last_seq: int
    last_message: Message | None
    unread: int
    last_read_message_id: int | None
    participants: list[Member]


class ConversationReply(Reply, tag="conversation", kw_only=True):
    conversation: Conversation


class ConversationList(Reply, tag="conversations", kw_only=True):
    conversations: list[Conversation]
    has_more: bool


class ConversationCreated(Event, tag="conversation_created", kw_only=True):
    """On each participant's own topic, when a conversation is new to them."""

    conversation_id: int
    seq: int
    conversation: Conversation


class ConversationRenamed(DurableEvent, tag="conversation_renamed", kw_only=True):
    """A conversation has a new name."""

    name: str
    by: str


class ParticipantJoined(DurableEvent, tag="participant_joined", kw_only=True):
    """Somebody was taken in; they see what happens from then on."""

    user_id: str
    participant_type: str
    participant_id: int
    name: str
    avatar_url: str | None
    role: str
    by: str

    def joined(self) -> tuple[str, ...]:
        return (self.user_id,)


class ParticipantLeft(DurableEvent, tag="participant_left", kw_only=True):
    """Somebody left or was removed; it is the last they hear of the conversation."""

    user_id: str
    participant_type: str
    participant_id: int
    by: str
    owner: str | None = None
    """Who becomes an owner thereby: a conversation whose last one goes gets the one who is in it longest."""

    def left(self) -> tuple[str, ...]:
        return (self.user_id,)


def created_event(conversation: Conversation) -> ConversationCreated:
    return ConversationCreated(
        conversation_id=conversation.conversation_id, seq=conversation.last_seq, conversation=conversation
    )
