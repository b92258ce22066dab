"""The rows of `notifications`: writing them, closing them, and the events that tell of it."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from bihak.core.context import Signal
from bihak.core.transaction import Transaction
from bihak.features.receipts import Reading
from bihak.protocol.envelope import Event
from bihak.protocol.types import Participant, format_time, time_or_none
from bihak.storage.dialect import listed, word, word_literal
from bihak.storage.schema import big, participant_type, table
from bihak.storage.statement import run, run_texts

IDS_AT_ONCE = 1000

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
    here = (
        f"conversation_id IN ({listed({draft.conversation_id for draft in drafts})}) "
        f"AND once_key IN ({listed({draft.once_key for draft in drafts})})"
    )
    stored = _stored(tx, here, tx.dialect.for_update)
    rows: dict[Place, tuple[Draft, int]] = {}
    for draft in drafts:
        place = (draft.conversation_id, draft.who, draft.kind, draft.once_key)
        before = stored.get(place)
        if draft.kind == "mention" and before is not None:
            continue  # an edit mentions them again
        counted = before.counted if before is not None and not before.is_read and draft.kind == "message" else 0
        rows[place] = (draft, counted + draft.more)
    upsert = _upsert(tx, list(rows.values()))
    if rows.keys() <= stored.keys():
        tx.insert_last(*upsert)
    else:
        tx.insert(*upsert)
        stored = _stored(tx, f"{here} AND created_ms = {tx.now_ms:d}")
    created_at = format_time(tx.now_ms)
    return [
        Signal(
            Notified(
                notification=Notification(
                    notification_id=stored[place].id,
                    kind=draft.kind,
                    conversation_id=draft.conversation_id,
                    message_id=draft.message_id,
                    count=count,
                    created_at=created_at,
                    read_at=None,
                )
            ),
            to_user=draft.who.user_id,
        )
        for place, (draft, count) in rows.items()
    ]


Place = tuple[int, Participant, str, int]
"""What there is one row for: conversation, participant, kind, `once_key`."""


class _Stored(NamedTuple):
    """Of a row: what one that comes in its place must know."""

    id: int
    counted: int
    is_read: bool


def _stored(tx: Transaction, condition: str, locking: str = "") -> dict[Place, _Stored]:
    columns = ("id", "conversation_id", "participant_type", "participant_id", "kind", "once_key", "count")
    packed = tx.dialect.packed((*columns, "CASE WHEN read_ms IS NULL THEN 0 ELSE 1 END"))
    found = {}
    for row in run_texts(tx.connection, f"SELECT {packed} FROM notifications WHERE {condition} {locking}"):
        row_id, cid, kind_of, number, kind, once_key, count, is_read = tx.dialect.unpack(row)
        place = (int(cid), Participant(kind_of, int(number)), kind, int(once_key))
        found[place] = _Stored(int(row_id), int(count), bool(int(is_read)))
    return found


def _upsert(
    tx: Transaction, drafts: Sequence[tuple[Draft, int]]
) -> tuple[str, Sequence[str], Sequence[Sequence[object]], str]:
    """What `Transaction.insert` takes."""
    rows = [
        (
            *(word(draft.who.type), draft.who.id, draft.conversation_id, word(draft.kind), draft.once_key),
            *(draft.message_id, draft.seq, count, tx.now_ms, None),
        )
        for draft, count in drafts
    ]
    return "notifications", _KEY + _VALUES, rows, tx.dialect.upsert_clause(", ".join(_KEY), _VALUES)


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
    if not rows:
        return []
    now_ms, ids = tx.read_clock(), [row.id for row in rows]
    _set_read(tx, ids, now_ms)
    whom = Participant(rows[0].participant_type, rows[0].participant_id)
    return _told_read(ids, whom, conversation_id, now_ms)


def close_read(tx: Transaction, readings: Sequence[Reading]) -> None:
    """As `close`, of what they read: whatever is told of a conversation up to there. One query for all of them."""
    if not readings:
        return
    dialect = tx.dialect
    spans = [f"{cid:d},{word_literal(who.type)},{who.id:d},{seq:d}" for (cid, who), seq in _furthest(readings).items()]
    rows = run_texts(
        tx.connection,
        _UNREAD.format(
            spans=dialect.values_table("v", ("c", "t", "i", "s"), spans),
            columns=dialect.packed(("n.id", "v.t", "v.i", "v.c", "n.seq")),
            join=dialect.straight_join,
            by_index=dialect.by_index("uq_notifications_once"),
            locking=dialect.for_update,
        ),
    )
    if not rows:
        return
    unread: dict[tuple[int, Participant], list[tuple[int, int]]] = {}
    for row_id, kind, number, cid, seq in map(dialect.unpack, rows):
        unread.setdefault((int(cid), Participant(kind, int(number))), []).append((int(row_id), int(seq)))
    now_ms = tx.read_clock()
    _set_read(tx, [row_id for found in unread.values() for row_id, _ in found], now_ms)
    for reading in readings:
        place = (reading.conversation_id, reading.who)
        found = unread.get(place, [])
        its = [row_id for row_id, seq in found if seq <= reading.read_seq]
        unread[place] = [(row_id, seq) for row_id, seq in found if seq > reading.read_seq]
        reading.call.signals += _told_read(its, reading.who, reading.conversation_id, now_ms)


# Joined, and by that index: with conditions one beside another a database may go through all that anybody has not read,
# and by the conversation alone through what a thousand others in it have not.
_UNREAD = """
    WITH {spans} SELECT {columns} FROM v {join} notifications n {by_index}
    ON n.participant_type = v.t AND n.participant_id = v.i AND n.conversation_id = v.c
      AND n.seq <= v.s AND n.read_ms IS NULL
    {locking}
"""


def _set_read(tx: Transaction, ids: Sequence[int], now_ms: int) -> None:
    for start in range(0, len(ids), IDS_AT_ONCE):
        some = listed(ids[start : start + IDS_AT_ONCE])
        run(tx.connection, f"UPDATE notifications SET read_ms = {now_ms:d} WHERE id IN ({some})")


def _furthest(readings: Sequence[Reading]) -> dict[tuple[int, Participant], int]:
    furthest: dict[tuple[int, Participant], int] = {}
    for reading in readings:
        place = (reading.conversation_id, reading.who)
        furthest[place] = max(reading.read_seq, furthest.get(place, 0))
    return furthest


def _told_read(ids: Sequence[int], who: Participant, conversation_id: int | None, now_ms: int) -> list[Signal]:
    read_at = format_time(now_ms)
    return [
        Signal(
            NotificationsRead(
                notification_ids=list(ids[start : start + IDS_AT_ONCE]),
                conversation_id=conversation_id,
                read_at=read_at,
            ),
            to_user=who.user_id,
        )
        for start in range(0, len(ids), IDS_AT_ONCE)
    ]


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
