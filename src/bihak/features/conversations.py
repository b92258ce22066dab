"""Conversations: creating and listing them, and who is in them."""

import builtins
from collections.abc import Iterable, Sequence
from typing import Annotated, Literal

import msgspec
import sqlalchemy as sa
from msgspec import Meta

from bihak.core.context import Query, Signal
from bihak.core.feature import Feature, Route, read, write
from bihak.core.node import Node
from bihak.core.transaction import LockedConversation, Membership, Transaction
from bihak.errors import Conflict, Forbidden, InvalidField, NotFound
from bihak.features.messages import Message, Messages, Ok, ReadCursor, count_unread, may_lead, select_messages
from bihak.features.participants import among, parse_people, require_people
from bihak.features.presence import shown_status
from bihak.protocol.envelope import DurableEvent, Event, Reply, Request
from bihak.protocol.types import ConversationId, Participant, UserId, format_time, time_or_none
from bihak.storage.schema import conversation_participants, conversations, messages, participants, user_online_status

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


class Conversations(Feature):
    """Who talks with whom."""

    events = (ConversationRenamed, ParticipantJoined, ParticipantLeft)

    def __init__(self, node: Node, messages: Messages) -> None:
        self._dialect = node.database.dialect
        self._messages = messages

    @read(ListConversations, route=Route("GET", "/conversations"))
    def list(self, query: Query, request: ListConversations) -> ConversationList:
        """A bounded number of queries, however many and long the conversations are."""
        c, p, who = conversations.c, conversation_participants.c, query.actor.participant
        mine = (
            sa.select(c.id)
            .select_from(conversation_participants.join(conversations, c.id == p.conversation_id))
            .where(p.participant_type == who.type, p.participant_id == who.id, p.left_seq.is_(None))
        )
        if request.before is not None:
            mark = query.connection.execute(
                sa.select(c.last_message_ms, c.id).where(c.id == request.before, c.id.in_(mine))
            ).first()
            if mark is None:
                raise NotFound("There is no such conversation, or you are not in it.")
            mine = mine.where(
                sa.or_(
                    c.last_message_ms < mark.last_message_ms,
                    sa.and_(c.last_message_ms == mark.last_message_ms, c.id < mark.id),
                )
            )
        mine = mine.order_by(c.last_message_ms.desc(), c.id.desc()).limit(request.limit + 1)
        ids = list(query.connection.execute(mine).scalars())
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
        _insert_members(tx, conversation, names, owner)
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
            _insert_members(tx, conversation, names, {})
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
        """The conversations with these ids that `viewer` is in, in the order of `ids`. A bounded number of queries."""
        if not ids:
            return []
        c, p, m = conversations.c, conversation_participants.c, messages.c
        last_message_id = (
            sa.select(m.id)
            .where(m.conversation_id == c.id, m.seq > p.joined_seq)
            .order_by(m.seq.desc())
            .limit(1)
            .correlate(conversations, conversation_participants)
        )
        rows = connection.execute(
            sa.select(
                conversations,
                p.last_read_seq,
                p.last_read_message_id,
                last_message_id.scalar_subquery().label("last_message_id"),
            )
            .select_from(conversation_participants.join(conversations, c.id == p.conversation_id))
            .where(
                p.participant_type == viewer.type,
                p.participant_id == viewer.id,
                p.left_seq.is_(None),
                p.conversation_id.in_(ids),
            )
        ).all()
        members = _load_members(connection, viewer, [row.id for row in rows])
        cursors = [ReadCursor(viewer, row.id, row.last_read_seq, row.last_seq) for row in rows]
        unread = dict(zip((row.id for row in rows), count_unread(connection, self._dialect, cursors), strict=True))
        last = [row.last_message_id for row in rows if row.last_message_id is not None]
        found_last = connection.execute(select_messages().where(m.id.in_(last))).all()
        last_messages = {message.conversation_id: message for message in self._messages.load(connection, found_last)}
        found = {
            row.id: Conversation(
                conversation_id=row.id,
                conversation_type=row.conversation_type,
                name=row.name,
                created_at=format_time(row.created_ms),
                last_seq=row.last_seq,
                last_message=last_messages.get(row.id),
                unread=unread[row.id],
                last_read_message_id=row.last_read_message_id,
                participants=members.get(row.id, []),
            )
            for row in rows
        }
        return [found[conversation_id] for conversation_id in ids if conversation_id in found]

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


