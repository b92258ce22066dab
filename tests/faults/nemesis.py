"""The faults, and the seeded order in which they come."""

import asyncio
import random
import signal
from collections.abc import Awaitable, Callable, Iterator, Sequence

from bihak.failpoints import POINTS
from tests.faults.proxy import CommitFault
from tests.faults.world import World

DIES_WITHIN_S = 30.0


Fault = Callable[[World], Awaitable[None]]


class Broken(Exception):
    """The server did what it must not do, whatever happens to it."""


async def kill_the_server(world: World) -> None:
    server = world.any_node().server
    server.kill()
    await asyncio.sleep(world.rng.uniform(0, 0.5))
    await server.start()


async def restart_the_server(world: World) -> None:
    server = world.any_node().server
    status = await server.stop()
    if status != 0:
        raise Broken(f"exit status {status} after SIGTERM under load: {server.log()[-2000:]}")
    await server.start()


def kill_the_server_at(point: str) -> Fault:
    async def kill(world: World) -> None:
        server = world.any_node().server
        server.kill()
        await server.start(f"{point}:{world.rng.randint(3, 40)}")
        status = await server.ended(DIES_WITHIN_S)
        if status != -signal.SIGKILL:
            raise Broken(f"exit status {status} in place of its death {point}: {server.log()[-2000:]}")
        await server.start()

    kill.__name__ = f"kill_the_server_{point}"
    return kill


async def reset_clients(world: World) -> None:
    for _ in range(world.rng.randint(1, 4)):
        world.clients.cut(world.rng.uniform(0.3, 1))
        await asyncio.sleep(world.rng.uniform(0, 0.3))


async def stall_the_network_of_clients(world: World) -> None:
    await world.clients.stall(world.rng.uniform(0.3, 2))


async def stop_reading_under_a_flood(world: World) -> None:
    deaf = world.rng.sample(world.load.devices, 3)
    stalls = [device.stop_reading(world.rng.uniform(0.5, 2.5)) for device in deaf]
    async with asyncio.timeout(DIES_WITHIN_S):
        await asyncio.gather(world.load.flood(120), *stalls)


async def kill_the_database(world: World) -> None:
    assert world.mariadb is not None
    await asyncio.to_thread(world.mariadb.kill)
    await asyncio.sleep(world.rng.uniform(0, 2))
    await asyncio.to_thread(world.mariadb.start)


async def kill_the_database_and_the_server(world: World) -> None:
    server = world.any_node().server
    assert world.mariadb is not None
    server.kill()
    await asyncio.to_thread(world.mariadb.kill)
    await asyncio.to_thread(world.mariadb.start)
    await server.start()


async def freeze_the_database(world: World) -> None:
    assert world.mariadb is not None
    world.mariadb.send_signal(signal.SIGSTOP)
    try:
        await asyncio.sleep(world.rng.choice((0.3, 2.0, 7.5)))
    finally:
        world.mariadb.send_signal(signal.SIGCONT)


async def cut_the_database(world: World) -> None:
    database = world.any_node().database
    assert database is not None
    for _ in range(world.rng.randint(3, 10)):
        database.cut(world.rng.uniform(0.2, 1))
        await asyncio.sleep(world.rng.uniform(0, 0.2))


async def delay_the_database(world: World) -> None:
    database = world.any_node().database
    assert database is not None
    database.delay_s = world.rng.uniform(0.01, 0.1)
    await asyncio.sleep(1)
    database.delay_s = 0


async def stall_the_database(world: World) -> None:
    database = world.any_node().database
    assert database is not None
    await database.stall(world.rng.choice((0.5, 2.0, 7.0)))


def hit_commits(fault: CommitFault) -> Fault:
    async def hit(world: World) -> None:
        database = world.any_node().database
        assert database is not None
        before, times = database.hits, world.rng.randint(2, 5)
        database.hit_commits(fault, times)
        async with asyncio.timeout(DIES_WITHIN_S):
            while database.hits < before + times:
                await asyncio.sleep(0.01)

    hit.__name__ = f"commit_{fault.name.lower()}"
    return hit


ON_ANY: tuple[Fault, ...] = (
    kill_the_server,
    restart_the_server,
    *(kill_the_server_at(point) for point in POINTS),
    reset_clients,
    stall_the_network_of_clients,
    stop_reading_under_a_flood,
)
ON_MARIADB: tuple[Fault, ...] = (
    kill_the_database,
    kill_the_database_and_the_server,
    freeze_the_database,
    cut_the_database,
    delay_the_database,
    stall_the_database,
    *(hit_commits(fault) for fault in CommitFault),
)


def schedule(rng: random.Random, faults: Sequence[Fault]) -> Iterator[Fault]:
    """Every fault once, in an order of chance; then again, in another."""
    while True:
        round_ = list(faults)
        rng.shuffle(round_)
        yield from round_


def name_of(fault: Fault) -> str:
    return fault.__name__.replace("_", " ")
