"""Presence: online, away or offline; the best of a participant's connections counts."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any, Literal

import msgspec
import sqlalchemy as sa
from msgspec import Meta

from bihak.core.context import Call, Query, Signal, Transaction
from bihak.core.feature import Feature, Route, read, task, write, write_many
from bihak.core.identity import Actor
from bihak.core.node import Node
from bihak.core.session import Session
from bihak.features.messages import Ok
from bihak.features.participants import among, parse_people
from bihak.protocol.envelope import Event, Reply, Request
from bihak.protocol.types import Participant, UserId, format_time, time_or_none
from bihak.storage.schema import conversation_participants, conversations, user_online_status

OFFLINE_AFTER_S = 3.0
"""How long after the last connection somebody is still online, so that a page reload is no flicker."""
AWAY_AFTER_S = 300.0
"""Without a request on any connection, pings apart."""
MAX_BROADCAST = 200
"""Participants of the largest conversation in which a change is told; larger ones answer `get_status`."""
RENEW_EVERY_S = 15.0
STALE_AFTER_MS = 45_000
"""A row not renewed for this long is a dead node's: three renewals were missed."""

Status = Literal["online", "away", "offline"]


class SetStatus(Request, tag="set_status", kw_only=True):
    """Sets one's status on this connection: online or away; `offline` appears offline on every one, until set again."""

    status: Status


class GetStatus(Request, tag="get_status", kw_only=True):
    """The status of some people. Whoever is unknown is offline."""

    participants: Annotated[list[UserId], Meta(min_length=1, max_length=200)]


class GetOneStatus(Request, tag="get_one_status", kw_only=True):
    """The status of one person."""

    user_id: UserId


class SavePresence(Request, tag="save_presence", kw_only=True):
    """The server's own: stores what a participant's connections here amount to, and tells those it concerns."""

    status: Status
    conversations: tuple[int, ...] = ()
    appears_offline: bool | None = None
    """None: as before."""


class RenewPresence(Request, tag="renew_presence", kw_only=True):
    """The server's own: these are still here."""

    participants: list[Participant]


class SweepPresence(Request, tag="sweep_presence", kw_only=True):
    """The server's own: whoever a dead node left behind is offline."""


class StatusOf(msgspec.Struct, kw_only=True):
    user_id: str
    status: str
    last_seen_at: str | None


class Statuses(Reply, tag="statuses", kw_only=True):
    statuses: list[StatusOf]


class StatusChange(Event, tag="status_change", kw_only=True):
    """Somebody came, went or turned away; once to each who shares a conversation with them."""

    user_id: str
    participant_type: str
    participant_id: int
    status: str
    timestamp: str
    last_seen_at: str


class Here:
    """A participant's connections to this node."""

    def __init__(self, actor: Actor) -> None:
        self.actor = actor
        self.sessions: dict[Session, Status] = {}
        self.told: Status = "offline"
        self.conversations: tuple[int, ...] = ()
        self.leaving: asyncio.TimerHandle | None = None


