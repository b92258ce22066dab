"""What becomes of statuses when people and nodes come and go, and who is told of it."""

from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from bihak.core.context import Call, Signal
from bihak.core.transaction import Transaction
from bihak.features.audience import small_conversations
from bihak.features.participants import among
from bihak.features.presence.leases import (
    STALE_AFTER_MS,
    StoredStatus,
    best_leases,
    dead_nodes,
    end_leases,
    ended_leases,
    everyone_offline,
    insert_leases,
    known_people,
    lock_statuses,
    note_seen,
    presence_leases,
    presence_nodes,
    renew_node,
    shared_conversations,
    status_row,
    write_statuses,
)
from bihak.features.presence.wire import SavePresence, StatusChange
from bihak.protocol.types import Participant, format_time

GRACE_MS = 3_000
"""How long those on a node that drains are still online, so that going on to another node is no flicker."""
PEOPLE_AT_ONCE = 500


def save_statuses(tx: Transaction, node_id: int, calls: Sequence[Call[SavePresence]]) -> None:
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
    _save_leases(tx, node_id, latest, now_ms)
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


def _save_leases(tx: Transaction, node_id: int, calls: Mapping[Participant, Call[SavePresence]], now_ms: int) -> None:
    end_leases(tx, node_id, calls)
    held = {who: call.request.status for who, call in calls.items() if call.request.status != "offline"}
    insert_leases(tx, node_id, held, now_ms)


def end_node(tx: Transaction, node_id: int) -> None:
    """Where other nodes live, they end its leases after a while; by then whoever has moved to them has others."""
    node, lease, now_ms = presence_nodes.c, presence_leases.c, tx.read_clock()
    is_this = node.node_id == node_id
    tx.connection.execute(presence_nodes.update().where(is_this).values(renewed_ms=now_ms))
    others = sa.select(sa.func.count()).where(~is_this, node.renewed_ms >= now_ms - STALE_AFTER_MS)
    if not tx.connection.execute(others).scalar_one():
        everyone_offline(tx.connection)
        return
    note_seen(tx.connection, lease.node_id == node_id)
    stale_soon = now_ms - STALE_AFTER_MS + GRACE_MS
    tx.connection.execute(presence_nodes.update().where(is_this).values(renewed_ms=stale_soon))
    tx.connection.execute(presence_leases.update().where(lease.node_id == node_id).values(renewed_ms=stale_soon))


def end_dead_leases(tx: Transaction, node_id: int) -> int:
    """Ends some of the leases of dead nodes and tells, as if they had gone, of those who have no other.

    How many leases; the nodes are forgotten with their last one.
    """
    now_ms = renew_node(tx, node_id)
    if now_ms is None:
        return 0
    dead = [each for each in dead_nodes(tx.connection, now_ms) if each != node_id]
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
    _tell_of(tx, before, seen, now_ms)
    return len(seen)


def _tell_of(
    tx: Transaction, before: Mapping[Participant, StoredStatus], seen: Mapping[Participant, int], now_ms: int
) -> None:
    """Stores and tells what has become of these people, some of whose leases have ended."""
    best = best_leases(tx, before, now_ms)
    now = {who: best.get(who, "offline") for who, old in before.items() if best.get(who, "offline") != old.status}
    rows = [
        status_row(who, status, now_ms, seen[who], appears_offline=before[who].appears_offline)
        for who, status in now.items()
    ]
    write_statuses(tx, rows)
    shared = shared_conversations(tx.connection, now)
    for who, status in now.items():
        if who in shared and not before[who].appears_offline:
            event = _change(who, status, now_ms, seen[who])
            tx.signal(Signal(event, to_conversations=tuple(shared[who]), skip_user=who.user_id))


def _change(who: Participant, status: str, now_ms: int, seen_ms: int) -> StatusChange:
    return StatusChange(
        user_id=who.user_id,
        participant_type=who.type,
        participant_id=who.id,
        status=status,
        timestamp=format_time(now_ms),
        last_seen_at=format_time(seen_ms),
    )
