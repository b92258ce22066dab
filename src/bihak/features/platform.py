"""What the platform's back end does, by API key: people, the end of their sessions, messages of the system's own."""

from collections.abc import Iterable
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from bihak.core.context import Call
from bihak.core.feature import Feature, Route, write
from bihak.core.locking import Membership
from bihak.core.node import SYSTEM, Node
from bihak.core.transaction import Transaction
from bihak.errors import ChatError, InvalidField, NotFound
from bihak.features.messages import MessageSent, SendMessage
from bihak.features.messages.sending import send_all
from bihak.features.participants import Participants, parse_people, revoke_tokens, save_people
from bihak.protocol.envelope import Reply, Request, require_bytes
from bihak.protocol.types import ConversationId, Participant, UserId, format_time, is_web_address

MAX_PEOPLE = 1000

Name = Annotated[str, Meta(min_length=1, max_length=200)]
Address = Annotated[str, Meta(min_length=1, max_length=2000)]
Email = Annotated[str, Meta(min_length=1, max_length=320)]


class PutParticipant(Request, tag="put_participant", kw_only=True):
    """Tells of a participant, new or known. What is left out stays as it is; null removes it."""

    user_id: UserId
    name: Name | UnsetType = UNSET
    avatar_url: Address | UnsetType | None = UNSET
    email: Email | UnsetType | None = UNSET


class PutParticipants(Request, tag="put_participants", kw_only=True):
    """Tells of many participants, each as in `put_participant`: all of them, or none if one is refused."""

    participants: Annotated[list["Told"], Meta(min_length=1, max_length=MAX_PEOPLE)]


class Told(msgspec.Struct, kw_only=True):
    """One of many participants."""

    user_id: UserId
    name: Name | UnsetType = UNSET
    avatar_url: Address | UnsetType | None = UNSET
    email: Email | UnsetType | None = UNSET


class RevokeSessions(Request, tag="revoke_sessions", kw_only=True):
    """Closes a participant's connections with 4403; tokens made before now, and those without `iat`, are refused."""

    user_id: UserId


class PostSystemMessage(Request, tag="post_system_message", kw_only=True):
    """Posts a message whose sender is the platform itself, `system_1`, into any conversation."""

    conversation_id: ConversationId
    content: str
    idempotency_key: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.idempotency_key is not None:
            require_bytes("idempotency_key", self.idempotency_key, 8, 64)


class Saved(Reply, tag="saved", kw_only=True):
    """Known to the server from now on."""

    participants: list[str]
    """The `user_id`s."""


class Revoked(Reply, tag="revoked", kw_only=True):
    """Tokens made before `revoked_before` are refused."""

    user_id: str
    revoked_before: str
    revoked_before_ms: int


class Platform(Feature):
    """The durable side of the platform's own commands."""

    def __init__(self, node: Node) -> None:
        self._node = node

    async def serve(self, request: Request) -> Reply | None:
        """Serves one of these commands. Raises ChatError."""
        reply: Reply | None = await self._node.call(request)
        if isinstance(reply, Revoked):
            # After COMMIT. Should this process end before, every node finds it in the table within a second.
            self._node.hub.revoke(reply.user_id, reply.revoked_before_ms)
        return reply

    async def token_may_be_from(self, who: Participant) -> float:
        """The earliest time, in seconds since the epoch, at which a token of `who` can have been made to be good.

        Raises InvalidField for a type that is not in PARTICIPANT_TYPES.
        """
        people = self._node.feature(Participants)
        people.require_type(who, "user_id")
        stored = await people.load_profile(who)
        return stored.revoked_before_ms / 1000

    @write(PutParticipant, route=Route("PUT", "/participants/{user_id}"), internal=True)
    def put(self, tx: Transaction, request: PutParticipant) -> Saved:
        return self._save(tx, [request])

    @write(PutParticipants, route=Route("PUT", "/participants"), internal=True)
    def put_many(self, tx: Transaction, request: PutParticipants) -> Saved:
        return self._save(tx, request.participants)

    @write(RevokeSessions, route=Route("POST", "/sessions/{user_id}/revoke"), internal=True)
    def revoke(self, tx: Transaction, request: RevokeSessions) -> Revoked:
        """Stores it, also of somebody whose token was never used; `serve` closes the connections after COMMIT."""
        (who,) = parse_people([request.user_id], "user_id")
        self._node.feature(Participants).require_type(who, "user_id")
        before_ms = revoke_tokens(tx, who)
        return Revoked(user_id=who.user_id, revoked_before=format_time(before_ms), revoked_before_ms=before_ms)

    @write(
        PostSystemMessage,
        route=Route("POST", "/conversations/{conversation_id}/system-messages", 201),
        internal=True,
    )
    def post(self, tx: Transaction, request: PostSystemMessage) -> MessageSent:
        """As sending, in a conversation that the sender is not in."""
        if tx.find_conversation(request.conversation_id) is None:
            raise NotFound("There is no such conversation.")
        save_people(tx, {SYSTEM.participant: {"name": SYSTEM.name}})  # what its messages' sender_name is read from
        # A seat for the length of this transaction, which is not stored.
        tx.set_membership(request.conversation_id, SYSTEM.participant, Membership("owner", 0, 0))
        message = SendMessage(
            conversation_id=request.conversation_id,
            content=request.content,
            idempotency_key=request.idempotency_key,
        )
        sending: Call[SendMessage] = Call(tx.call.command, message, SYSTEM)
        send_all(tx, [sending])
        if isinstance(sending.outcome, ChatError):
            raise sending.outcome
        assert isinstance(sending.outcome, MessageSent)
        tx.call.recorded += sending.recorded
        tx.call.signals += sending.signals
        return sending.outcome

    def _save(self, tx: Transaction, people: Iterable[PutParticipant | Told]) -> Saved:
        told: dict[Participant, dict[str, str | None]] = {}
        for person in people:
            (who,) = parse_people([person.user_id], "user_id")
            self._node.feature(Participants).require_type(who, "user_id")
            given = {"name": person.name, "avatar_url": person.avatar_url, "email": person.email}
            told[who] = told.get(who, {}) | {
                field: _clean(field, text) for field, text in given.items() if text is not UNSET
            }
        save_people(tx, told)
        return Saved(participants=[who.user_id for who in told])


def _clean(field: str, text: str | UnsetType | None) -> str | None:
    """As it is stored: trimmed. Raises InvalidField."""
    if text is None or text is UNSET:
        return None
    if not text.strip() or "\0" in text:
        raise InvalidField("A text needs at least one character, and none of them NUL.", field=field)
    if field == "avatar_url" and not is_web_address(text.strip()):
        raise InvalidField("An address of a picture begins with https:// or http://.", field=field)
    return text.strip()
