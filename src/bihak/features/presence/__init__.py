"""Presence: online, away or offline; the best of a participant's connections counts, on whichever node.

Each node holds a lease for each participant with a connection to it; `user_online_status` is the best of the leases.
A node that lives renews its own row in `presence_nodes`; the leases of one that does not are ended by the others.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence

import sqlalchemy as sa
import structlog

from bihak.core.context import Call, Query, Signal
from bihak.core.deadlines import Deadlines
from bihak.core.feature import Feature, Route, read, task, write, write_many
from bihak.core.limits import Limit
from bihak.core.node import Node
from bihak.core.session import Session
from bihak.core.transaction import Transaction
from bihak.errors import ChatError
from bihak.features.audience import small_conversations
from bihak.features.messages import Ok
from bihak.features.participants import among, parse_people
from bihak.features.presence.here import Here
from bihak.features.presence.leases import (
    RENEW_EVERY_S,
    STALE_AFTER_MS,
    StoredStatus,
    best_leases,
    dead_nodes,
    end_leases,
    ended_leases,
    everyone_offline,
    insert_leases,
    known_people,
    load_statuses,
    lock_statuses,
    note_seen,
    presence_leases,
    presence_nodes,
    renew_node,
    shared_conversations,
    status_row,
    write_statuses,
)
from bihak.features.presence.leaving import Leaving
from bihak.features.presence.wire import (
    GetOneStatus,
    GetStatus,
    LeavePresence,
    RenewPresence,
    SavePresence,
    SetStatus,
    Status,
    StatusChange,
    Statuses,
    StatusOf,
    SweepPresence,
)
from bihak.protocol.types import Participant, format_time
from bihak.storage.schema import user_online_status
from bihak.tasks import beat

log = structlog.stdlib.get_logger("bihak")

OFFLINE_AFTER_S = 3.0
"""How long a connection that closed still counts, so that a page reload is no flicker."""
CROWD_OFFLINE_AFTER_S = 15.0
BACK_A_SECOND = 500
"""Where a thousand are gone at once, it was the network or a proxy: they are given the time to come back that they
take, at most so long, rather than the others being told twice of each."""
AWAY_AFTER_S = 300.0
"""Without a request on any connection, pings apart."""
GRACE_MS = 3_000
"""How long those on a node that drains are still online, so that going on to another node is no flicker."""
PEOPLE_AT_ONCE = 500
STEADY_AFTER_S = 2 * RENEW_EVERY_S
"""A node that could not renew for a while itself gives the others so long to do it too."""


class Presence(Feature):
    """A status is stored first and told after COMMIT, so that nobody is told what is not so."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._node_id = secrets.randbits(62)
        self._here: dict[Participant, Here] = {}
        self._is_steady = False
        """Whether this node has renewed for a while without a break."""
        self._leaving = Leaving(self._left)
        self._gone: set[Here] = set()
        """Those who have no connection any more and are not offline yet."""
        self._silences: Deadlines[Session] = Deadlines()
        """When each session that is not idle may next become so; looked at only then."""

    # Connections

    def session_opened(self, session: Session) -> None:
        assert session.actor is not None
        here = self._here.get(session.actor.participant)
        if here is None:
            here = self._here[session.actor.participant] = Here(session.actor)
        self._gone.discard(here)
        here.sessions[session] = session.arrives
        self._silences.set(session, _now() + AWAY_AFTER_S)
        self._update(here)

    def session_returned(self, session: Session) -> None:
        assert session.actor is not None
        here = self._here.get(session.actor.participant)
        if here is not None and session in here.sessions:
            self._show(here, [session], "online")
            self._update(here)

    def _show(self, here: Here, sessions: Sequence[Session], status: Status) -> None:
        """Somebody is at these connections."""
        for session in sessions:
            here.sessions[session], session.is_idle, session.active_at = status, False, _now()
            self._silences.set(session, session.active_at + AWAY_AFTER_S)

    def session_closed(self, session: Session) -> None:
        assert session.actor is not None
        here = self._here.get(session.actor.participant)
        if here is None or session not in here.sessions:
            return
        here.close(session)
        self._silences.drop(session)
        here.stay()
        if here.best != here.told and not self._node.draining:
            if not here.sessions:
                self._gone.add(here)
            here.waited_s = OFFLINE_AFTER_S
            self._leaving.set(here, OFFLINE_AFTER_S)

    def draining(self) -> None:
        for here in self._here.values():
            here.stay()
        self._here.clear()
        self._node.write(LeavePresence())

    def _left(self, here: Here) -> None:
        if here.sessions:
            self._update(here)
            return
        patience_s = min(CROWD_OFFLINE_AFTER_S, OFFLINE_AFTER_S + len(self._gone) // BACK_A_SECOND)
        if here.waited_s < patience_s:
            self._leaving.set(here, patience_s - here.waited_s)
            here.waited_s = patience_s
            return
        self._gone.discard(here)
        del self._here[here.actor.participant]
        self._node.write(SavePresence(status="offline", conversations=here.conversations), here.actor)

    def _update(self, here: Here) -> None:
        """Stores and tells the best of the connections, if that has changed."""
        here.stay()
        best = here.best
        if best != here.told:
            here.told = best
            self._node.write(SavePresence(status=best, conversations=here.conversations), here.actor)

    # Commands

    @task(SetStatus, route=Route("PUT", "/status"), is_activity=False, limit=Limit.CHANGES)
    async def set_status(self, session: Session, request: SetStatus) -> Ok:
        """Of this connection; asked over HTTP, of all connections."""
        actor = session.actor
        assert actor is not None
        here = self._here.get(actor.participant)
        if here is not None and here.sessions and request.status != "offline":
            self._show(here, [session] if session in here.sessions else list(here.sessions), request.status)
            here.told = here.best
        status: Status = here.told if here is not None else "offline"
        conversations = here.conversations if here is not None else ()
        await self._node.call(
            SavePresence(status=status, conversations=conversations, appears_offline=request.status == "offline"),
            actor,
        )
        return Ok()

    @read(GetStatus)
    def get_status(self, query: Query, request: GetStatus) -> Statuses:
        return self._statuses(query, parse_people(request.participants, "participants"))

    @read(GetOneStatus, route=Route("GET", "/status/{user_id}"))
    def get_one_status(self, query: Query, request: GetOneStatus) -> Statuses:
        return self._statuses(query, parse_people([request.user_id], "user_id"))

    def _statuses(self, query: Query, people: Sequence[Participant]) -> Statuses:
        """For each of them, in order. Whoever asks for their own is here, whether that is stored yet or not."""
        stored = load_statuses(query.connection, query.dialect, people)
        asks = query.actor.participant
        here = self._here.get(asks)
        statuses = []
        for who in people:
            found = stored.get(who)
            seen_at = None if found is None else format_time(found.last_seen_ms)
            if who == asks and here is not None and (found is None or found.status == "offline"):
                found = StoredStatus(here.best, found is not None and found.appears_offline, 0)
            shown = "offline" if found is None else found.shown
            statuses.append(StatusOf(user_id=who.user_id, status=shown, last_seen_at=seen_at))
        return Statuses(statuses=statuses)

    # Storing

    @write_many(SavePresence, internal=True)
    def save(self, tx: Transaction, calls: Sequence[Call[SavePresence]]) -> None:
        """A few statements for all who come and go at once; the last word about each counts, and the last on hiding."""
        now_ms = tx.read_clock()
        known = known_people(tx, {call.actor.participant for call in calls})
        latest = {call.actor.participant: call for call in calls if call.actor.participant in known}
        if not latest:
            return
        said = {
            call.actor.participant: call.request.appears_offline
            for call in calls
            if call.request.appears_offline is not None
        }
        before = lock_statuses(tx, latest, now_ms)
        self._save_leases(tx, latest, now_ms)
        best = best_leases(tx, latest, now_ms)
        rows: list[tuple[object, ...]] = []
        telling: list[tuple[Call[SavePresence], str]] = []
        for who, call in latest.items():
            old, hidden = before.get(who), said.get(who)
            if hidden is None:
                hidden = old is not None and old.appears_offline
            status = best.get(who, "offline")
            shown = "offline" if hidden else status
            # Nobody who appears offline gives themselves away by a later last-seen.
            seen_ms = old.last_seen_ms if hidden and old is not None and old.appears_offline else now_ms
            rows.append(status_row(who, status, now_ms, seen_ms, appears_offline=hidden))
            if shown != (old.shown if old is not None else "offline"):
                telling.append((call, shown))
        small = small_conversations(tx.connection, (cid for call, _ in telling for cid in call.request.conversations))
        write_statuses(tx, rows)
        for call, shown in telling:
            conversations = tuple(cid for cid in call.request.conversations if cid in small)
            if conversations:
                event = _change(call.actor.participant, shown, now_ms, now_ms)
                call.signals.append(Signal(event, to_conversations=conversations, skip_user=call.actor.user_id))

    def _save_leases(self, tx: Transaction, calls: Mapping[Participant, Call[SavePresence]], now_ms: int) -> None:
        end_leases(tx, self._node_id, calls)
        held = {who: call.request.status for who, call in calls.items() if call.request.status != "offline"}
        insert_leases(tx, self._node_id, held, now_ms)

    @write(RenewPresence, internal=True)
    def renew(self, tx: Transaction, request: RenewPresence) -> bool:
        """One row, however many are here. False if the node is new, or the others took it to be dead."""
        if renew_node(tx, self._node_id) is not None:
            return True
        row = {"node_id": self._node_id, "renewed_ms": tx.read_clock()}
        tx.connection.execute(presence_nodes.insert().values(**row))
        return False

    @write(LeavePresence, internal=True)
    def leave(self, tx: Transaction, request: LeavePresence) -> None:
        """Where other nodes live, they end its leases after a while; by then whoever has moved to them has others."""
        node, now_ms = presence_nodes.c, tx.read_clock()
        is_mine = node.node_id == self._node_id
        tx.connection.execute(presence_nodes.update().where(is_mine).values(renewed_ms=now_ms))
        others = sa.select(sa.func.count()).where(~is_mine, node.renewed_ms >= now_ms - STALE_AFTER_MS)
        if tx.connection.execute(others).scalar_one():
            note_seen(tx.connection, presence_leases.c.node_id == self._node_id)
            stale_soon = now_ms - STALE_AFTER_MS + GRACE_MS
            tx.connection.execute(presence_nodes.update().where(is_mine).values(renewed_ms=stale_soon))
            lease = presence_leases.c
            mine = presence_leases.update().where(lease.node_id == self._node_id)
            tx.connection.execute(mine.values(renewed_ms=stale_soon))
            return
        everyone_offline(tx.connection)

    @write(SweepPresence, internal=True)
    def sweep(self, tx: Transaction, request: SweepPresence) -> int:
        """Ends some of the leases of dead nodes and tells, as if they had gone, of those who have no other.

        How many leases; the nodes are forgotten with their last one.
        """
        now_ms = renew_node(tx, self._node_id) if self._is_steady else None
        if now_ms is None:
            return 0  # perhaps the database was away for all nodes, or this one was frozen
        dead = [node_id for node_id in dead_nodes(tx.connection, now_ms) if node_id != self._node_id]
        if not dead:
            return 0
        lease, node = presence_leases.c, presence_nodes.c
        theirs = sa.and_(lease.node_id.in_(dead), lease.renewed_ms < now_ms - STALE_AFTER_MS)
        seen = ended_leases(tx.connection, theirs, PEOPLE_AT_ONCE)
        if not seen:
            gone = sa.and_(node.node_id.in_(dead), node.renewed_ms < now_ms - STALE_AFTER_MS)
            tx.connection.execute(presence_nodes.delete().where(gone))
            return 0
        before = lock_statuses(tx, seen, now_ms)
        tx.connection.execute(
            presence_leases.delete().where(theirs, among(lease.participant_type, lease.participant_id, seen))
        )
        for who, old in before.items():
            seen[who] = old.last_seen_ms if old.appears_offline else max(old.last_seen_ms, seen[who])
        self._tell_of(tx, before, seen, now_ms)
        return len(seen)

    def _tell_of(
        self, tx: Transaction, before: Mapping[Participant, StoredStatus], seen: Mapping[Participant, int], now_ms: int
    ) -> None:
        """Stores and tells what has become of these people, some of whose leases have ended."""
        best = best_leases(tx, before, now_ms)
        changed = [who for who, old in before.items() if best.get(who, "offline") != old.status]
        write_statuses(
            tx,
            [
                status_row(
                    who, best.get(who, "offline"), now_ms, seen[who], appears_offline=before[who].appears_offline
                )
                for who in changed
            ],
        )
        shared = shared_conversations(tx.connection, changed)
        for who in changed:
            if who in shared and not before[who].appears_offline:
                event = _change(who, best.get(who, "offline"), now_ms, seen[who])
                tx.signal(Signal(event, to_conversations=tuple(shared[who]), skip_user=who.user_id))

    # Time

    def background(self) -> Sequence[Callable[[], Awaitable[None]]]:
        return (self._watch, self._keep_leases, self._node.periodically("presence", SweepPresence(), until_none=True))

    async def _watch(self) -> None:
        """Notices who has fallen silent."""
        while True:
            await beat(1.0)
            now = _now()
            for session in self._silences.take(now):
                assert session.actor is not None
                here = self._here[session.actor.participant]
                silent_at = session.active_at + AWAY_AFTER_S
                if silent_at > now:
                    self._silences.set(session, silent_at)
                elif here.sessions[session] == "online":
                    here.sessions[session], session.is_idle = "away", True
                    self._update(here)

    async def _keep_leases(self) -> None:
        """Renews this node's word; if the others have not believed it for a while, gives it again."""
        clock = asyncio.get_running_loop().time
        renewed = steady_since = clock()
        while True:
            try:
                if not await self._node.call(RenewPresence()):
                    self._say_again()
            except ChatError as error:
                log.debug("presence not renewed", error=error.message)
            else:
                if clock() - renewed > 2 * RENEW_EVERY_S:
                    steady_since = clock()
                renewed = clock()
            self._is_steady = renewed - steady_since >= STEADY_AFTER_S
            await beat(RENEW_EVERY_S)

    def _say_again(self) -> None:
        for here in self._here.values():
            if here.sessions:
                self._node.write(SavePresence(status=here.told, conversations=here.conversations), here.actor)


def _now() -> float:
    return asyncio.get_running_loop().time()


def shown_status() -> sa.ColumnElement[str]:
    """The status that others see of a row of `user_online_status`."""
    row = user_online_status.c
    return sa.case((row.appears_offline, "offline"), else_=row.status)


def _change(who: Participant, status: str, now_ms: int, seen_ms: int) -> StatusChange:
    return StatusChange(
        user_id=who.user_id,
        participant_type=who.type,
        participant_id=who.id,
        status=status,
        timestamp=format_time(now_ms),
        last_seen_at=format_time(seen_ms),
    )
