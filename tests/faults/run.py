"""One run: people talk, faults happen, and in the end the checker looks at what is left."""

import asyncio
import contextlib
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.checker import Kind, Stored, Violation, check, load_stored
from tests.faults.journal import Journal
from tests.faults.load import Load
from tests.faults.nemesis import ON_ANY, ON_MARIADB, Broken, Fault, World, name_of, schedule
from tests.faults.process import Bihak
from tests.faults.proxy import MariaDbProxy, Proxy
from tests.servers import MariaDb

RECOVERS_WITHIN_S = 45.0
CATCHES_UP_WITHIN_S = 60.0
PROGRESS = 5
"""So many sends must be acknowledged after each fault before the next one comes."""


@dataclass
class Report:
    """What came of a run."""

    seed: int
    database: str
    faults: Counter[str] = field(default_factory=Counter)
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
    seed: int, folder: Path, mariadb: MariaDb | None, *, rounds: int | None = None, minutes: float = 0.0
) -> Report:
    """A run on SQLite, or on MariaDB if there is one: so many rounds of all faults, or so many minutes."""
    started = time.monotonic()
    kinds = ON_ANY if mariadb is None else ON_ANY + ON_MARIADB
    report = Report(seed, "sqlite" if mariadb is None else "mariadb")
    rng = random.Random(f"{seed} {report.database}")
    with Journal(folder / "journal.jsonl") as journal:
        async with _world(folder, mariadb, journal, rng) as (world, url):
            for number, fault in enumerate(schedule(rng, kinds)):
                if (number >= rounds * len(kinds)) if rounds else time.monotonic() > started + minutes * 60:
                    break
                await _inflict(fault, world, journal, report)
            await world.load.stop_talking()
            await _settle(world, url)
            report.gaps = sum(device.gaps for device in world.load.devices)
        report.log = world.server.log()
        report.violations += [Violation(Kind.TROUBLE, line) for line in _errors(report.log)]
        report.acknowledged = journal.acknowledged
        report.violations += await asyncio.to_thread(lambda: check(journal.read(), load_stored(url)))
    report.seconds = time.monotonic() - started
    return report


@contextlib.asynccontextmanager
async def _world(
    folder: Path, mariadb: MariaDb | None, journal: Journal, rng: random.Random
) -> AsyncIterator[tuple[World, str]]:
    """Everything, started and talking; and the database's own URL, past the proxy."""
    async with contextlib.AsyncExitStack() as stack:
        database = None
        url = proxied = f"sqlite:///{folder / 'bihak.db'}"
        if mariadb is not None:
            database = await stack.enter_async_context(MariaDbProxy(mariadb.port, rng))
            name = mariadb.create_database()
            url, proxied = mariadb.url(name), mariadb.url(name, database.port)
        server = Bihak(folder, proxied)
        stack.callback(server.kill)
        await server.start()
        clients = await stack.enter_async_context(Proxy(server.port, rng))
        urls = _alternately(server.ws_url, f"ws://127.0.0.1:{clients.port}/ws")
        load = Load(lambda: next(urls), journal, rng)
        stack.push_async_callback(load.stop)
        await load.start()
        yield World(server, load, clients, rng, mariadb, database), url


def _errors(log: str) -> list[str]:
    """What the server calls an error; not what SQLAlchemy's pool says of a connection that was cut."""
    lines = [line for line in log.splitlines() if "[error" in line]
    return [line for line in lines if "Exception during reset" not in line and "Exception terminating" not in line]


def _alternately(*urls: str) -> Iterator[str]:
    while True:
        yield from urls


async def _inflict(fault: Fault, world: World, journal: Journal, report: Report) -> None:
    """One fault, and then proof that the service is back."""
    name = name_of(fault)
    report.faults[name] += 1
    try:
        await fault(world)
        if not world.server.is_running:
            raise Broken(f"the server has ended: {world.server.log()[-2000:]}")
        enough = journal.acknowledged + PROGRESS
        async with asyncio.timeout(RECOVERS_WITHIN_S):
            while journal.acknowledged < enough:
                await asyncio.sleep(0.01)
    except (Broken, TimeoutError, RuntimeError) as broken:
        report.violations.append(Violation(Kind.TROUBLE, f"after “{name}”: {broken or 'no recovery in time'}"))
        if not world.server.is_running:
            await world.server.start()
    await asyncio.sleep(world.rng.uniform(0, 0.4))


async def _settle(world: World, url: str) -> None:
    """Waits until everything begun is answered and every device has caught up; the checker says if one has not."""
    if world.database is not None:
        world.database.disarm()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(CATCHES_UP_WITHIN_S):
            while any(device.backlog for device in world.load.devices) or not await _all_at_the_head(world, url):
                await asyncio.sleep(0.1)
    await asyncio.sleep(0.5)  # for what should not come any more


async def _all_at_the_head(world: World, url: str) -> bool:
    stored: Stored = await asyncio.to_thread(load_stored, url)
    return all(
        {cid: cursor.seq for cid, cursor in device.cursors.items()}
        == {cid: stored.heads[cid] for cid, people in stored.members.items() if device.user_id in people}
        for device in world.load.devices
    )
