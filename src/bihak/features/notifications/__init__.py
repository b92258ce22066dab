"""Notifications: what somebody has not read a little after it was said, mentions, and being taken into a conversation.

`message` and `added` have one row for each participant and conversation, which counts until it is read and is used
again afterwards; `mention` has one for each message. They are written after the reply, under the conversation's lock,
as reading is: so a row is never made for what was just read.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Annotated, Any

import sqlalchemy as sa
from msgspec import Meta

from bihak.core.context import Call, Query
from bihak.core.feature import Feature, Route, read, write, write_many
from bihak.core.node import Node
from bihak.core.transaction import Transaction
from bihak.errors import ChatError, NotFound
from bihak.features.backlog import AtOnce, Backlog, Due
from bihak.features.deferred import Progress
from bihak.features.messages import Messages, Ok
from bihak.features.notifications.deletions import take_back
from bihak.features.notifications.news import MAX_SEQS, NEWS, RECENT_MS, Span, drafts_of, read_news
from bihak.features.notifications.rows import (
    IDS_AT_ONCE,
    Notification,
    NotificationsRead,
    Notified,
    close,
    close_read,
    notification_of,
    notifications,
    of,
    save,
)
from bihak.features.receipts import Receipts
from bihak.protocol.envelope import DurableEvent, Reply, Request
from bihak.protocol.types import Id
from bihak.storage.dialect import word_literal
from bihak.storage.statement import run_texts
from bihak.tasks import beat

__all__ = ["NOTIFY_AFTER_S", "Notification", "Notifications", "NotificationsRead", "Notified", "Notify"]

LIST_LIMIT = 50
LIST_MAX = 100

NOTIFY_AFTER_S = 2.0
"""How long whoever is there has to read a message before they are notified of it."""
NEW_WITHIN_MS = 15_000
CONVERSATIONS_AT_ONCE = AtOnce(8, 48)


class ListNotifications(Request, tag="notifications", kw_only=True):
    """One's notifications, the latest first; `before` is the last one of the page before."""

    limit: Annotated[int, Meta(ge=1, le=LIST_MAX)] = LIST_LIMIT
    before: Id | None = None


class MarkNotificationsRead(Request, tag="mark_notifications_read", kw_only=True):
    """These notifications are read, or all; what is not one's own is passed over."""

    notification_ids: Annotated[list[Id], Meta(max_length=IDS_AT_ONCE)] | None = None


class NotificationList(Reply, tag="notifications", kw_only=True):
    notifications: list[Notification]
    has_more: bool
    unread: int
    """How many notifications are unread, those on other pages included."""


class Notify(Request, tag="notify", kw_only=True):
    """The server's own: tells the members of a conversation what happened in it up to that seq."""

    conversation_id: int
    through: int
    events: Sequence[DurableEvent] = ()
    """As in `Due`."""


class SweepNotifications(Request, tag="sweep_notifications", kw_only=True):
    """The server's own: removes what was read long ago."""