def _load_members(connection: sa.Connection, viewer: Participant, ids: Sequence[int]) -> dict[int, list[Member]]:
    p, who, status = conversation_participants.c, participants.c, user_online_status.c
    rows = connection.execute(
        sa.select(
            *(p.conversation_id, p.participant_type, p.participant_id, p.role),
            *(p.last_read_message_id, p.shown_read_message_id),
            *(who.name, who.avatar_url, who.shares_reads, shown_status().label("status"), status.last_seen_ms),
        )
        .select_from(
            conversation_participants.outerjoin(
                participants,
                sa.and_(who.participant_type == p.participant_type, who.participant_id == p.participant_id),
            ).outerjoin(
                user_online_status,
                sa.and_(status.participant_type == p.participant_type, status.participant_id == p.participant_id),
            )
        )
        .where(p.conversation_id.in_(ids), p.left_seq.is_(None))
        .order_by(p.conversation_id, p.participant_type, p.participant_id)
    )
    members: dict[int, list[Member]] = {}
    for row in rows:
        person = Participant(row.participant_type, row.participant_id)
        user_id = person.user_id
        shown = row.shown_read_message_id if row.shares_reads is not False else None
        members.setdefault(row.conversation_id, []).append(
            Member(
                user_id=user_id,
                participant_type=row.participant_type,
                participant_id=row.participant_id,
                name=row.name or user_id,
                avatar_url=row.avatar_url,
                role=row.role,
                status=row.status or "offline",
                last_seen_at=time_or_none(row.last_seen_ms),
                last_read_message_id=row.last_read_message_id if person == viewer else shown,
            )
        )
    return members


def _insert_members(
    tx: Transaction, conversation: LockedConversation, people: Iterable[Participant], roles: dict[Participant, str]
) -> None:
    """Memberships that cover what comes after the conversation's head as it is now."""
    rows = [
        {
            "conversation_id": conversation.id,
            "participant_type": who.type,
            "participant_id": who.id,
            "role": roles.get(who, "member"),
            "joined_seq": conversation.last_seq,
            "left_seq": None,
            "joined_ms": tx.now_ms,
            "last_read_seq": conversation.last_seq,
        }
        for who in people
    ]
    p = conversation_participants.c
    if conversation.last_seq:  # somebody who was in it before has a row
        tx.connection.execute(
            conversation_participants.delete().where(
                p.conversation_id == conversation.id,
                among(p.participant_type, p.participant_id, people),
            )
        )
    tx.connection.execute(conversation_participants.insert(), rows)
    for row, who in zip(rows, people, strict=True):
        tx.set_membership(
            conversation.id, who, Membership(str(row["role"]), conversation.last_seq, conversation.last_seq)
        )
    _count_members(tx, conversation)


def end_membership(tx: Transaction, conversation: LockedConversation, who: Participant) -> None:
    """Records `participant_left`, and who becomes an owner thereby."""
    seq = conversation.next_seq()
    p = conversation_participants.c
    tx.connection.execute(
        conversation_participants.update()
        .where(p.conversation_id == conversation.id, p.participant_type == who.type, p.participant_id == who.id)
        .values(left_seq=seq)
    )
    tx.set_membership(conversation.id, who, None)
    heir = _promote_heir(tx, conversation)
    _count_members(tx, conversation)
    tx.record(
        conversation,
        ParticipantLeft(
            conversation_id=conversation.id,
            seq=seq,
            user_id=who.user_id,
            participant_type=who.type,
            participant_id=who.id,
            by=tx.actor.user_id,
            owner=heir.user_id if heir is not None else None,
        ),
    )


def _promote_heir(tx: Transaction, conversation: LockedConversation) -> Participant | None:
    """Makes the one who is in it longest an owner, if nobody is."""
    p = conversation_participants.c
    here = sa.and_(p.conversation_id == conversation.id, p.left_seq.is_(None))
    if tx.connection.execute(sa.select(p.participant_id).where(here, p.role == "owner").limit(1)).first():
        return None
    longest = sa.select(p.participant_type, p.participant_id).where(here)
    row = tx.connection.execute(
        longest.order_by(p.joined_ms, p.joined_seq, p.participant_type, p.participant_id).limit(1)
    ).first()
    if row is None:
        return None
    heir = Participant(row.participant_type, row.participant_id)
    tx.connection.execute(
        conversation_participants.update()
        .where(here, p.participant_type == heir.type, p.participant_id == heir.id)
        .values(role="owner")
    )
    membership = tx.find_place(conversation.id, heir)
    if membership is not None:
        tx.set_membership(conversation.id, heir, membership[1]._replace(role="owner"))
    return heir


def _count_members(tx: Transaction, conversation: LockedConversation) -> None:
    p = conversation_participants.c
    count = (
        sa.select(sa.func.count())
        .select_from(conversation_participants)
        .where(p.conversation_id == conversation.id, p.left_seq.is_(None))
    )
    tx.connection.execute(
        conversations.update().where(conversations.c.id == conversation.id).values(member_count=count.scalar_subquery())
    )


def created_event(conversation: Conversation) -> ConversationCreated:
    return ConversationCreated(
        conversation_id=conversation.conversation_id, seq=conversation.last_seq, conversation=conversation
    )


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
