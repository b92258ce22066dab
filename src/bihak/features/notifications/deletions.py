"""What becomes of notifications when the message that they tell of is deleted."""

from typing import Any

import sqlalchemy as sa

from bihak.core.context import Signal
from bihak.core.transaction import Transaction
from bihak.features.notifications.news import MAX_SEQS, Sent
from bihak.features.notifications.rows import close_all, notifications, notified
from bihak.protocol.types import Participant
from bihak.storage.schema import conversation_participants, messages


def take_back(tx: Transaction, conversation_id: int, message: Any, told_through: int) -> list[Signal]:
    """A row of `messages` is deleted in this transaction: nobody is notified of it any more; the events that say so.

    `told_through` is the seq up to which the conversation's notifications count. A few statements for all.
    """
    n = notifications.c
    here = sa.and_(n.conversation_id == conversation_id, n.read_ms.is_(None))
    mentioned = sa.select(notifications).where(here, n.kind == "mention", n.once_key == message.id)
    signals = close_all(tx, tx.connection.execute(mentioned).all())
    if message.seq > told_through:
        return signals
    p = conversation_participants.c
    same = (
        p.conversation_id == n.conversation_id,
        p.participant_type == n.participant_type,
        p.participant_id == n.participant_id,
    )
    counting = tx.connection.execute(
        sa.select(notifications, p.joined_seq, p.last_read_seq)
        .select_from(notifications.join(conversation_participants, sa.and_(*same)))
        .where(here, n.kind == "message", n.once_key == 0)
    ).all()
    if not counting:
        return signals
    sent = _read_sent(tx, conversation_id, told_through)
    emptied, changes = [], []
    for row in counting:
        who = Participant(row.participant_type, row.participant_id)
        count, latest = sent.unread_by(who, row.joined_seq, row.last_read_seq)
        if latest is None:
            emptied.append(row)
        elif (count, latest[1]) != (row._mapping["count"], row.message_id):
            changes.append({"row_id": row.id, "fewer": count, "latest": latest[1]})
    if changes:
        fewer: dict[str, Any] = {"count": sa.bindparam("fewer"), "message_id": sa.bindparam("latest")}
        tx.connection.execute(notifications.update().where(n.id == sa.bindparam("row_id")).values(fewer), changes)
        changed = sa.select(notifications).where(n.id.in_([change["row_id"] for change in changes]))
        signals += [notified(row) for row in tx.connection.execute(changed)]
    return signals + close_all(tx, emptied)


def _read_sent(tx: Transaction, conversation_id: int, through: int) -> Sent:
    m = messages.c
    rows = tx.connection.execute(
        sa.select(m.seq, m.id, m.sender_type, m.sender_id)
        .where(m.conversation_id == conversation_id, m.seq.between(through - MAX_SEQS, through))
        .where(m.deleted_ms.is_(None))
        .order_by(m.seq)
    )
    return Sent([(seq, message_id, Participant(kind, number)) for seq, message_id, kind, number in rows])
