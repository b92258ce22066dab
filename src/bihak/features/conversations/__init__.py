"""Conversations: creating and listing them, and who is in them."""

import builtins
from collections.abc import Sequence

import sqlalchemy as sa

from bihak.core.context import Query, Signal
from bihak.core.feature import Feature, Route, read, write
from bihak.core.locking import LockedConversation, Membership
from bihak.core.node import Node
from bihak.core.transaction import Transaction
from bihak.errors import Conflict, Forbidden, InvalidField, NotFound
from bihak.features.conversations.loading import load_conversations
from bihak.features.conversations.membership import end_membership, insert_members
from bihak.features.conversations.wire import (
    MAX_PARTICIPANTS,
    AddParticipants,
    Conversation,
    ConversationCreated,
    ConversationList,
    ConversationRenamed,
    ConversationReply,
    CreateConversation,
    GetConversation,
    LeaveConversation,
    ListConversations,
    Member,
    ParticipantJoined,
    ParticipantLeft,
    RemoveParticipant,
    RenameConversation,
    created_event,
)
from bihak.features.messages import Messages, Ok, may_lead
from bihak.features.participants import parse_people, require_people
from bihak.protocol.types import Participant
from bihak.storage.dialect import word_literal
from bihak.storage.schema import conversation_participants, conversations
from bihak.storage.statement import run, run_texts

__all__ = [
    "AddParticipants",
    "Conversation",
    "ConversationCreated",
    "ConversationReply",
    "Conversations",
    "CreateConversation",
    "ListConversations",
    "Member",
    "ParticipantJoined",
    "ParticipantLeft",
    "RemoveParticipant",
    "RenameConversation",
    "created_event",
    "end_membership",
]


