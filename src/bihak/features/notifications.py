"""Notifications: what somebody has not read a little after it was said, mentions, and being taken into a conversation.

`message` and `added` have one row for each participant and conversation, which counts until it is read and is used
again afterwards; `mention` has one for each message. They are written after the reply, under the conversation's lock,
as reading is: so a row is never made for what was just read.
"""

import asyncio
import json
from bisect import bisect_right
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, NamedTuple

import msgspec
import sqlalchemy as sa
from msgspec import Meta

from bihak.core.context import Call, Query, Signal, Transaction
from bihak.core.feature import Feature, Route, read, write, write_many
from bihak.core.node import Node
from bihak.errors import ChatError, NotFound
from bihak.features.conversations import ParticipantJoined, ParticipantLeft
from bihak.features.deferred import Backlog, Progress, deferred_progress, within
from bihak.features.messages import MessageEdited, NewMessage, Ok
from bihak.features.messages.mentions import load_mentions
from bihak.features.receipts import Receipts
from bihak.protocol.envelope import DurableEvent, Event, Reply, Request
from bihak.protocol.types import Id, Participant, format_time, time_or_none
from bihak.storage.dialect import word_literal
from bihak.storage.schema import (
    big,
    conversations,
    participant_type,
    table,
)
from bihak.storage.statement import run

LIST_LIMIT = 50
LIST_MAX = 100
IDS_AT_ONCE = 1000

NOTIFY_AFTER_S = 2.0
"""How long whoever is there has to read a message before they are notified of it."""
NEW_WITHIN_MS = 15_000
RECENT_MS = 86_400_000
"""What is older when a node starts, or is only then heard of, is no news."""
MAX_SEQS = 1000
"""Further back than this nothing is counted."""
CONVERSATIONS_AT_ONCE = 25
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


class ListNotifications(Request, tag="notifications", kw_only=True):
    """One's notifications, the latest first; `before` is the last one of the page before."""

    limit: Annotated[int, Meta(ge=1, le=LIST_MAX)] = LIST_LIMIT
    before: Id | None = None


class MarkNotificationsRead(Request, tag="mark_notifications_read", kw_only=True):
    """These notifications are read, or all; what is not one's own is passed over."""

    notification_ids: Annotated[list[Id], Meta(max_length=IDS_AT_ONCE)] | None = None


class Notification(msgspec.Struct, kw_only=True):
    """`kind` is `message`, `mention` or `added`; `message_id` and `created_at` are those of the latest it counts."""

    notification_id: int
    kind: str
    conversation_id: int
    message_id: int | None
    count: int
    created_at: str
    read_at: str | None


class NotificationList(Reply, tag="notifications", kw_only=True):
    notifications: list[Notification]
    has_more: bool
    unread: int
    """How many notifications are unread, those on other pages included."""


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


class Notify(Request, tag="notify", kw_only=True):
    """The server's own: tells the members of a conversation what happened in it up to that seq."""

    conversation_id: int
    through: int


class SweepNotifications(Request, tag="sweep_notifications", kw_only=True):
    """The server's own: removes what was read long ago."""


