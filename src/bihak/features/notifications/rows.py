"""The rows of `notifications`: writing them, closing them, and the events that tell of it."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from bihak.core.context import Signal, Transaction
from bihak.protocol.envelope import Event
from bihak.protocol.types import Participant, format_time, time_or_none
from bihak.storage.dialect import word_literal
from bihak.storage.schema import big, participant_type, table

IDS_AT_ONCE = 1000
ROWS_AT_ONCE = 500

notifications = table(
    "notifications",
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    participant_type(),
    big("participant_id"),
    big("conversation_id"),
    sa.Column("kind", sa.String(16), nullable=False),
    # The message of a mention; 0 for the kinds that have one row for each conversation.
    big("once_key"),
    big("message_id", nullable=True),
    # Of the latest that it tells of: reading the conversation up to there reads it.
    big("seq"),
    big("count"),
    # Of the latest, too.
    big("created_ms"),
    big("read_ms", nullable=True),
    sa.Index(
        *("uq_notifications_once", "participant_type", "participant_id", "conversation_id", "kind", "once_key"),
        unique=True,
    ),
    sa.Index("ix_notifications_created", "participant_type", "participant_id", "created_ms"),
    sa.Index("ix_notifications_unread", "participant_type", "participant_id", "read_ms"),
    sa.Index("ix_notifications_conversation", "conversation_id", "once_key"),
    sa.Index(None, "read_ms"),
)


class Notification(msgspec.Struct, kw_only=True):
    """`kind` is `message`, `mention` or `added`; `message_id` and `created_at` are those of the latest it counts."""

    notification_id: int
    kind: str
    conversation_id: int
    message_id: int | None
    count: int
    created_at: str
    read_at: str | None


class Notified(Event, tag="notification", kw_only=True):
    """A notification is new, or counts more; on the participant's own topic."""

    notification: Notification


class NotificationsRead(Event, tag="notifications_read", kw_only=True):
    """Notifications were read on some device; on the participant's own topic.

    `conversation_id` is given where that came of reading, or leaving, the conversation.
    """

    notification_ids: list[int]
    conversation_id: int | None
    read_at: str


class Draft(NamedTuple):
    """A row to be, or what one is to count more."""

    conversation_id: int
    who: Participant
    kind: str
    once_key: int
    message_id: int | None
    seq: int
    more: int


def save(tx: Transaction, drafts: Sequence[Draft]) -> list[Signal]:
    """Writes what is new and what counts more; the events that tell of it."""
    if not drafts:
        return []
    n = notifications.c
    here = sa.and_(
        n.conversation_id.in_({draft.conversation_id for draft in drafts}),
        n.once_key.in_({draft.once_key for draft in drafts}),
    )
    key = (n.conversation_id, n.participant_type, n.participant_id, n.kind, n.once_key)
    found = tx.connection.execute(sa.select(*key, n.count.label("counted"), n.read_ms).where(here).with_for_update())
    stored = {tuple(row[:5]): row for row in found}
    rows: dict[tuple[Any, ...], str] = {}
    for draft in drafts:
        place = (draft.conversation_id, *draft.who, draft.kind, draft.once_key)
        before = stored.get(place)
        if draft.kind == "mention" and before is not None:
            continue  # an edit mentions them again
        counted = before.counted if before is not None and before.read_ms is None and draft.kind == "message" else 0
        message_id = "NULL" if draft.message_id is None else f"{draft.message_id:d}"
        rows[place] = (
            f"({word_literal(draft.who.type)},{draft.who.id:d},{draft.conversation_id:d},{word_literal(draft.kind)},"
            f"{draft.once_key:d},{message_id},{draft.seq:d},{counted + draft.more:d},{tx.now_ms:d},NULL)"
        )
    values = list(rows.values())
    for start in range(0, len(values), ROWS_AT_ONCE):
        some = ",".join(values[start : start + ROWS_AT_ONCE])
        tx.connection.exec_driver_sql(
            f"INSERT INTO notifications ({', '.join(_KEY + _VALUES)}) VALUES {some} "
            + tx.dialect.upsert_clause(", ".join(_KEY), _VALUES)
        )
    saved = tx.connection.execute(sa.select(notifications).where(here, n.created_ms == tx.now_ms)).all()
    return [
        notified(row)
        for row in saved
        if (row.conversation_id, row.participant_type, row.participant_id, row.kind, row.once_key) in rows
    ]


_KEY = ("participant_type", "participant_id", "conversation_id", "kind", "once_key")
_VALUES = ("message_id", "seq", "count", "created_ms", "read_ms")


def close(
    tx: Transaction, whose: sa.ColumnElement[bool], *which: sa.ColumnElement[bool], conversation_id: int | None = None
) -> Iterable[Signal]:
    """Marks somebody's unread notifications of that kind as read; the events that tell their devices."""
    n = notifications.c
    rows = tx.connection.execute(
        sa.select(n.id, n.participant_type, n.participant_id)
        .where(whose, n.read_ms.is_(None), *which)
        .with_for_update()
    ).all()
    now_ms = tx.read_clock() if rows else 0
    signals = []
    for start in range(0, len(rows), IDS_AT_ONCE):
        some = rows[start : start + IDS_AT_ONCE]
        ids = [row.id for row in some]
        tx.connection.execute(notifications.update().where(n.id.in_(ids)).values(read_ms=now_ms))
        event = NotificationsRead(notification_ids=ids, conversation_id=conversation_id, read_at=format_time(now_ms))
        signals.append(Signal(event, to_user=Participant(some[0].participant_type, some[0].participant_id).user_id))
    return signals


def of(who: Participant) -> sa.ColumnElement[bool]:
    return sa.and_(notifications.c.participant_type == who.type, notifications.c.participant_id == who.id)


def notification_of(row: Any) -> Notification:
    return Notification(
        notification_id=row.id,
        kind=row.kind,
        conversation_id=row.conversation_id,
        message_id=row.message_id,
        count=row._mapping["count"],  # a row is a tuple, with a method of that name
        created_at=format_time(row.created_ms),
        read_at=time_or_none(row.read_ms),
    )


def close_all(tx: Transaction, rows: Sequence[Any]) -> list[Signal]:
    """As `close`, for rows of different people."""
    if not rows:
        return []
    n, now_ms = notifications.c, tx.read_clock()
    tx.connection.execute(notifications.update().where(n.id.in_([row.id for row in rows])).values(read_ms=now_ms))
    return [
        Signal(
            NotificationsRead(notification_ids=[row.id], conversation_id=None, read_at=format_time(now_ms)),
            to_user=Participant(row.participant_type, row.participant_id).user_id,
        )
        for row in rows
    ]


def notified(row: Any) -> Signal:
    return Signal(
        Notified(notification=notification_of(row)),
        to_user=Participant(row.participant_type, row.participant_id).user_id,
    )
