"""Presence: online, away or offline; the best of a participant's connections counts, on whichever node.

Each node holds a lease for each participant with a connection to it; `user_online_status` is the best of the leases.
"""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
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
from bihak.storage.dialect import word_literal
from bihak.storage.schema import (
    big,
    conversation_participants,
    conversations,
    participant_type,
    participants,
    table,
    user_online_status,
)

OFFLINE_AFTER_S = 3.0
"""How long after the last connection somebody is still online, so that a page reload is no flicker."""
AWAY_AFTER_S = 300.0
"""Without a request on any connection, pings apart."""
MAX_BROADCAST = 200
"""Participants of the largest conversation in which a change is told; larger ones answer `get_status`."""
RENEW_EVERY_S = 15.0
STALE_AFTER_MS = 45_000
"""A lease not renewed for this long is a dead node's: three renewals were missed."""

presence_leases = table(
    "presence_leases",
    participant_type(key=True),
    big("participant_id", key=True),
    # A process, from its start to its end.
    big("node_id", key=True),
    sa.Column("status", sa.String(16), nullable=False),
    big("renewed_ms"),
    sa.Index(None, "node_id"),
    sa.Index(None, "renewed_ms"),
)

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
    """The server's own: this node is still there, and with it everyone it has a lease for."""


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
        self._node_id = secrets.randbits(62)
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

    def draining(self) -> None:
        for here in list(self._here.values()):
            if here.leaving is not None:
                here.leaving.cancel()
            self._gone(here)

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
            SavePresence(status=status, conversations=conversations, appears_offline=request.status == "offline"),
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
        known = _known(tx.connection, {call.actor.participant for call in calls})
        latest = {call.actor.participant: call for call in calls if call.actor.participant in known}
        if not latest:
            return
        before = _lock_statuses(tx, latest, now_ms)
        self._save_leases(tx.connection, latest, now_ms)
        best = _best_leases(tx.connection, latest, now_ms)
        rows: list[dict[str, Any]] = []
        telling: list[tuple[Call[SavePresence], str]] = []
        for who, call in latest.items():
            old, hidden = before.get(who), call.request.appears_offline
            if hidden is None:
                hidden = old is not None and old.appears_offline
            status = best.get(who, "offline")
            shown = "offline" if hidden else status
            # Nobody who appears offline gives themselves away by a later last-seen.
            seen_ms = old.last_seen_ms if hidden and old is not None and old.appears_offline else now_ms
            rows.append(_status_row(who, status, now_ms, seen_ms, appears_offline=hidden))
            if shown != (_shown(old) if old is not None else "offline"):
                telling.append((call, shown))
        _write_statuses(tx.connection, rows)
        small = _small_conversations(tx.connection, [cid for call, _ in telling for cid in call.request.conversations])
        for call, shown in telling:
            conversations = tuple(cid for cid in call.request.conversations if cid in small)
            if conversations:
                event = _change(call.actor.participant, shown, now_ms)
                call.signals.append(Signal(event, to_conversations=conversations, skip_user=call.actor.user_id))

    def _save_leases(
        self, connection: sa.Connection, calls: Mapping[Participant, Call[SavePresence]], now_ms: int
    ) -> None:
        lease = presence_leases.c
        connection.execute(
            presence_leases.delete().where(
                lease.node_id == self._node_id, among(lease.participant_type, lease.participant_id, calls)
            )
        )
        rows = [
            {
                "node_id": self._node_id,
                "participant_type": who.type,
                "participant_id": who.id,
                "status": call.request.status,
                "renewed_ms": now_ms,
            }
            for who, call in calls.items()
            if call.request.status != "offline"
        ]
        if rows:
            connection.execute(presence_leases.insert(), rows)

    @write(RenewPresence, internal=True)
    def renew(self, tx: Transaction, request: RenewPresence) -> None:
        """One statement, however many are here."""
        mine = presence_leases.c.node_id == self._node_id
        tx.connection.execute(presence_leases.update().where(mine).values(renewed_ms=tx.read_clock()))

    @write(SweepPresence, internal=True)
    def sweep(self, tx: Transaction, request: SweepPresence) -> int:
        """Removes leases that nobody renews and tells, as if they had gone, of those who have no other."""
        now_ms = tx.read_clock()
        lease = presence_leases.c
        stale = lease.renewed_ms < now_ms - STALE_AFTER_MS
        people = _people(tx.connection.execute(sa.select(lease.participant_type, lease.participant_id).where(stale)))
        if not people:
            return 0
        before = _lock_statuses(tx, people, now_ms)
        tx.connection.execute(presence_leases.delete().where(stale))
        best = _best_leases(tx.connection, people, now_ms)
        changed = [who for who, old in before.items() if best.get(who, "offline") != old.status]
        _write_statuses(
            tx.connection,
            [
                _status_row(
                    who,
                    best.get(who, "offline"),
                    now_ms,
                    before[who].last_seen_ms,
                    appears_offline=before[who].appears_offline,
                )
                for who in changed
            ],
        )
        shared = _shared_conversations(tx.connection, changed)
        for who in changed:
            if who in shared and not before[who].appears_offline:
                event = _change(who, best.get(who, "offline"), now_ms)
                tx.signal(Signal(event, to_conversations=tuple(shared[who]), skip_user=who.user_id))
        return len(changed)

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
                if self._here:
                    self._node.write(RenewPresence())