class Notifications(Feature):
    """Tells people what they missed. Each event of the log is looked at once, whatever crashes."""

    def __init__(self, node: Node, receipts: Receipts) -> None:
        self._node = node
        self._backlog = Backlog(NOTIFY_AFTER_S)
        self._progress = Progress("notify")
        receipts.when_read(self._conversation_read)

    # For clients

    @read(ListNotifications, route=Route("GET", "/notifications"))
    def list(self, query: Query, request: ListNotifications) -> NotificationList:
        """Costs a page and what is unread, not what there is."""
        n = notifications.c
        mine = _of(query.actor.participant)
        page = sa.select(notifications).where(mine).order_by(n.created_ms.desc(), n.id.desc())
        if request.before is not None:
            mark = query.connection.execute(sa.select(n.created_ms, n.id).where(mine, n.id == request.before)).first()
            if mark is None:
                raise NotFound("There is no such notification.")
            page = page.where(sa.tuple_(n.created_ms, n.id) < sa.tuple_(*mark))
        rows = query.connection.execute(page.limit(request.limit + 1)).all()
        unread = query.connection.execute(sa.select(sa.func.count()).where(mine, n.read_ms.is_(None))).scalar_one()
        found = [_notification(row) for row in rows[: request.limit]]
        return NotificationList(notifications=found, has_more=len(rows) > request.limit, unread=unread)

    @write(MarkNotificationsRead, route=Route("POST", "/notifications/read"))
    def mark_notifications_read(self, tx: Transaction, request: MarkNotificationsRead) -> Ok:
        """One's other devices hear `notifications_read`."""
        which = [] if request.notification_ids is None else [notifications.c.id.in_(request.notification_ids)]
        for signal in _close(tx, _of(tx.actor.participant), *which):
            tx.signal(signal)
        return Ok()

    def _conversation_read(self, tx: Transaction, conversation_id: int, seq: int) -> None:
        """What the notifications tell of the conversation up to there is read as well."""
        n = notifications.c
        here = (n.conversation_id == conversation_id, n.seq <= seq)
        for signal in _close(tx, _of(tx.actor.participant), *here, conversation_id=conversation_id):
            tx.signal(signal)

    # What happened

    def committed(self, events: Sequence[DurableEvent]) -> None:
        seqs = [(event.conversation_id, event.seq) for event in events if isinstance(event, _NEWS)]
        if seqs:
            self._backlog.add(seqs)

    def background(self) -> Sequence[Callable[[], Awaitable[None]]]:
        return (
            self._follow,
            self._look_for_new_conversations,
            self._node.periodically("notifications", SweepNotifications()),
        )

    async def _follow(self) -> None:
        await self._backlog.run(self._tell, CONVERSATIONS_AT_ONCE)

    async def _tell(self, seqs: dict[int, int]) -> None:
        calls = (self._node.call(Notify(conversation_id=cid, through=seq)) for cid, seq in seqs.items())
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome

    async def _look_for_new_conversations(self) -> None:
        """One indexed query every two seconds: no event tells of a new conversation. At start, also what was left."""
        c, done = conversations.c, deferred_progress.c.seq
        now_ms: sa.ColumnElement[int] = sa.literal_column(self._node.database.dialect.clock_ms, sa.BigInteger)
        recent = self._progress.select().where(
            c.changed_ms > now_ms - RECENT_MS, sa.or_(done.is_(None), done < c.last_seq)
        )
        new = self._progress.select().where(c.changed_ms > now_ms - NEW_WITHIN_MS, done.is_(None))
        query = recent
        while True:
            try:
                rows = await self._node.readers.run(_Rows(query))
            except ChatError:
                query = recent  # what happened meanwhile may be out of the other's sight
            else:
                query = new
                self._backlog.add((row.id, row.last_seq) for row in rows)
            await asyncio.sleep(NOTIFY_AFTER_S)

    @write_many(Notify, internal=True)
    def notify(self, tx: Transaction, calls: Sequence[Call[Notify]]) -> None:
        """A bounded number of statements for all. The conversations are locked since the transaction began."""
        through: dict[int, int] = {}
        for call in calls:
            cid = call.request.conversation_id
            through[cid] = max(call.request.through, through.get(cid, 0))
            call.outcome = Ok()
        done = self._progress.lock(tx, through, wait=True)
        spans = {
            cid: Span(done.get(cid), max(done.get(cid, 0), seq - MAX_SEQS), seq)
            for cid, seq in through.items()
            if seq > done.get(cid, -1)
        }
        if not spans:
            return
        news = _read_news(tx, spans)
        drafts = [draft for cid, happened in news.items() for draft in _drafts(cid, happened)]
        signals = _save(tx, drafts)
        left = [(cid, who) for cid, happened in news.items() for who in happened.left - happened.members.keys()]
        for cid, who in left:
            signals += _close(tx, _of(who), notifications.c.conversation_id == cid, conversation_id=cid)
        self._progress.advance(tx, {cid: span.through for cid, span in spans.items()})
        calls[0].signals += signals

    # Forgetting

    @write(SweepNotifications, internal=True)
    def sweep(self, tx: Transaction, request: SweepNotifications) -> int:
        """At most `IDS_AT_ONCE` a time; the rest waits for the next."""
        n = notifications.c
        old = n.read_ms < tx.read_clock() - self._node.options.notification_days * 86_400_000
        ids = list(tx.connection.execute(sa.select(n.id).where(old).limit(IDS_AT_ONCE)).scalars())
        if ids:
            tx.connection.execute(notifications.delete().where(n.id.in_(ids)))
        return len(ids)


