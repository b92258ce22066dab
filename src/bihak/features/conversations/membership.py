"""Taking people into a conversation and out of it."""

from collections.abc import Iterable

import sqlalchemy as sa

from bihak.core.locking import LockedConversation, Membership
from bihak.core.transaction import Transaction
from bihak.features.conversations.wire import ParticipantLeft
from bihak.features.participants import among
from bihak.protocol.types import Participant
from bihak.storage.schema import conversation_participants, conversations


def insert_members(
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