def shown_status() -> sa.ColumnElement[str]:
    """The status that others see of a row of `user_online_status`."""
    row = user_online_status.c
    return sa.case((row.appears_offline, "offline"), else_=row.status)


def load_statuses(query: Query, people: Sequence[Participant]) -> list[StatusOf]:
    """For each of them, in order; one query."""
    row = user_online_status.c
    found = {
        Participant(kind, number): (status, seen_ms)
        for kind, number, status, seen_ms in query.connection.execute(
            sa.select(row.participant_type, row.participant_id, shown_status(), row.last_seen_ms).where(
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
    connection.execute(presence_leases.delete())
    connection.execute(
        user_online_status.update().where(user_online_status.c.status != "offline").values(status="offline")
    )


def _known(connection: sa.Connection, people: Iterable[Participant]) -> set[Participant]:
    """Those of them who were not erased since they connected."""
    c = participants.c
    here = among(c.participant_type, c.participant_id, people)
    return set(_people(connection.execute(sa.select(c.participant_type, c.participant_id).where(here))))


def _lock_statuses(tx: Transaction, people: Iterable[Participant], now_ms: int) -> dict[Participant, Any]:
    """The rows of these people, which another node cannot change until COMMIT; made where there is none yet."""
    wanted = list(people)
    found = _select_for_update(tx.connection, wanted)
    missing = [who for who in wanted if who not in found]
    if missing:
        # What does not exist cannot be locked: two nodes would both take somebody's first connection for the first.
        rows = ",".join(f"({word_literal(who.type)},{who.id:d},'offline',{now_ms:d},{now_ms:d})" for who in missing)
        tx.connection.exec_driver_sql(
            "INSERT INTO user_online_status (participant_type, participant_id, status, last_seen_ms, updated_ms) "
            f"VALUES {rows} " + tx.dialect.upsert_clause("participant_type, participant_id", ("updated_ms",))
        )
        found |= _select_for_update(tx.connection, missing)
    return found


def _select_for_update(connection: sa.Connection, people: Iterable[Participant]) -> dict[Participant, Any]:
    row = user_online_status.c
    these = among(row.participant_type, row.participant_id, people)
    rows = connection.execute(sa.select(user_online_status).where(these).with_for_update())
    return {Participant(each.participant_type, each.participant_id): each for each in rows}


def _best_leases(connection: sa.Connection, people: Iterable[Participant], now_ms: int) -> dict[Participant, str]:
    """Online beats away, whichever node says so."""
    lease = presence_leases.c
    rows = connection.execute(
        sa.select(lease.participant_type, lease.participant_id, sa.func.max(lease.status))  # "online" > "away"
        .where(among(lease.participant_type, lease.participant_id, people), lease.renewed_ms >= now_ms - STALE_AFTER_MS)
        .group_by(lease.participant_type, lease.participant_id)
    )
    return {Participant(kind, number): status for kind, number, status in rows}


def _status_row(who: Participant, status: str, now_ms: int, seen_ms: int, *, appears_offline: bool) -> dict[str, Any]:
    return {
        "participant_type": who.type,
        "participant_id": who.id,
        "status": status,
        "appears_offline": appears_offline,
        "last_seen_ms": seen_ms,
        "updated_ms": now_ms,
    }


def _write_statuses(connection: sa.Connection, rows: Sequence[dict[str, Any]]) -> None:
    if not rows:
        return
    people = [Participant(row["participant_type"], row["participant_id"]) for row in rows]
    connection.execute(
        user_online_status.delete().where(
            among(user_online_status.c.participant_type, user_online_status.c.participant_id, people)
        )
    )
    connection.execute(user_online_status.insert(), rows)


def _shared_conversations(connection: sa.Connection, people: Iterable[Participant]) -> dict[Participant, list[int]]:
    """Each one's conversations that are small enough to be told."""
    p = conversation_participants.c
    shared: dict[Participant, list[int]] = {}
    for kind, number, cid in connection.execute(
        sa.select(p.participant_type, p.participant_id, p.conversation_id)
        .select_from(conversation_participants.join(conversations, conversations.c.id == p.conversation_id))
        .where(
            among(p.participant_type, p.participant_id, people),
            p.left_seq.is_(None),
            conversations.c.member_count <= MAX_BROADCAST,
        )
    ):
        shared.setdefault(Participant(kind, number), []).append(cid)
    return shared


def _people(rows: Iterable[Any]) -> list[Participant]:
    return [Participant(kind, number) for kind, number in rows]


def _shown(row: Any) -> str:
    return "offline" if row.appears_offline else str(row.status)


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