_NEWS = (NewMessage, MessageEdited, ParticipantJoined, ParticipantLeft)
_EDITED, _JOINED, _LEFT = (
    str(kind.__struct_config__.tag) for kind in (MessageEdited, ParticipantJoined, ParticipantLeft)
)


class _Rows:
    """Reads all rows of a query that is bounded."""

    def __init__(self, query: sa.Select[Any]) -> None:
        self._query = query

    def __call__(self, connection: sa.Connection) -> Sequence[Any]:
        return connection.execute(self._query).all()


# What happened in a conversation


class Span(NamedTuple):
    """Events after one seq, up to and with another; `done` is None where nobody was told anything yet."""

    done: int | None
    after: int
    through: int


class Member(NamedTuple):
    """Where somebody stands in a conversation."""

    role: str
    joined_seq: int
    last_read_seq: int


@dataclass(slots=True)
class News:
    """What happened in a span of a conversation's log, and to whom it may be news."""

    sent: list[tuple[int, int, Participant]] = field(default_factory=list)
    """(seq, message_id, sender) of each message that is still there, in order."""
    mentions: list[tuple[int, int, Participant, list[str], bool]] = field(default_factory=list)
    """(seq, message_id, sender, user_ids, whether an edit says so)"""
    added: dict[Participant, int] = field(default_factory=dict)
    """Those whom somebody else took in, at which seq."""
    left: set[Participant] = field(default_factory=set)
    members: dict[Participant, Member] = field(default_factory=dict)


class Draft(NamedTuple):
    """A row to be, or what one is to count more."""

    conversation_id: int
    who: Participant
    kind: str
    once_key: int
    message_id: int | None
    seq: int
    more: int


def _read_news(tx: Transaction, spans: dict[int, Span]) -> dict[int, News]:
    news = {cid: News() for cid in spans}
    seqs = [(cid, span.after + 1, span.through) for cid, span in spans.items()]
    members = run(
        tx.connection,
        "SELECT conversation_id, participant_type, participant_id, role, joined_seq, last_read_seq "
        f"FROM conversation_participants WHERE conversation_id IN ({_listed(spans)}) AND left_seq IS NULL",
    )
    for cid, kind, number, *where in members:
        news[cid].members[Participant(kind, number)] = Member(*where)
    edited: set[int] = set()
    events = run(
        tx.connection,
        "SELECT e.conversation_id, e.seq, e.kind, e.message_id, e.data FROM conversation_events e "
        f"WHERE ({within('e', seqs)}) AND e.kind IN ('{_EDITED}', '{_JOINED}', '{_LEFT}') ORDER BY e.seq",
    )
    for cid, seq, kind, message_id, data in events:
        if kind == _EDITED:
            edited.add(message_id)
            continue
        told = json.loads(data)
        who = Participant.parse(told["user_id"])
        if kind == _LEFT:
            news[cid].left.add(who)
        elif told["by"] != told["user_id"]:
            news[cid].added[who] = seq
    also = f" OR m.id IN ({_listed(edited)})" if edited else ""
    sent = run(
        tx.connection,
        "SELECT m.id, m.conversation_id, m.seq, m.sender_type, m.sender_id, m.mentions FROM messages m "
        f"WHERE ({within('m', seqs)}{also}) AND m.deleted_ms IS NULL ORDER BY m.seq",
    )
    for message_id, cid, seq, kind, number, mentions in sent:
        sender, is_new = Participant(kind, number), seq > spans[cid].after
        if is_new:
            news[cid].sent.append((seq, message_id, sender))
        if mentions is not None:
            news[cid].mentions.append((seq, message_id, sender, load_mentions(mentions), not is_new))
    _add_founding(tx, [cid for cid, span in spans.items() if span.done is None], news)
    return news


