"""Presence: online, away or offline; the best of a participant's connections counts, on whichever node.

Each node holds a lease for each participant with a connection to it; `user_online_status` is the best of the leases.
A node that lives renews its own row in `presence_nodes`; the leases of one that does not are ended by the others.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Sequence

import sqlalchemy as sa
import structlog

from bihak.core.context import Call, Query
from bihak.core.deadlines import Deadlines
from bihak.core.feature import Feature, Route, read, task, write, write_many
from bihak.core.limits import Limit
from bihak.core.node import Node
from bihak.core.session import Session
from bihak.core.transaction import Transaction
from bihak.errors import ChatError
from bihak.features.messages import Ok
from bihak.features.participants import parse_people
from bihak.features.presence.here import Here
from bihak.features.presence.leases import RENEW_EVERY_S, StoredStatus, add_node, load_statuses, renew_node
from bihak.features.presence.leaving import Leaving
from bihak.features.presence.storing import end_dead_leases, end_node, save_statuses
from bihak.features.presence.wire import (
    GetOneStatus,
    GetStatus,
    LeavePresence,
    RenewPresence,
    SavePresence,
    SetStatus,
    Status,
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
        save_statuses(tx, self._node_id, calls)

    @write(RenewPresence, internal=True)
    def renew(self, tx: Transaction, request: RenewPresence) -> bool:
        """One row, however many are here. False if the node is new, or the others took it to be dead."""
        if renew_node(tx, self._node_id) is not None:
            return True
        add_node(tx, self._node_id)
        return False

    @write(LeavePresence, internal=True)
    def leave(self, tx: Transaction, request: LeavePresence) -> None:
        end_node(tx, self._node_id)

    @write(SweepPresence, internal=True)
    def sweep(self, tx: Transaction, request: SweepPresence) -> int:
        """How many leases of dead nodes were ended."""
        # Otherwise perhaps the database was away for all nodes, or this one was frozen.
        return end_dead_leases(tx, self._node_id) if self._is_steady else 0

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