class Notifications(Feature):
    """Tells people what they missed. Each event of the log is looked at once, whatever crashes."""

    def __init__(self, node: Node, messages: Messages, receipts: Receipts) -> None:
        self._node = node
        self._backlog = Backlog(NOTIFY_AFTER_S, NEWS, rest_s=NOTIFY_AFTER_S)
        self._progress = Progress("notify")
        receipts.when_read(close_read)
        messages.when_deleted(self._message_deleted)

    # For clients

    @read(ListNotifications, route=Route("GET", "/notifications"))
    def list(self, query: Query, request: ListNotifications) -> NotificationList:
        """Costs a page and what is unread, not what there is."""
        n = notifications.c
        mine = of(query.actor.participant)
        page = sa.select(notifications).where(mine).order_by(n.created_ms.desc(), n.id.desc())
        if request.before is not None:
            mark = query.connection.execute(sa.select(n.created_ms, n.id).where(mine, n.id == request.before)).first()
            if mark is None:
                raise NotFound("There is no such notification.")
            page = page.where(sa.tuple_(n.created_ms, n.id) < sa.tuple_(*mark))
        rows = query.connection.execute(page.limit(request.limit + 1)).all()
        unread = query.connection.execute(sa.select(sa.func.count()).where(mine, n.read_ms.is_(None))).scalar_one()
        found = [notification_of(row) for row in rows[: request.limit]]
        return NotificationList(notifications=found, has_more=len(rows) > request.limit, unread=unread)

    @write(MarkNotificationsRead, route=Route("POST", "/notifications/read"))
    def mark_notifications_read(self, tx: Transaction, request: MarkNotificationsRead) -> Ok:
        """One's other devices hear `notifications_read`."""
        which = [] if request.notification_ids is None else [notifications.c.id.in_(request.notification_ids)]
        for signal in close(tx, of(tx.actor.participant), *which):
            tx.signal(signal)
        return Ok()

    def _message_deleted(self, tx: Transaction, conversation_id: int, message: Any) -> None:
        """Nobody is notified of it any more."""
        told = self._progress.lock(tx, [conversation_id], wait=True).get(conversation_id, 0)
        for signal in take_back(tx, conversation_id, message, told):
            tx.signal(signal)

    # What happened

    def committed(self, events: Sequence[DurableEvent]) -> None:
        self._backlog.follow(events)

    def background(self) -> Sequence[Callable[[], Awaitable[None]]]:
        return (
            self._follow,
            self._look_for_new_conversations,
            self._node.periodically("notifications", SweepNotifications(), until_none=True),
        )

    async def _follow(self) -> None:
        await self._backlog.run(self._tell, CONVERSATIONS_AT_ONCE)

    async def _tell(self, taken: dict[int, Due]) -> None:
        requests = (Notify(conversation_id=cid, through=due.through, events=due.events) for cid, due in taken.items())
        calls = map(self._node.call, requests)
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome

    async def _look_for_new_conversations(self) -> None:
        """One indexed query every two seconds: no event tells of a new conversation. At start, also what was left."""
        within_ms: int | None = RECENT_MS
        while True:
            try:
                rows = await self._node.readers.run_shared(partial(self._untold, within_ms=within_ms))
            except ChatError:
                within_ms = RECENT_MS  # what happened meanwhile may be out of the other's sight
            else:
                within_ms = None
                self._backlog.add(rows)
            await beat(NOTIFY_AFTER_S)

    def _untold(self, connection: sa.Connection, within_ms: int | None) -> Sequence[tuple[int, int]]:
        """Conversations that changed lately and have something to tell, with their heads; None: the new ones."""
        dialect = self._node.database.dialect
        what = "c.last_seq = 0 AND d.seq IS NULL" if within_ms is None else "(d.seq IS NULL OR d.seq < c.last_seq)"
        rows = run_texts(
            connection,
            f"SELECT {dialect.packed(('c.id', 'c.last_seq'))} FROM conversations c LEFT JOIN deferred_progress d "
            f"ON d.task = {word_literal(self._progress.task)} AND d.conversation_id = c.id "
            f"WHERE c.changed_ms > {dialect.statement_ms} - {within_ms or NEW_WITHIN_MS:d} AND {what}",
        )
        return [(int(cid), int(seq)) for cid, seq in map(dialect.unpack, rows)]

    @write_many(Notify, internal=True)
    def notify(self, tx: Transaction, calls: Sequence[Call[Notify]]) -> None:
        """A bounded number of statements for all. The conversations are locked since the transaction began."""
        through: dict[int, int] = {}
        events: dict[int, Sequence[DurableEvent]] = {}
        for call in calls:
            cid, seq = call.request.conversation_id, call.request.through
            if seq > through.get(cid, -1):
                through[cid], events[cid] = seq, call.request.events
            call.outcome = Ok()
        done = self._progress.lock(tx, through, wait=True)
        spans = {
            cid: Span(done.get(cid), max(done.get(cid, 0), seq - MAX_SEQS), seq)
            for cid, seq in through.items()
            if seq > done.get(cid, -1)
        }
        if not spans:
            return
        news = read_news(tx, spans, events)
        drafts = [draft for cid, happened in news.items() for draft in drafts_of(cid, happened)]
        signals = save(tx, drafts)
        left = [(cid, who) for cid, happened in news.items() for who in happened.left - happened.members.keys()]
        for cid, who in left:
            signals += close(tx, of(who), notifications.c.conversation_id == cid, conversation_id=cid)
        self._progress.advance(tx, {cid: span.through for cid, span in spans.items()})
        calls[0].signals += signals

    # Forgetting

    @write(SweepNotifications, internal=True)
    def sweep(self, tx: Transaction, request: SweepNotifications) -> int:
        """At most `IDS_AT_ONCE` a time."""
        n = notifications.c
        old = n.read_ms < tx.read_clock() - self._node.options.notification_days * 86_400_000
        ids = list(tx.connection.execute(sa.select(n.id).where(old).limit(IDS_AT_ONCE)).scalars())
        if ids:
            tx.connection.execute(notifications.delete().where(n.id.in_(ids)))
        return len(ids)
