"""Everything that faults happen to: servers, what they need, and proxies in between."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from tests.faults.journal import Journal
from tests.faults.load import Load
from tests.faults.process import Bihak
from tests.faults.proxy import MariaDbProxy, Proxy
from tests.faults.redis_proxy import RedisProxy, SentinelProxy
from tests.redis_servers import SERVICE, RedisPair
from tests.servers import MariaDb

CLUSTER_NODES = 3
MANY_MESSAGES = "100000/10"
"""A limit that nobody reaches and that is counted all the same."""


@dataclass
class Node:
    """A server process, with proxies of its own before what it needs."""

    server: Bihak
    database: MariaDbProxy | None = None
    redis: tuple[RedisProxy, ...] = ()
    """Before each of the two Redis servers."""


@dataclass
class World:
    """One server, or a cluster of them if there is Redis."""

    nodes: list[Node]
    load: Load
    clients: Proxy
    """Between some of the devices and the first server."""
    rng: random.Random
    url: str
    """The database's own, past the proxies."""
    mariadb: MariaDb | None = None
    redis: RedisPair | None = None

    def any_node(self) -> Node:
        return self.rng.choice(self.nodes)

    def log(self) -> str:
        """What the servers have logged: warnings and worse."""
        return "".join(node.server.log() for node in self.nodes)


@contextlib.asynccontextmanager
async def running_world(
    folder: Path, mariadb: MariaDb | None, redis: RedisPair | None, journal: Journal, rng: random.Random
) -> AsyncIterator[World]:
    """Everything, started and talking."""
    async with contextlib.AsyncExitStack() as stack:
        name = mariadb.create_database() if mariadb is not None else ""
        url = f"sqlite:///{folder / 'bihak.db'}" if mariadb is None else mariadb.url(name)
        nodes = []
        for number in range(1, 1 + (CLUSTER_NODES if redis is not None else 1)):
            place = folder / f"node{number}"
            place.mkdir()
            database, proxied = None, url
            if mariadb is not None:
                database = await stack.enter_async_context(MariaDbProxy(mariadb.port, rng))
                proxied = mariadb.url(name, database.port)
            proxies, environment = await _before_redis(redis, rng, stack)
            node = Node(Bihak(place, proxied, **environment), database, proxies)
            stack.callback(node.server.kill)
            nodes.append(node)
        await asyncio.gather(*(node.server.start() for node in nodes))
        clients = await stack.enter_async_context(Proxy(nodes[0].server.port, rng))
        urls = [*(node.server.ws_url for node in nodes), f"ws://127.0.0.1:{clients.port}/ws"]
        load = Load(urls, journal, rng)
        stack.push_async_callback(load.stop)
        await load.start()
        yield World(nodes, load, clients, rng, url, mariadb, redis)


async def _before_redis(
    redis: RedisPair | None, rng: random.Random, stack: contextlib.AsyncExitStack
) -> tuple[tuple[RedisProxy, ...], dict[str, str]]:
    """A node's proxies, and its settings that lead to them."""
    if redis is None:
        return (), {}
    proxies = [await stack.enter_async_context(RedisProxy(port, rng)) for port in redis.ports]
    ports = {real: proxy.port for real, proxy in zip(redis.ports, proxies, strict=True)}
    sentinel = await stack.enter_async_context(SentinelProxy(redis.sentinel.port, rng, ports))
    url = f"redis+sentinel://127.0.0.1:{sentinel.port}/{SERVICE}"
    return tuple(proxies), {"REDIS_URL": url, "RATE_LIMIT_MESSAGES": MANY_MESSAGES}
