"""A limit over several nodes, which count together in Redis."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest_asyncio

from bihak.cluster.redis_ledger import RedisLedger
from bihak.cluster.redis_url import open_pool
from bihak.core.limits import RateLimit
from bihak.core.shared_limit import SharedLimit
from tests.redis_servers import Redis, running_redis
from tests.waiting import until

Nodes = list[SharedLimit]
Make = Callable[[str, int], Awaitable[Nodes]]


@pytest_asyncio.fixture
async def make() -> AsyncIterator[Make]:
    """Makes three nodes with a limit of so many in a thousand seconds."""
    running: list[asyncio.Task[None]] = []
    ledgers: list[RedisLedger] = []

    async def make(url: str, count: int) -> Nodes:
        nodes: Nodes = []
        prefix = uuid.uuid4().hex

        def announce(key: str, wait_ms: int) -> None:
            for node in nodes:
                node.used_up(key, wait_ms)

        for _ in range(3):
            ledgers.append(RedisLedger(open_pool(url, reply_within_s=1.0), prefix))
            nodes.append(SharedLimit("messages", RateLimit(count, 1000.0, time.monotonic), ledgers[-1], announce))
            running.append(asyncio.create_task(nodes[-1].run()))
        return nodes

    yield make
    for each in running:
        each.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    for ledger in ledgers:
        await ledger.close()


async def until_refused(*nodes: SharedLimit) -> None:
    await until(lambda: all(node._until for node in nodes))


async def test_what_one_node_has_let_through_no_other_does(make: Make, redis_server: Redis) -> None:
    one, two, three = await make(redis_server.url, 5)
    assert [one.take("user_1") for _ in range(5)] == [0.0] * 5
    await until_refused(two, three)
    assert 190 < two.take("user_1") <= 200
    assert three.take("user_1") > 0
    assert two.take("user_2") == 0.0


async def test_whoever_comes_from_another_node_is_known_before_they_send(make: Make, redis_server: Redis) -> None:
    one, two, _ = await make(redis_server.url, 5)
    for _ in range(5):
        one.take("user_1")
    await until_refused(one)
    two._until.clear()  # as a node that started after it was told
    two.meet("user_1")
    await until_refused(two)
    assert two.take("user_1") > 0


async def test_what_was_let_through_too_much_is_a_debt(make: Make, redis_server: Redis) -> None:
    nodes = await make(redis_server.url, 5)
    for node in nodes:
        assert [node.take("user_1") for _ in range(5)] == [0.0] * 5, "before they can have heard of each other"
    # Eleven, at 200 seconds each.
    await until(lambda: max(node._until.get("user_1", 0.0) - time.monotonic() for node in nodes) > 2100)


async def test_without_redis_each_node_counts_for_itself(make: Make, tmp_path: Path) -> None:
    with running_redis(tmp_path) as server:
        one, two, _ = await make(server.url, 5)
        server.kill()
        for node in (one, two):
            assert [node.take("user_1") == 0.0 for _ in range(6)] == [True] * 5 + [False]
            await asyncio.sleep(0)
        server.start()
        one._local._buckets.clear()
        assert [one.take("user_1") for _ in range(5)] == [0.0] * 5
        await until_refused(two)