def _listed(numbers: Iterable[int]) -> str:
    return ",".join(f"{number:d}" for number in numbers)


def _add_founding(tx: Transaction, conversation_ids: Sequence[int], news: dict[int, News]) -> None:
    """Those who are in a new group since it was made, but for its owner. A direct one is news once it has a message."""
    if not conversation_ids:
        return
    c = conversations.c
    groups = tx.connection.execute(
        sa.select(c.id).where(
            c.id.in_(conversation_ids), c.conversation_type != "direct", c.created_ms > tx.now_ms - RECENT_MS
        )
    ).scalars()
    for cid in groups:
        for who, member in news[cid].members.items():
            if member.joined_seq == 0 and member.role != "owner":
                news[cid].added.setdefault(who, 0)


def _drafts(conversation_id: int, news: News) -> Iterator[Draft]:
    own: dict[Participant, list[int]] = {}
    for seq, _, sender in news.sent:
        own.setdefault(sender, []).append(seq)
    seqs = [seq for seq, _, _ in news.sent]
    for who, member in news.members.items():
        known = max(member.joined_seq, member.last_read_seq)
        mine = own.get(who, [])
        count = (len(seqs) - bisect_right(seqs, known)) - (len(mine) - bisect_right(mine, known))
        if count:
            seq, message_id, _ = next(each for each in reversed(news.sent) if each[2] != who)
            yield Draft(conversation_id, who, "message", 0, message_id, seq, count)
    for who, seq in news.added.items():
        member_now = news.members.get(who)
        if member_now is not None and member_now.last_read_seq <= member_now.joined_seq:
            yield Draft(conversation_id, who, "added", 0, None, seq, 1)
    for seq, message_id, sender, user_ids, is_edit in news.mentions:
        for who in map(Participant.parse, user_ids):
            mentioned = news.members.get(who)
            if mentioned is None or who == sender or seq <= mentioned.joined_seq:
                continue
            if is_edit or seq > mentioned.last_read_seq:
                yield Draft(conversation_id, who, "mention", message_id, message_id, seq, 1)


# Rows


def _save(tx: Transaction, drafts: Sequence[Draft]) -> list[Signal]:
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
        Signal(
            Notified(notification=_notification(row)),
            to_user=Participant(row.participant_type, row.participant_id).user_id,
        )
        for row in saved
        if (row.conversation_id, row.participant_type, row.participant_id, row.kind, row.once_key) in rows
    ]


_KEY = ("participant_type", "participant_id", "conversation_id", "kind", "once_key")
_VALUES = ("message_id", "seq", "count", "created_ms", "read_ms")


def _close(
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


def _of(who: Participant) -> sa.ColumnElement[bool]:
    return sa.and_(notifications.c.participant_type == who.type, notifications.c.participant_id == who.id)


def _notification(row: Any) -> Notification:
    return Notification(
        notification_id=row.id,
        kind=row.kind,
        conversation_id=row.conversation_id,
        message_id=row.message_id,
        count=row._mapping["count"],  # a row is a tuple, with a method of that name
        created_at=format_time(row.created_ms),
        read_at=time_or_none(row.read_ms),
    )
