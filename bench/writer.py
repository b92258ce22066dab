"""What a stored message costs, by how many share a transaction: ours, and the bare statements beside it.

The bare statements are the least that the guarantee allows where nothing is known: lock the conversations with their
memberships, insert the messages, move the heads, COMMIT; a plain loop over the driver, with no product around it. Ours
knows after the first batch what the first of them would say (docs/decisions/0016).
"""

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from bench.clocks import cpu_s
from bihak.core.batch import WriteBatch
from bihak.core.context import Call
from bihak.core.feature import Command, Kind
from bihak.core.heads import Heads
from bihak.core.identity import Actor
from bihak.features.messages import Messages, MessageSent, SendMessage
from bihak.protocol.types import Participant
from bihak.storage.dialect import Database, word
from bihak.storage.ids import IdBlocks
from bihak.storage.migrate import upgrade
from bihak.storage.schema import conversation_participants, conversations

CONVERSATIONS = 400
"""Of each of the two, so that neither finds that somebody else has written to its own."""
TEXT = "Good morning! Shall we look at the costs together on Thursday?"
BATCHES = {1: 400, 8: 200, 32: 100, 400: 20}
ROUNDS = 5

RunBatch = Callable[[int], None]


class Cost(NamedTuple):
    """Per message, in microseconds."""

    python_us: float
    database_us: float
    wall_us: float


def prepare(database: Database) -> None:
    """Direct conversations, number n between user_n and mentor_n."""
    upgrade(database)
    numbers = range(1, 2 * CONVERSATIONS + 1)
    with database.writer_engine.begin() as connection:
        connection.execute(
            conversations.insert(), [{"id": n, "conversation_type": "direct", "created_ms": 1} for n in numbers]
        )
        connection.execute(
            conversation_participants.insert(),
            [
                {"conversation_id": n, "participant_type": kind, "participant_id": n, "joined_ms": 1}
                for n in numbers
                for kind in ("user", "mentor")
            ],
        )


def compare(database: Database, server_pid: int | None) -> dict[int, tuple[Cost, Cost]]:
    """For each size of batch: ours and the bare statements, medians of interleaved rounds."""
    contenders = (product(database), bare(database))
    found = {}
    for size, batches in BATCHES.items():
        rounds: tuple[list[Cost], list[Cost]] = ([], [])
        for _ in range(ROUNDS):
            for run, costs in zip(contenders, rounds, strict=True):
                run(size)
                costs.append(_measure(run, size, batches, server_pid))
        found[size] = (_median(rounds[0]), _median(rounds[1]))
    return found


def as_json(found: Mapping[str, dict[int, tuple[Cost, Cost]]]) -> dict[str, Any]:
    """`found` by database."""
    costs = {
        name: {size: {"ours": ours._asdict(), "bare": bare._asdict()} for size, (ours, bare) in sizes.items()}
        for name, sizes in found.items()
    }
    return {"what": "a stored message by size of the batch, microseconds", "costs": costs}


def product(database: Database) -> RunBatch:
    """The product's own transaction, from decoded requests to replies that are ready to be encoded."""
    command = next(c for c in Messages().commands() if c.kind is Kind.WRITE_MANY)
    connection, ids, heads = database.writer_engine.connect(), IdBlocks(), Heads()
    requests = [_call(command, n) for n in range(1, CONVERSATIONS + 1)]

    def run(size: int) -> None:
        batch = WriteBatch(requests[:size], database.dialect, ids, heads)
        ids.refill(connection)
        with connection.begin():
            batch.run(connection)
        batch.remember()
        for call in batch.calls:
            assert isinstance(call.outcome, MessageSent), call.outcome

    return run


def bare(database: Database) -> RunBatch:
    """The statements alone."""
    dialect = database.dialect
    connection = database.reader_engine.raw_connection() if dialect.for_update else None
    if connection is None:
        database.writer_engine.dispose()
        connection = database.writer_engine.raw_connection()
    cursor = connection.cursor()
    next_id = 1 << 40
    begin = "BEGIN" if dialect.for_update else "BEGIN IMMEDIATE"

    def run(size: int) -> None:
        nonlocal next_id
        numbers = range(CONVERSATIONS + 1, CONVERSATIONS + size + 1)
        cursor.execute(begin)
        rows = (f"{n}, 'user', {n}" for n in numbers)
        cursor.execute(
            f"WITH {dialect.values_table('v', ('c', 't', 'i'), rows)} SELECT c.id, c.last_seq, p.role "
            f"FROM v {dialect.straight_join} conversations c ON c.id = v.c LEFT JOIN conversation_participants p "
            "ON p.conversation_id = v.c AND p.participant_type = v.t AND p.participant_id = v.i "
            f"AND p.left_seq IS NULL {dialect.for_update}"
        )
        seqs = {row[0]: row[1] + 1 for row in cursor.fetchall()}
        now_ms = time.time_ns() // 1_000_000
        columns = ("id", "conversation_id", "seq", "sender_type", "sender_id", "content", "created_ms")
        lines = [(next_id + n, n, seqs[n], word("user"), n, TEXT, now_ms) for n in numbers]
        next_id += size + 1
        new = ("last_seq", "last_message_ms", "changed_ms")
        heads = [(n, word("direct"), 1, seqs[n], now_ms, now_ms) for n in numbers]
        for sql, parameters in (
            *dialect.insert("messages", columns, lines),
            *dialect.insert(
                "conversations",
                ("id", "conversation_type", "created_ms", *new),
                heads,
                dialect.upsert_clause("id", new),
            ),
        ):
            cursor.execute(sql, tuple(parameters))
        cursor.execute("COMMIT")

    return run


def _call(command: Command, number: int) -> Call[Any]:
    actor = Actor(Participant("user", number), "Aline")
    return Call(command, SendMessage(conversation_id=number, content=TEXT), actor, lambda _call: None)


def _measure(run: RunBatch, size: int, batches: int, server_pid: int | None) -> Cost:
    database_before, python_before, wall_before = cpu_s(server_pid), time.process_time(), time.perf_counter()
    for _ in range(batches):
        run(size)
    spent = (
        time.process_time() - python_before,
        cpu_s(server_pid) - database_before,
        time.perf_counter() - wall_before,
    )
    return Cost(*(seconds / (batches * size) * 1e6 for seconds in spent))


def _median(costs: list[Cost]) -> Cost:
    return Cost(*(statistics.median(column) for column in zip(*costs, strict=True)))
