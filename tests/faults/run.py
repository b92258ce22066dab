"""One run: people talk, faults happen, and in the end the checker looks at what is left."""

import asyncio
import contextlib
import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.checker import Kind, Stored, Violation, check, load_stored
from tests.faults.journal import Journal
from tests.faults.nemesis import Broken, Fault, name_of, schedule
from tests.faults.world import World, running_world
from tests.redis_servers import RedisPair
from tests.servers import MariaDb

RECOVERS_WITHIN_S = 45.0
CATCHES_UP_WITHIN_S = 60.0
PROGRESS = 5
"""So many sends must be acknowledged after each fault before the next one comes."""


@dataclass
class Report:
    """What came of a run."""

    seed: int
    place: str
    """Where it ran: `sqlite`, `mariadb` or `cluster`."""
    faults: Counter[str] = field(default_factory=Counter)
    without_service_s: dict[str, float] = field(default_factory=dict)
    """For each fault the longest time that a device had no connection that served."""
    acknowledged: int = 0
    gaps: int = 0
    """How often a device had to ask for events."""
    violations: list[Violation] = field(default_factory=list)
    seconds: float = 0.0
    log: str = ""
    """The server's own warnings."""

    def count(self, kind: Kind) -> int:
        return sum(violation.kind is kind for violation in self.violations)


async def run(
    seed: int,
    folder: Path,
    mariadb: MariaDb | None,
    redis: RedisPair | None = None,
    *,
    faults: Sequence[Fault],
    minutes: float | None = None,
) -> Report:
    """On SQLite, on MariaDB if there is one, on a cluster if there is Redis: all `faults` once, or for some minutes."""
    started = time.monotonic()
    report = Report(seed, "sqlite" if mariadb is None else "mariadb" if redis is None else "cluster")
    rng = random.Random(f"{seed} {report.place}")
    with Journal(folder / "journal.jsonl") as journal:
        async with running_world(folder, mariadb, redis, journal, rng) as world:
            for number, fault in enumerate(schedule(rng, faults)):
                if number >= len(faults) if minutes is None else time.monotonic() > started + minutes * 60:
                    break
                await _inflict(fault, world, journal, report)
            await world.load.stop_talking()
            await _settle(world)
            report.gaps = sum(device.gaps for device in world.load.devices)
            report.log = world.log()
            url = world.url
        report.violations += [Violation(Kind.TROUBLE, line) for line in _errors(report.log)]
        report.acknowledged = journal.acknowledged
        report.violations += await asyncio.to_thread(lambda: check(journal.read(), load_stored(url)))
    report.seconds = time.monotonic() - started
    return report


def _errors(log: str) -> list[str]:
    """What the server calls an error; not what SQLAlchemy's pool says of a connection that was cut."""
    lines = [line for line in log.splitlines() if "[error" in line]
    return [line for line in lines if "Exception during reset" not in line and "Exception terminating" not in line]


async def _inflict(fault: Fault, world: World, journal: Journal, report: Report) -> None:
    """One fault, and then proof that the service is back."""
    name = name_of(fault)
    report.faults[name] += 1
    for device in world.load.devices:
        device.without_service_s = 0.0
    try:
        await fault(world)
        for node in world.nodes:
            if not node.server.is_running:
                raise Broken(f"the server has ended: {node.server.log()[-2000:]}")
        await _progress(world, journal)
    except (Broken, TimeoutError, RuntimeError) as broken:
        report.violations.append(Violation(Kind.TROUBLE, f"after “{name}”: {broken or 'it took too long'}"))
        for node in world.nodes:
            if not node.server.is_running:
                await node.server.start()
    longest_s = max(device.without_service_s for device in world.load.devices)
    report.without_service_s[name] = max(longest_s, report.without_service_s.get(name, 0.0))
    await asyncio.sleep(world.rng.uniform(0, 0.4))


async def _progress(world: World, journal: Journal) -> None:
    """Waits until messages are acknowledged again and every device is served. Raises Broken."""
    enough = journal.acknowledged + PROGRESS
    try:
        async with asyncio.timeout(RECOVERS_WITHIN_S):
            while journal.acknowledged < enough or not all(device.is_served for device in world.load.devices):
                await asyncio.sleep(0.01)
    except TimeoutError:
        left = [device.name for device in world.load.devices if not device.is_served]
        raise Broken(f"no recovery in time; {enough - journal.acknowledged} to go, without service {left}") from None


async def _settle(world: World) -> None:
    """Waits until everything begun is answered and every device has caught up; the checker says if one has not."""
    for node in world.nodes:
        if node.database is not None:
            node.database.disarm()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(CATCHES_UP_WITHIN_S):
            while any(device.backlog for device in world.load.devices) or not await _all_at_the_head(world):
                await asyncio.sleep(0.1)
    await asyncio.sleep(0.5)  # for what should not come any more


async def _all_at_the_head(world: World) -> bool:
    stored: Stored = await asyncio.to_thread(load_stored, world.url)
    return all(
        {cid: cursor.seq for cid, cursor in device.cursors.items()}
        == {cid: stored.heads[cid] for cid, people in stored.members.items() if device.user_id in people}
        for device in world.load.devices
    )