class Presence(Feature):
    """A status is stored first and told after COMMIT, so that nobody is told what is not so."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._here: dict[Participant, Here] = {}

    # Connections

    def session_opened(self, session: Session) -> None:
        assert session.actor is not None
        here = self._here.setdefault(session.actor.participant, Here(session.actor))
        here.sessions[session] = "online"
        self._update(here)

    def session_closed(self, session: Session) -> None:
        assert session.actor is not None
        here = self._here.get(session.actor.participant)
        if here is None or session not in here.sessions:
            return
        here.conversations = tuple(session.conversations)
        del here.sessions[session]
        if here.sessions:
            self._update(here)
        elif self._node.draining:
            self._gone(here)
        else:
            here.leaving = asyncio.get_running_loop().call_later(OFFLINE_AFTER_S, self._gone, here)

    def _gone(self, here: Here) -> None:
        del self._here[here.actor.participant]
        self._node.write(SavePresence(status="offline", conversations=here.conversations), here.actor)

    def _update(self, here: Here) -> None:
        """Stores and tells the best of the connections, if that has changed."""
        if here.leaving is not None:
            here.leaving.cancel()
            here.leaving = None
        best: Status = "online" if "online" in here.sessions.values() else "away"
        if best != here.told:
            here.told = best
            self._node.write(SavePresence(status=best, conversations=_conversations(here)), here.actor)

    # Commands

    @task(SetStatus, route=Route("PUT", "/status"))
    async def set_status(self, session: Session, request: SetStatus) -> Ok:
        """Of this connection; asked over HTTP, of all connections."""
        actor = session.actor
        assert actor is not None
        here = self._here.get(actor.participant)
        if here is not None and request.status != "offline":
            for each in [session] if session in here.sessions else list(here.sessions):
                here.sessions[each], each.is_idle = request.status, False
            here.told = "online" if "online" in here.sessions.values() else "away"
        status: Status = here.told if here is not None else "offline"
        conversations = _conversations(here) if here is not None else ()
        await self._node.call(
            SavePresence(
                status=status, conversations=conversations, appears_offline=request.status == "offline"
            ),
            actor,
        )
        return Ok()

    @read(GetStatus)
    def get_status(self, query: Query, request: GetStatus) -> Statuses:
        return Statuses(statuses=load_statuses(query, parse_people(request.participants, "participants")))

    @read(GetOneStatus, route=Route("GET", "/status/{user_id}"))
    def get_one_status(self, query: Query, request: GetOneStatus) -> Statuses:
        return Statuses(statuses=load_statuses(query, parse_people([request.user_id], "user_id")))

    # Storing

    @write_many(SavePresence, internal=True)
    def save(self, tx: Transaction, calls: Sequence[Call[SavePresence]]) -> None:
        """A few statements for all who come and go at once; the last word about each counts."""
        now_ms = tx.read_clock()
        latest: dict[Participant, Call[SavePresence]] = {call.actor.participant: call for call in calls}
        table = user_online_status
        these = among(table.c.participant_type, table.c.participant_id, latest)
        before = {
            Participant(row.participant_type, row.participant_id): row
            for row in tx.connection.execute(sa.select(table).where(these))
        }
        rows: list[dict[str, Any]] = []
        telling: list[tuple[Call[SavePresence], str]] = []
        for who, call in latest.items():
            old, request = before.get(who), call.request
            hidden = request.appears_offline
            if hidden is None:
                hidden = old is not None and old.appears_offline
            shown: str = "offline" if hidden else request.status
            # Nobody who appears offline gives themselves away by a later last-seen.
            seen_ms = old.last_seen_ms if hidden and old is not None and old.appears_offline else now_ms
            rows.append(
                {
                    "participant_type": who.type,
                    "participant_id": who.id,
                    "status": request.status,
                    "appears_offline": hidden,
                    "last_seen_ms": seen_ms,
                    "updated_ms": now_ms,
                }
            )
            if old is None or _shown(old, now_ms) != shown:
                telling.append((call, shown))
        tx.connection.execute(table.delete().where(these))
        tx.connection.execute(table.insert(), rows)
        small = _small_conversations(tx.connection, [cid for call, _ in telling for cid in call.request.conversations])
        for call, shown in telling:
            conversations = tuple(cid for cid in call.request.conversations if cid in small)
            if conversations:
                event = _change(call.actor.participant, shown, now_ms)
                call.signals.append(
                    Signal(event, to_conversations=conversations, skip_user=call.actor.user_id)
                )

    @write(RenewPresence, internal=True)
    def renew(self, tx: Transaction, request: RenewPresence) -> None:
        table = user_online_status
        tx.connection.execute(
            table.update()
            .where(among(table.c.participant_type, table.c.participant_id, request.participants))
            .values(updated_ms=tx.read_clock())
        )

    @write(SweepPresence, internal=True)
    def sweep(self, tx: Transaction, request: SweepPresence) -> int:
        """Tells the members of their conversations, as if they had gone."""
        table, p = user_online_status, conversation_participants.c
        now_ms = tx.read_clock()
        stale = sa.and_(table.c.status != "offline", table.c.updated_ms < now_ms - STALE_AFTER_MS)
        rows = tx.connection.execute(sa.select(table).where(stale).with_for_update()).all()
        people = [Participant(row.participant_type, row.participant_id) for row in rows]
        if not people:
            return 0
        tx.connection.execute(
            table.update()
            .where(among(table.c.participant_type, table.c.participant_id, people))
            .values(status="offline", updated_ms=now_ms)
        )
        shared: dict[Participant, list[int]] = {}
        for kind, number, cid in tx.connection.execute(
            sa.select(p.participant_type, p.participant_id, p.conversation_id)
            .select_from(
                conversation_participants.join(conversations, conversations.c.id == p.conversation_id)
            )
            .where(
                among(p.participant_type, p.participant_id, people),
                p.left_seq.is_(None),
                conversations.c.member_count <= MAX_BROADCAST,
            )
        ):
            shared.setdefault(Participant(kind, number), []).append(cid)
        for who, row in zip(people, rows, strict=True):
            if who in shared and not row.appears_offline:
                event = _change(who, "offline", row.last_seen_ms)
                tx.signal(Signal(event, to_conversations=tuple(shared[who]), skip_user=who.user_id))
        return len(people)

    # Time

    def background(self) -> Sequence[Callable[[], Awaitable[None]]]:
        return (self._watch, self._node.periodically("presence", SweepPresence()))

    async def _watch(self) -> None:
        """Renews who is here, and notices who has fallen silent or come back."""
        renewed = time.monotonic()
        while True:
            await asyncio.sleep(1.0)
            now = time.monotonic()
            for here in list(self._here.values()):
                for session, status in here.sessions.items():
                    idle = now - session.active_at > AWAY_AFTER_S
                    if idle and status == "online":
                        here.sessions[session], session.is_idle = "away", True
                    elif session.is_idle and not idle:
                        here.sessions[session], session.is_idle = "online", False
                if here.sessions:
                    self._update(here)
            if now - renewed >= RENEW_EVERY_S:
                renewed = now
                people = list(self._here)
                for start in range(0, len(people), 1000):
                    self._node.write(RenewPresence(participants=people[start : start + 1000]))


def status_now(now_ms: int) -> sa.ColumnElement[str]:
    """The status to show of a row of `user_online_status`: of a row that nobody renews, offline."""
    row = user_online_status.c
    is_stale = row.updated_ms < now_ms - STALE_AFTER_MS
    return sa.case((sa.or_(row.appears_offline, is_stale), "offline"), else_=row.status)


def load_statuses(query: Query, people: Sequence[Participant]) -> list[StatusOf]:
    """For each of them, in order; one query."""
    row = user_online_status.c
    now_ms = query.connection.exec_driver_sql(f"SELECT {query.dialect.clock_ms}").scalar_one()
    found = {
        Participant(kind, number): (status, seen_ms)
        for kind, number, status, seen_ms in query.connection.execute(
            sa.select(row.participant_type, row.participant_id, status_now(now_ms), row.last_seen_ms).where(
                among(row.participant_type, row.participant_id, people)
            )
        )
    }
    statuses = []
    for who in people:
        status, seen_ms = found.get(who, ("offline", None))
        statuses.append(StatusOf(user_id=who.user_id, status=status, last_seen_at=time_or_none(seen_ms)))
    return statuses


def everyone_offline(connection: sa.Connection) -> None:
    """After a crash: nobody has a connection to a node that has just started alone."""
    table = user_online_status
    connection.execute(table.update().where(table.c.status != "offline").values(status="offline"))


def _shown(row: Any, now_ms: int) -> str:
    is_stale = row.updated_ms < now_ms - STALE_AFTER_MS
    return "offline" if row.appears_offline or is_stale else str(row.status)


def _small_conversations(connection: sa.Connection, ids: Sequence[int]) -> set[int]:
    c = conversations.c
    small = sa.select(c.id).where(c.id.in_(set(ids)), c.member_count <= MAX_BROADCAST)
    return set(connection.execute(small).scalars())


def _conversations(here: Here) -> tuple[int, ...]:
    session = next(iter(here.sessions), None)
    return tuple(session.conversations) if session is not None else here.conversations


def _change(who: Participant, status: str, now_ms: int) -> StatusChange:
    return StatusChange(
        user_id=who.user_id,
        participant_type=who.type,
        participant_id=who.id,
        status=status,
        timestamp=format_time(now_ms),
        last_seen_at=format_time(now_ms),
    )
