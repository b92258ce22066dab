"""What being one of several nodes costs, by itself: publishing through Redis, hearing of it, and the sweep.

Publications come in bursts, as the writer's batches bring them: of one, and of many on topics of their own.
"""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, NamedTuple, cast

import uvloop

from bench.clocks import cpu_s
from bihak.cluster.base import Publication
from bihak.cluster.envelope import Envelope, conversation_topic
from bihak.cluster.local import LocalBackplane
from bihak.cluster.redis import RedisBackplane
from bihak.cluster.redis_url import open_pool
from bihak.core.hub import Hub
from bihak.core.room import Room
from bihak.core.sweep import WINDOW_MS, Sweep
from bihak.storage.dialect import Database
from bihak.storage.schema import conversations

BURSTS = {1: 3000, 100: 300}
"""Publications in one turn, and how often."""
HEARERS = 2
CHANGED = 20_000
SWEEPS = 5
ROUNDS = 3
BODY = b'{"type":"new_message","content":"Good morning! Shall we look at the costs together on Thursday?"}'
Json = dict[str, Any]


class Cost(NamedTuple):
    """CPU in microseconds: ours, and that of the server behind it."""

    python_us: float
    server_us: float

    def less(self, other: "Cost", share: float) -> "Cost":
        """That share of what this is more than the other."""
        return Cost(*((mine - its) * share for mine, its in zip(self, other, strict=True)))


class Publishing(NamedTuple):
    """Of one publication: what it costs to send, and each node that it reaches, the sender's own included."""

    sent: Cost
    heard: Cost


def publishing_costs(url: str, redis_pid: int) -> dict[int, Publishing]:
    """By the size of the burst; medians of interleaved rounds."""
    return uvloop.run(_publishing_costs(url, redis_pid))


async def _publishing_costs(url: str, redis_pid: int) -> dict[int, Publishing]:
    bus = _Bus(url)
    await bus.start()
    found: dict[int, list[tuple[Cost, Cost]]] = {size: [] for size in BURSTS}
    for _ in range(ROUNDS):
        for size, costs in found.items():
            count = size * BURSTS[size]
            costs.append(
                (
                    await _spent(bus.publish(size, is_heard=False), count, redis_pid),
                    await _spent(bus.publish(size, is_heard=True), count, redis_pid),
                )
            )
    await bus.close()
    result = {}
    for size, costs in found.items():
        alone, heard = (_median([pair[at] for pair in costs]) for at in (0, 1))
        result[size] = Publishing(alone, heard.less(alone, 1 / HEARERS))
    return result


class _Bus:
    """A node that speaks and some that hear it, all on one event loop."""

    def __init__(self, url: str) -> None:
        self._speaker, *self._hearers = [RedisBackplane(open_pool(url), "bench") for _ in range(1 + HEARERS)]
        most = max(BURSTS)
        self._heard = [conversation_topic(number) for number in range(most)]
        self._unheard = [conversation_topic(number) for number in range(most, 2 * most)]
        self._missing = 0
        self._arrived = asyncio.Event()
        self._seq = 0

    async def start(self) -> None:
        for node in (self._speaker, *self._hearers):
            await node.start(self._hear, lambda: None)
        for node in self._hearers:
            for topic in self._heard:
                node.subscribe(topic)
            await node._is_idle.wait()
        await self.publish(max(BURSTS), is_heard=True)

    async def publish(self, size: int, *, is_heard: bool) -> None:
        """All bursts of that size, each when the one before was sent, and heard by all who are to hear it."""
        topics = (self._heard if is_heard else self._unheard)[:size]
        for _ in range(BURSTS[size]):
            self._seq += 1
            self._missing = HEARERS * size * is_heard
            self._arrived.clear()
            self._speaker.publish([_publication(topic, self._seq) for topic in topics])
            await (self._arrived if is_heard else self._speaker._is_idle).wait()

    async def close(self) -> None:
        for node in (self._speaker, *self._hearers):
            await node.close()

    def _hear(self, publications: Sequence[Publication]) -> None:
        self._missing -= len(publications)
        if self._missing <= 0:
            self._arrived.set()


def _publication(topic: str, seq: int) -> Publication:
    return topic, Envelope(BODY, seq)


def sweep_cost(database: Database, server_pid: int | None) -> Cost:
    """Of each conversation that has changed lately, in one sweep; the database has no others."""
    made = {"conversation_type": "team", "created_ms": 1, "last_seq": 1, "changed_ms": int(time.time() * 1000)}
    rows = [{"id": number, **made} for number in range(1, CHANGED + 1)]
    with database.writer_engine.begin() as connection:
        connection.execute(conversations.delete())
        connection.execute(conversations.insert(), rows)
    hub = Hub(LocalBackplane(), cast("Any", None), cast("Any", None))
    for number in range(1, CHANGED + 1):
        hub.rooms[number] = Room(number)
        hub.rooms[number].head = 1
    sweep = Sweep(database, cast("Any", None), hub, LocalBackplane())

    async def run() -> None:
        with database.reader_engine.connect() as connection:
            for _ in range(SWEEPS):
                heads = sweep._recent(connection, 60 * WINDOW_MS)
                assert len(heads) == CHANGED
                hub.compare_heads(heads)

    async def measure() -> Cost:
        return _median([await _spent(run(), SWEEPS * CHANGED, server_pid) for _ in range(ROUNDS)])

    return uvloop.run(measure())


def as_json(publishing: Mapping[int, Publishing], sweep: Cost) -> Json:
    bursts = {
        size: {"sent": found.sent._asdict(), "heard": found.heard._asdict()} for size, found in publishing.items()
    }
    return {
        "what": "a publication by the size of the burst, and a changed conversation in a sweep, microseconds",
        "bursts": bursts,
        "sweep": sweep._asdict(),
    }


async def _spent(work: Awaitable[None], count: int, server_pid: int | None) -> Cost:
    server_before, python_before = cpu_s(server_pid), time.process_time()
    await work
    python_s, server_s = time.process_time() - python_before, cpu_s(server_pid) - server_before
    return Cost(python_s / count * 1e6, server_s / count * 1e6)


def _median(costs: Sequence[Cost]) -> Cost:
    return Cost(*(statistics.median(column) for column in zip(*costs, strict=True)))
