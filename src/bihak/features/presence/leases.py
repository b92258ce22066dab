"""What presence stores: the nodes that live, their leases, and the status that these amount to."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from bihak.core.transaction import Transaction
from bihak.features.participants import among, among_literal
from bihak.protocol.types import Participant
from bihak.storage.dialect import word
from bihak.storage.schema import (
    big,
    conversation_participants,
    conversations,
    participant_type,
    table,
    user_online_status,
)
from bihak.storage.statement import run

RENEW_EVERY_S = 2.5
STALE_AFTER_MS = 9_000
"""A node that has not renewed for this long is dead: three renewals were missed."""
MAX_BROADCAST = 200
"""Participants of the largest conversation in which a change is told; larger ones answer `get_status`."""

presence_leases = table(
    "presence_leases",
    participant_type(key=True),
    big("participant_id", key=True),
    # A process, from its start to its end.
    big("node_id", key=True),
    sa.Column("status", sa.String(16), nullable=False),
    # When it was taken: a node that has just started may have no row yet.
    big("renewed_ms"),
    sa.Index(None, "node_id"),
    sa.Index(None, "renewed_ms"),
)

presence_nodes = table("presence_nodes", big("node_id", key=True), big("renewed_ms"))

_held = presence_leases.outerjoin(presence_nodes, presence_nodes.c.node_id == presence_leases.c.node_id)
_seen_ms = sa.func.max(
    sa.case(
        (presence_nodes.c.renewed_ms > presence_leases.c.renewed_ms, presence_nodes.c.renewed_ms),
        else_=presence_leases.c.renewed_ms,
    )
)
"""Of leases: when the last of them was renewed."""


def everyone_offline(connection: sa.Connection) -> None:
    """Nobody has a connection: the only node has just started, after a crash perhaps, or ends."""
    note_seen(connection, sa.true())
    connection.execute(presence_leases.delete())
    connection.execute(presence_nodes.delete())
    connection.execute(
        user_online_status.update().where(user_online_status.c.status != "offline").values(status="offline")
    )


def known_people(connection: sa.Connection, people: Iterable[Participant]) -> set[Participant]:
    """Those of them who were not erased since they connected."""
    here = among_literal("p", people)
    rows = run(connection, f"SELECT p.participant_type, p.participant_id FROM participants p WHERE {here}")
    return {Participant(kind, number) for kind, number in rows}


def note_seen(connection: sa.Connection, leases: sa.ColumnElement[bool]) -> None:
    """Whoever has one of these leases was last seen when it was renewed, unless they appear offline."""
    row, lease = user_online_status.c, presence_leases.c
    seen_ms = (
        sa.select(_seen_ms)
        .select_from(_held)
        .where(leases, lease.participant_type == row.participant_type, lease.participant_id == row.participant_id)
        .correlate(user_online_status)
        .scalar_subquery()
    )
    # Compared in WHERE, so that whoever has none of these leases is left alone.
    was_seen = sa.and_(row.status != "offline", ~row.appears_offline, row.last_seen_ms < seen_ms)
    connection.execute(user_online_status.update().where(was_seen).values(last_seen_ms=seen_ms))


def ended_leases(
    connection: sa.Connection, leases: sa.ColumnElement[bool], people_at_once: int
) -> dict[Participant, int]:
    """Some of those who have these leases, and when they were seen last."""
    key = (presence_leases.c.participant_type, presence_leases.c.participant_id)
    rows = connection.execute(
        sa.select(*key, _seen_ms).select_from(_held).where(leases).group_by(*key).limit(people_at_once)
    )
    return {Participant(kind, number): seen_ms for kind, number, seen_ms in rows}


def lock_statuses(tx: Transaction, people: Iterable[Participant], now_ms: int) -> dict[Participant, Any]:
    """The rows of these people, which another node cannot change until COMMIT; made where there is none yet."""
    wanted = list(people)
    found = _select_for_update(tx.connection, wanted)
    missing = [who for who in wanted if who not in found]
    if missing:
        # What does not exist cannot be locked: two nodes would both take somebody's first connection for the first.
        columns = (*_WHO, "status", "last_seen_ms", "updated_ms")
        rows = [(word(who.type), who.id, word("offline"), now_ms, now_ms) for who in missing]
        clause = tx.dialect.upsert_clause(", ".join(_WHO), ("updated_ms",))
        tx.insert("user_online_status", columns, rows, clause)
        found |= _select_for_update(tx.connection, missing)
    return found


def _select_for_update(connection: sa.Connection, people: Iterable[Participant]) -> dict[Participant, Any]:
    row = user_online_status.c
    these = among(row.participant_type, row.participant_id, people)
    rows = connection.execute(sa.select(user_online_status).where(these).with_for_update())
    return {Participant(each.participant_type, each.participant_id): each for each in rows}


def best_leases(connection: sa.Connection, people: Iterable[Participant], now_ms: int) -> dict[Participant, str]:
    """Online beats away, whichever node says so, as long as it lives."""
    lease, node, since = presence_leases.c, presence_nodes.c, now_ms - STALE_AFTER_MS
    rows = connection.execute(
        sa.select(lease.participant_type, lease.participant_id, sa.func.max(lease.status))  # "online" > "away"
        .select_from(_held)
        .where(
            among(lease.participant_type, lease.participant_id, people),
            sa.or_(lease.renewed_ms >= since, node.renewed_ms >= since),
        )
        .group_by(lease.participant_type, lease.participant_id)
    )
    return {Participant(kind, number): status for kind, number, status in rows}


def insert_leases(tx: Transaction, node_id: int, held: Mapping[Participant, str], now_ms: int) -> None:
    if held:
        rows = [(word(who.type), who.id, node_id, word(status), now_ms) for who, status in held.items()]
        columns = (*_WHO, "node_id", "status", "renewed_ms")
        tx.insert("presence_leases", columns, rows)


def dead_nodes(connection: sa.Connection, now_ms: int) -> list[int]:
    """Those that have not renewed for too long, and those with leases that were not heard of yet: new, or long dead."""
    node, since = presence_nodes.c, now_ms - STALE_AFTER_MS
    silent = sa.select(node.node_id).where(node.renewed_ms < since)
    # By itself, or MariaDB would look at every lease in place of one for each node.
    holders = sa.select(presence_leases.c.node_id).distinct().subquery()
    known = sa.select(node.node_id).where(node.node_id == holders.c.node_id)
    unknown = sa.select(holders.c.node_id).where(~sa.exists(known))
    return [*connection.execute(silent).scalars(), *connection.execute(unknown).scalars()]


def status_row(
    who: Participant, status: str, now_ms: int, seen_ms: int, *, appears_offline: bool
) -> tuple[object, ...]:
    return word(who.type), who.id, word(status), int(appears_offline), seen_ms, now_ms


def write_statuses(tx: Transaction, rows: Sequence[tuple[object, ...]]) -> None:
    if rows:
        clause = tx.dialect.upsert_clause(", ".join(_WHO), _STATUS)
        tx.insert("user_online_status", _WHO + _STATUS, rows, clause)


_WHO = ("participant_type", "participant_id")
_STATUS = ("status", "appears_offline", "last_seen_ms", "updated_ms")


def shared_conversations(connection: sa.Connection, people: Iterable[Participant]) -> dict[Participant, list[int]]:
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


def shown_of(row: Any) -> str:
    return "offline" if row.appears_offline else str(row.status)


def small_conversations(connection: sa.Connection, ids: Sequence[int]) -> set[int]:
    wanted = set(ids)
    if not wanted:
        return set()
    # The large ones are asked for: there are few, and a driver takes longer over a row than over its id in a list.
    among_them = ",".join(map(str, wanted))
    large = f"SELECT id FROM conversations WHERE id IN ({among_them}) AND member_count > {MAX_BROADCAST:d}"
    return wanted - {conversation_id for (conversation_id,) in run(connection, large)}
