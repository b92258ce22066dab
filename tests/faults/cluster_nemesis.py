"""The faults that only a cluster survives without a pause."""

import asyncio
import signal

from tests.faults.nemesis import Broken, Fault
from tests.faults.world import World

REDIS_PAUSE_S = 10.0
AN_HOUR_S = 3600.0


async def freeze_a_node(world: World) -> None:
    server = world.any_node().server
    server.send_signal(signal.SIGSTOP)
    await asyncio.sleep(world.rng.choice((0.5, 3.0, 8.0)))
    server.send_signal(signal.SIGCONT)


async def restart_every_node(world: World) -> None:
    """One after another, as for an upgrade."""
    for node in world.nodes:
        status = await node.server.stop()
        if status != 0:
            raise Broken(f"exit status {status} after SIGTERM under load: {node.server.log()[-2000:]}")
        await node.server.start()


async def put_a_clock_an_hour_ahead(world: World) -> None:
    """For good: until something else restarts that node."""
    server = world.any_node().server
    server.kill()
    await server.start(clock_ahead_s=AN_HOUR_S)


async def kill_redis(world: World) -> None:
    assert world.redis is not None
    master = await asyncio.to_thread(world.redis.master)
    await asyncio.to_thread(master.kill)
    await asyncio.sleep(world.rng.uniform(0, 2))
    await asyncio.to_thread(master.start)


async def flush_redis(world: World) -> None:
    assert world.redis is not None
    await asyncio.to_thread(world.redis.flush)


async def pause_redis(world: World) -> None:
    assert world.redis is not None
    master = await asyncio.to_thread(world.redis.master)
    master.send_signal(signal.SIGSTOP)
    await asyncio.sleep(REDIS_PAUSE_S)
    master.send_signal(signal.SIGCONT)


async def fail_redis_over(world: World) -> None:
    assert world.redis is not None
    await asyncio.to_thread(world.redis.fail_over)


async def mistreat_publications(world: World) -> None:
    """Drops, repeats, delays and reorders 30% of them."""
    proxies = [proxy for node in world.nodes for proxy in node.redis]
    for proxy in proxies:
        proxy.unreliability = 0.3
    await asyncio.sleep(3)
    for proxy in proxies:
        proxy.unreliability = 0.0


async def cut_a_node_from_redis(world: World) -> None:
    seconds = world.rng.uniform(1, 4)
    await asyncio.gather(*(proxy.sever(seconds) for proxy in world.any_node().redis))


async def stall_a_node_before_redis(world: World) -> None:
    await asyncio.gather(*(proxy.stall(4) for proxy in world.any_node().redis))


async def cut_a_node_from_the_database(world: World) -> None:
    database = world.any_node().database
    assert database is not None
    await database.sever(world.rng.uniform(1, 4))


ON_CLUSTER: tuple[Fault, ...] = (
    freeze_a_node,
    restart_every_node,
    put_a_clock_an_hour_ahead,
    kill_redis,
    flush_redis,
    pause_redis,
    fail_redis_over,
    mistreat_publications,
    cut_a_node_from_redis,
    stall_a_node_before_redis,
    cut_a_node_from_the_database,
)
