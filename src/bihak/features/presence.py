"""Presence: who is online, by the count of their connections."""

import asyncio
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from bihak.core.context import Call, Signal, Transaction
from bihak.core.feature import Feature, write_many
from bihak.core.node import Node
from bihak.core.session import Session
from bihak.features.participants import among
from bihak.protocol.envelope import Event, Request
from bihak.protocol.types import Participant, format_time
from bihak.storage.schema import user_online_status

OFFLINE_AFTER_S = 2.0
"""How long after the last connection somebody is still online, so that a page reload is no flicker."""
MAX_BROADCAST = 200


class SavePresence(Request, tag="save_presence", kw_only=True):
    """The server's own: stores a participant's status and tells those who share these conversations."""

    status: str
    conversations: tuple[int, ...] = ()


class StatusChange(Event, tag="status_change", kw_only=True):
    user_id: str
    participant_type: str
    participant_id: int
    status: str
    timestamp: str
    last_seen_at: str


class Presence(Feature):
    """Counts connections. A status is stored first and told after COMMIT, so that nobody is told what is not so."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._counts: dict[Participant, int] = {}
        self._leaving: dict[Participant, asyncio.TimerHandle] = {}

    def session_opened(self, session: Session) -> None:
        assert session.actor is not None
        who = session.actor.participant
        self._counts[who] = self._counts.get(who, 0) + 1
        leaving = self._leaving.pop(who, None)
        if leaving is not None:
            leaving.cancel()
        elif self._counts[who] == 1:
            self._save(session, "online")

    def session_closed(self, session: Session) -> None:
        assert session.actor is not None
        who = session.actor.participant
        if who not in self._counts:
            return
        self._counts[who] -= 1
        if self._counts[who]:
            return
        del self._counts[who]
        if self._node.draining:
            self._save(session, "offline")
            return
        actor, conversations = session.actor, tuple(session.conversations)

        def leave() -> None:
            self._leaving.pop(who, None)
            self._node.write(SavePresence(status="offline", conversations=conversations), actor)

        self._leaving[who] = asyncio.get_running_loop().call_later(OFFLINE_AFTER_S, leave)

    def _save(self, session: Session, status: str) -> None:
        assert session.actor is not None
        self._node.write(SavePresence(status=status, conversations=tuple(session.conversations)), session.actor)

    @write_many(SavePresence, internal=True)
    def save(self, tx: Transaction, calls: Sequence[Call[SavePresence]]) -> None:
        """One statement for all who come and go at once; the last word about each counts."""
        now_ms = tx.read_clock()
        latest: dict[Participant, Call[SavePresence]] = {call.actor.participant: call for call in calls}
        rows: list[dict[str, Any]] = [
            {
                "participant_type": who.type,
                "participant_id": who.id,
                "status": call.request.status,
                "last_seen_ms": now_ms,
                "updated_ms": now_ms,
            }
            for who, call in latest.items()
        ]
        table = user_online_status
        tx.connection.execute(table.delete().where(among(table.c.participant_type, table.c.participant_id, latest)))
        tx.connection.execute(table.insert(), rows)
        for who, call in latest.items():
            event = StatusChange(
                user_id=who.user_id,
                participant_type=who.type,
                participant_id=who.id,
                status=call.request.status,
                timestamp=format_time(now_ms),
                last_seen_at=format_time(now_ms),
            )
            if call.request.conversations:
                call.signals.append(
                    Signal(event, to_conversations=call.request.conversations, skip_user=who.user_id)
                )


def everyone_offline(connection: sa.Connection) -> None:
    """After a crash: nobody has a connection to a node that has just started alone."""
    table = user_online_status
    connection.execute(table.update().where(table.c.status != "offline").values(status="offline"))
