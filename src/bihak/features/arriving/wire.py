"""The frames of signing in and resuming."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from bihak.features.places import ConversationHead
from bihak.protocol.envelope import Reply, Request
from bihak.protocol.types import ConversationId, Id, ParticipantType, Seq


class Auth(Request, tag="auth", kw_only=True):
    """Says who is on this connection; again, with the same participant, to refresh the token."""

    token: str | None = None
    participant_type: ParticipantType | None = None
    participant_id: Id | None = None
    resume: Annotated[dict[ConversationId, Seq], Meta(max_length=10_000)] | None = None
    device: Annotated[str, Meta(max_length=200)] | None = None
    status: Literal["online", "away"] = "online"
    """As with `set_status`, from the first moment on."""


class Head(msgspec.Struct, gc=False):
    """Where a conversation and its reader stand."""

    conversation_id: int
    last_seq: int
    last_read_message_id: int | None
    unread: int


class ServerInfo(msgspec.Struct):
    name: str
    version: str


class Limits(msgspec.Struct):
    max_frame_bytes: int
    max_content_chars: int
    resume_events: int


class AuthSuccess(Reply, tag="auth_success", kw_only=True):
    user_id: str
    conversations: list[int]
    participant_type: str
    participant_id: int
    name: str
    heads: list[Head]
    server: ServerInfo
    limits: Limits


class Resumed(Reply, tag="resumed", kw_only=True):
    conversations: list[ConversationHead]
