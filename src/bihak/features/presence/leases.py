"""What presence stores: the nodes that live, their leases, and the status that these amount to."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import sqlalchemy as sa

from bihak.core.transaction import Transaction
from bihak.features import audience
from bihak.features.participants import among, among_literal
from bihak.protocol.types import Participant
from bihak.storage.dialect import Dialect, word
from bihak.storage.schema import (
    big,
    conversation_participants,
    conversations,
    participant_type,
    table,
    user_online_status,
)
from bihak.storage.statement import run, run_texts

RENEW_EVERY_S = 2.0
STALE_AFTER_MS = 9_000
"""A node that has not renewed for this long is dead: four renewals were missed."""

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


def known_people(tx: Transaction, people: Iterable[Participant]) -> set[Participant]:
    """Those of them who were not erased since they connected."""
    packed = tx.dialect.packed(_WHO)
    rows = run_texts(tx.connection, f"SELECT {packed} FROM participants p WHERE {among_literal('p', people)}")
    return {Participant(kind, int(number)) for kind, number in map(tx.dialect.unpack, rows)}


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


class StoredStatus(NamedTuple):
    """What is stored of somebody."""

    status: str
    appears_offline: bool
    last_seen_ms: int

    @property
    def shown(self) -> str:
        return "offline" if self.appears_offline else self.status


def load_statuses(
    connection: sa.Connection, dialect: Dialect, people: Iterable[Participant], locking: str = ""
) -> dict[Participant, StoredStatus]:
    """Of those who have ever been here; one query."""
    packed = dialect.packed((*_WHO, "status", "appears_offline", "last_seen_ms"))
    these = f"{among_literal('s', people)} {locking}"
    rows = run_texts(connection, f"SELECT {packed} FROM user_online_status s WHERE {these}")
    return {
        Participant(kind, int(number)): StoredStatus(status, bool(int(hidden)), int(seen_ms))
        for kind, number, status, hidden, seen_ms in map(dialect.unpack, rows)
    }


def lock_statuses(tx: Transaction, people: Iterable[Participant], now_ms: int) -> dict[Participant, StoredStatus]:
    """The rows of these people, which another node cannot change until COMMIT; made where there is none yet."""
    wanted, locking = list(people), tx.dialect.for_update
    found = load_statuses(tx.connection, tx.dialect, wanted, locking)
    missing = [who for who in wanted if who not in found]
    if missing:
        # What does not exist cannot be locked: two nodes would both take somebody's first connection for the first.
        columns = (*_WHO, "status", "last_seen_ms", "updated_ms")
        rows = [(word(who.type), who.id, word("offline"), now_ms, now_ms) for who in missing]
        clause = tx.dialect.upsert_clause(", ".join(_WHO), ("updated_ms",))
        tx.insert("user_online_status", columns, rows, clause)
        found |= load_statuses(tx.connection, tx.dialect, missing, locking)
    return found


def best_leases(tx: Transaction, people: Iterable[Participant], now_ms: int) -> dict[Participant, str]:
    """Online beats away, whichever node says so, as long as it lives."""
    since = now_ms - STALE_AFTER_MS
    packed = tx.dialect.packed(("l.participant_type", "l.participant_id", "MAX(l.status)"))  # "online" > "away"
    rows = run_texts(
        tx.connection,
        f"SELECT {packed} FROM presence_leases l LEFT JOIN presence_nodes n ON n.node_id = l.node_id "
        f"WHERE {among_literal('l', people)} AND (l.renewed_ms >= {since:d} OR n.renewed_ms >= {since:d}) "
        "GROUP BY l.participant_type, l.participant_id",
    )
    return {Participant(kind, int(number)): status for kind, number, status in map(tx.dialect.unpack, rows)}


def end_leases(tx: Transaction, node_id: int, people: Iterable[Participant]) -> None:
    """Those that this node has for these people."""
    theirs = among_literal("presence_leases", people)
    run(tx.connection, f"DELETE FROM presence_leases WHERE node_id = {node_id:d} AND {theirs}")


def insert_leases(tx: Transaction, node_id: int, held: Mapping[Participant, str], now_ms: int) -> None:
    if held:
        rows = [(word(who.type), who.id, node_id, word(status), now_ms) for who, status in held.items()]
        columns = (*_WHO, "node_id", "status", "renewed_ms")
        tx.insert("presence_leases", columns, rows)


def renew_node(tx: Transaction, node_id: int) -> int | None:
    """Says that this node lives, and returns the time. None, and nothing is said: it has no row."""
    known = run(
        tx.connection,
        f"SELECT {tx.dialect.clock_ms} FROM presence_nodes WHERE node_id = {node_id:d} {tx.dialect.for_update}",
    )
    if not known:
        return None
    ((now_ms,),) = known
    run(tx.connection, f"UPDATE presence_nodes SET renewed_ms = {now_ms:d} WHERE node_id = {node_id:d}")
    return int(now_ms)


def add_node(tx: Transaction, node_id: int) -> None:
    """Says so for the first time."""
    tx.connection.execute(presence_nodes.insert().values(node_id=node_id, renewed_ms=tx.read_clock()))


def dead_nodes(connection: sa.Connection, now_ms: int) -> list[int]:
    """Those that have not renewed for too long, and those with leases that were not heard of yet: new, or long dead."""
    # The nodes with leases by themselves, or MariaDB would look at every lease in place of one for each node.
    found = run(
        connection,
        f"SELECT node_id FROM presence_nodes WHERE renewed_ms < {now_ms - STALE_AFTER_MS:d} UNION ALL "
        "SELECT h.node_id FROM (SELECT DISTINCT node_id FROM presence_leases) h "
        "WHERE NOT EXISTS (SELECT 1 FROM presence_nodes n WHERE n.node_id = h.node_id)",
    )
    return [node_id for (node_id,) in found]


def status_row(
    who: Participant, status: str, now_ms: int, seen_ms: int, *, appears_offline: bool
) -> tuple[object, ...]:
    return word(who.type), who.id, word(status), int(appears_offline), seen_ms, now_ms


def write_statuses(tx: Transaction, rows: Sequence[tuple[object, ...]]) -> None:
    """May be put off until the COMMIT: nothing in the transaction may read them after that."""
    if rows:
        clause = tx.dialect.upsert_clause(", ".join(_WHO), _STATUS)
        tx.insert_last("user_online_status", _WHO + _STATUS, rows, clause)


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
            conversations.c.member_count <= audience.MOST_TOLD,
        )
    ):
        shared.setdefault(Participant(kind, number), []).append(cid)
    return shared