class Conversations(Feature):
    """Who talks with whom."""

    events = (ConversationRenamed, ParticipantJoined, ParticipantLeft)

    def __init__(self, node: Node, messages: Messages) -> None:
        self._dialect = node.database.dialect
        self._messages = messages

    @read(ListConversations, route=Route("GET", "/conversations"))
    def list(self, query: Query, request: ListConversations) -> ConversationList:
        """A bounded number of queries, however many and long the conversations are."""
        who = query.actor.participant
        mine = _MINE.format(type=word_literal(who.type), id=who.id)
        before = ""
        if request.before is not None:
            mark = run(query.connection, f"SELECT c.last_message_ms {mine} AND c.id = {request.before:d}")
            if not mark:
                raise NotFound("There is no such conversation, or you are not in it.")
            ((at_ms,),) = mark
            before = (
                f"AND (c.last_message_ms < {at_ms:d} OR c.last_message_ms = {at_ms:d} AND c.id < {request.before:d})"
            )
        rows = run_texts(
            query.connection,
            f"SELECT {query.dialect.packed(('c.id',))} {mine} {before} "
            f"ORDER BY c.last_message_ms DESC, c.id DESC LIMIT {request.limit + 1:d}",
        )
        ids = [int(row[0]) for row in rows]
        page = self.load(query.connection, who, ids[: request.limit])
        return ConversationList(conversations=page, has_more=len(ids) > request.limit)

    @read(GetConversation, route=Route("GET", "/conversations/{conversation_id}"))
    def get(self, query: Query, request: GetConversation) -> ConversationReply:
        found = self.load(query.connection, query.actor.participant, [request.conversation_id])
        if not found:
            raise NotFound("There is no such conversation, or you are not in it.")
        return ConversationReply(conversation=found[0])

    @write(CreateConversation, route=Route("POST", "/conversations", 201))
    def create(self, tx: Transaction, request: CreateConversation) -> ConversationReply:
        """Everyone in it hears `conversation_created`; who asks again for a direct one just gets it."""
        me = tx.actor.participant
        others = [p for p in parse_people(request.participants, "participants") if p != me]
        if len(others) >= MAX_PARTICIPANTS:
            raise Conflict(f"A conversation has at most {MAX_PARTICIPANTS} participants.")
        names = require_people(tx.connection, [me, *others])
        direct_key = None
        if request.conversation_type == "direct":
            if len(others) != 1:
                raise InvalidField("A direct conversation is with one other person.", field="participants")
            direct_key = "|".join(sorted(p.user_id for p in (me, others[0])))
            existing = _find_direct(tx, direct_key)
            if existing is not None:
                return self._reply(tx, existing)
        now_ms = tx.read_clock()
        conversation = LockedConversation(
            id=tx.take_id("conversations"),
            type=request.conversation_type,
            created_ms=now_ms,
            last_seq=0,
            last_message_ms=now_ms,
        )
        try:
            with tx.connection.begin_nested():
                tx.connection.execute(
                    conversations.insert().values(
                        id=conversation.id,
                        conversation_type=conversation.type,
                        name=_clean_name(request.name),
                        direct_key=direct_key,
                        created_ms=now_ms,
                        last_message_ms=now_ms,
                        changed_ms=now_ms,
                    )
                )
        except sa.exc.IntegrityError:
            # Somebody on another node was faster; their transaction has ended, or the insert would still wait.
            existing = _find_direct(tx, direct_key)
            if existing is None:
                raise
            return self._reply(tx, existing)
        tx.open_conversation(conversation)
        owner = {me: "owner"} if direct_key is None else {}
        insert_members(tx, conversation, names, owner)
        self._announce(tx, conversation, list(names))
        return self._reply(tx, conversation.id)

    @write(RenameConversation, route=Route("PATCH", "/conversations/{conversation_id}"))
    def rename(self, tx: Transaction, request: RenameConversation) -> Ok:
        """Records `conversation_renamed`, unless that is its name already."""
        conversation, membership = tx.require_place(request.conversation_id)
        _require_group(conversation)
        _require_lead(tx, membership)
        name = _clean_name(request.name)
        if name is None:
            raise InvalidField("A name needs at least one character.", field="name")
        row = conversations.c.id == conversation.id
        if name != tx.connection.execute(sa.select(conversations.c.name).where(row)).scalar_one():
            tx.connection.execute(conversations.update().where(row).values(name=name))
            tx.record(
                conversation,
                ConversationRenamed(
                    conversation_id=conversation.id, seq=conversation.next_seq(), name=name, by=tx.actor.user_id
                ),
            )
        return Ok()

    @write(AddParticipants, route=Route("POST", "/conversations/{conversation_id}/participants"))
    def add(self, tx: Transaction, request: AddParticipants) -> Ok:
        """Records `participant_joined` for each who was not in it."""
        conversation, membership = tx.require_place(request.conversation_id)
        _require_group(conversation)
        _require_lead(tx, membership)
        people = parse_people(request.participants, "participants")
        tx.lock((conversation.id, person) for person in people)
        new = [p for p in people if tx.find_place(conversation.id, p) is None]
        count = tx.connection.execute(
            sa.select(sa.func.count()).where(
                conversation_participants.c.conversation_id == conversation.id,
                conversation_participants.c.left_seq.is_(None),
            )
        ).scalar_one()
        if count + len(new) > MAX_PARTICIPANTS:
            raise Conflict(f"A conversation has at most {MAX_PARTICIPANTS} participants.")
        names = require_people(tx.connection, new)
        for person, row in names.items():
            tx.record(
                conversation,
                ParticipantJoined(
                    conversation_id=conversation.id,
                    seq=conversation.next_seq(),
                    user_id=person.user_id,
                    participant_type=person.type,
                    participant_id=person.id,
                    name=row.name,
                    avatar_url=row.avatar_url,
                    role="member",
                    by=tx.actor.user_id,
                ),
            )
        if new:
            insert_members(tx, conversation, names, {})
            self._announce(tx, conversation, new)
        return Ok()

    @write(RemoveParticipant, route=Route("DELETE", "/conversations/{conversation_id}/participants/{user_id}"))
    def remove(self, tx: Transaction, request: RemoveParticipant) -> Ok:
        """Records `participant_left`, after which they are delivered nothing more."""
        conversation, membership = tx.require_place(request.conversation_id)
        _require_group(conversation)
        (who,) = parse_people([request.user_id], "user_id")
        if who != tx.actor.participant:
            _require_lead(tx, membership)
        if tx.find_place(conversation.id, who) is None:
            raise NotFound("They are not in this conversation.")
        end_membership(tx, conversation, who)
        return Ok()

    @write(LeaveConversation)
    def leave(self, tx: Transaction, request: LeaveConversation) -> Ok:
        """As being removed, by oneself."""
        conversation, _ = tx.require_place(request.conversation_id)
        _require_group(conversation)
        end_membership(tx, conversation, tx.actor.participant)
        return Ok()

    def load(self, connection: sa.Connection, viewer: Participant, ids: Sequence[int]) -> builtins.list[Conversation]:
        """As `load_conversations`."""
        return load_conversations(connection, self._dialect, self._messages, viewer, ids)

    def _announce(self, tx: Transaction, conversation: LockedConversation, people: Sequence[Participant]) -> None:
        """Tells these participants of a conversation that is new to them, and takes their sessions into it."""
        event = created_event(self._load(tx, conversation.id, people[0]))
        for person in people:
            tx.signal(Signal(event, to_user=person.user_id, joins=(conversation.id, conversation.last_seq)))

    def _load(self, tx: Transaction, conversation_id: int, viewer: Participant) -> Conversation:
        """As it will be after COMMIT: this transaction's heads are not in the table yet."""
        (found,) = self.load(tx.connection, viewer, [conversation_id])
        place = tx.find_place(conversation_id, viewer)
        if place is not None:
            found.last_seq = place[0].last_seq
        return found

    def _reply(self, tx: Transaction, conversation_id: int) -> ConversationReply:
        return ConversationReply(conversation=self._load(tx, conversation_id, tx.actor.participant))


_MINE = """
    FROM conversation_participants p JOIN conversations c ON c.id = p.conversation_id
    WHERE p.participant_type = {type} AND p.participant_id = {id:d} AND p.left_seq IS NULL
"""


def _find_direct(tx: Transaction, direct_key: str | None) -> int | None:
    c = conversations.c
    found: int | None = tx.connection.execute(sa.select(c.id).where(c.direct_key == direct_key)).scalar()
    return found


def _clean_name(name: str | None) -> str | None:
    if name is None or not name.strip():
        return None
    if "\0" in name:
        raise InvalidField("A name cannot contain NUL.", field="name")
    return name.strip()


def _require_group(conversation: LockedConversation) -> None:
    if conversation.type == "direct":
        raise Forbidden("A direct conversation stays as it is: between two people.")


def _require_lead(tx: Transaction, membership: Membership) -> None:
    if not may_lead(tx.actor, membership):
        raise Forbidden("Only the conversation's owners and admins may do this.")
