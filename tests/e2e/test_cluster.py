"""Three nodes, one Redis, one MariaDB: what they share, what it costs, and what happens when Redis or a node goes."""

import asyncio
import random
from collections.abc import Iterator
from functools import partial
from typing import Any

import aiohttp
import pytest
from playwright.async_api import Browser, expect

from tests.e2e.browser import Person
from tests.e2e.client import Client
from tests.e2e.conftest import Connect, make_conversation
from tests.e2e.server import ServerProcess
from tests.faults.proxy import Proxy
from tests.redis_servers import Redis, running_redis
from tests.servers import MariaDb
from tests.waiting import until

Nodes = list[ServerProcess]


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    with running_redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(scope="module")
def database(mariadb: MariaDb) -> Iterator[str]:
    name = mariadb.create_database()
    yield name
    mariadb.drop_database(name)


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory, mariadb: MariaDb, database: str, redis: Redis) -> Iterator[Nodes]:
    """Three, which started at once on an empty database. A participant may send 30 messages in 1000 seconds."""
    environment = {"DATABASE_URL": mariadb.url(database), "REDIS_URL": redis.url, "AUTH_MODE": "trusted"}
    environment |= {"RATE_LIMIT_MESSAGES": "30/1000", "LOG_FORMAT": "json"}
    made = [ServerProcess(tmp_path_factory.mktemp("node"), **environment) for _ in range(3)]
    for node in made:
        node.launch()
    for node in made:
        node.wait()
    yield made
    for node in made:
        node.kill()


async def figure(node: ServerProcess, http: aiohttp.ClientSession, name: str) -> int:
    async with http.get(f"{node.url}/metrics") as response:
        lines = (await response.text()).splitlines()
    return int(float(next(line.split()[1] for line in lines if line.startswith(f"{name} "))))


async def ready(node: ServerProcess, http: aiohttp.ClientSession) -> tuple[int, Any]:
    async with http.get(f"{node.url}/ready") as response:
        return response.status, await response.json()


async def says(node: ServerProcess, http: aiohttp.ClientSession, status: str) -> bool:
    return bool((await ready(node, http))[1]["status"] == status)


async def at_rest(nodes: Nodes, http: aiohttp.ClientSession) -> list[int]:
    """How many publications each node has had, once no more are coming."""
    counts: list[int] = []
    while counts != (counts := [await figure(node, http, "bihak_publications_total") for node in nodes]):
        await asyncio.sleep(0.2)
    return counts


async def test_a_message_costs_one_delivery_for_each_node_with_members(
    nodes: Nodes, redis: Redis, connect: Connect, http: aiohttp.ClientSession
) -> None:
    cid = await make_conversation(nodes[0], http, "user_1", "user_2")
    ann, bob, _ = [await connect(node, f"user_{at}") for at, node in enumerate(nodes, 1)]
    before = await at_rest(nodes, http)
    await ann.ask("message_sent", type="message", conversation_id=cid, content="to two nodes of three")
    await bob.hear("new_message")
    after = await at_rest(nodes, http)
    assert [now - then for now, then in zip(after, before, strict=True)] == [1, 1, 0]
    with redis.client() as client:
        ((_, listeners),) = client.pubsub_numsub(*client.pubsub_channels(f"*:c{cid}"))
        assert listeners == 2
    # Somebody who shares three conversations with Bob is told of to Bob's node only, and once.
    for _ in range(3):
        await make_conversation(nodes[0], http, "user_4", "user_2", kind="team")
    before = await at_rest(nodes, http)
    await connect(nodes[0], "user_4")
    await bob.hear("status_change", user_id="user_4", status="online")
    after = await at_rest(nodes, http)
    assert after[2] == before[2]
    assert not [frame for frame in await bob.everything_so_far() if frame.get("user_id") == "user_4"]


async def test_what_is_counted_or_single_use_holds_across_nodes(
    nodes: Nodes, connect: Connect, http: aiohttp.ClientSession
) -> None:
    cid = await make_conversation(nodes[0], http, "user_11", "user_12", kind="team")
    tabs = [await connect(node, "user_11") for node in nodes]

    frame = {"type": "message", "conversation_id": cid, "content": "once", "idempotency_key": "the same key"}
    sent = await asyncio.gather(*(tab.ask("message_sent", **frame) for tab in tabs))
    assert len({reply["message_id"] for reply in sent}) == 1

    frame = {"type": "create_conversation", "conversation_type": "direct", "participants": ["user_12"]}
    made = await asyncio.gather(*(tab.ask("conversation", **frame) for tab in tabs))
    assert len({reply["conversation"]["conversation_id"] for reply in made}) == 1

    for number in range(27):  # three were sent above
        await tabs[0].ask("message_sent", type="message", conversation_id=cid, content=f"{number}")
    too_many = 0
    for tab in tabs[1:]:
        while True:  # until the nodes have heard of each other
            answer = await tab.ask(None, type="message", conversation_id=cid, content="too many")
            if answer["type"] == "error":
                break
            too_many += 1
        assert answer["code"] == "rate_limited"
        assert answer["retry_after"] > 1
    assert too_many <= 9, "a tenth of the limit for each node"


async def test_without_redis_everything_is_delivered_and_it_is_said_once(
    nodes: Nodes, mariadb: MariaDb, database: str, redis: Redis, connect: Connect, http: aiohttp.ClientSession
) -> None:
    cid = await make_conversation(nodes[0], http, "user_21", "user_22")
    clients = [await connect(node, f"user_2{1 + at % 2}") for at, node in enumerate(nodes)]
    redis.kill()
    for node in nodes:
        await until(partial(says, node, http, "degraded"))
        assert await ready(node, http) == (200, {"status": "degraded", "database": "ok", "backplane": "away"})
    # A newer version adds to the tables while these nodes go on.
    with mariadb.connect(database) as connection, connection.cursor() as cursor:
        cursor.execute("ALTER TABLE messages ADD COLUMN flavour VARCHAR(20) NULL")
        cursor.execute("ALTER TABLE conversation_participants ADD COLUMN flavour VARCHAR(20) NULL")
        cursor.execute("CREATE TABLE flavours (id BIGINT PRIMARY KEY)")
    for at, client in enumerate(clients):
        await client.ask("message_sent", type="message", conversation_id=cid, content=f"without Redis {at}")
    new = await make_conversation(nodes[0], http, "user_22", "user_21", kind="team")
    for client in clients:
        for at in range(3):
            await client.hear("new_message", content=f"without Redis {at}")
        await client.hear("conversation_created", conversation_id=new)
    redis.start()
    for node in nodes:
        await until(partial(says, node, http, "ok"))
        assert len(node.log_events("Redis is away, events come from the database meanwhile")) == 1
        assert len(node.log_events("Redis is back")) == 1
    await clients[0].ask("message_sent", type="message", conversation_id=cid, content="with Redis")
    for client in clients:
        await client.hear("new_message", content="with Redis")


async def test_a_browser_whose_node_is_killed_keeps_its_conversation_whole_on_another(
    nodes: Nodes, connect: Connect, http: aiohttp.ClientSession, browser: Browser
) -> None:
    cid = await make_conversation(nodes[1], http, "user_31", "user_32")
    bob: Client = await connect(nodes[1], "user_32")

    async def bob_says(text: str) -> None:
        await bob.ask("message_sent", type="message", conversation_id=cid, content=text)

    async with Proxy(nodes[0].port, random.Random(0)) as switch:
        page = (await Person.arrive(browser)).page
        await page.goto(f"http://localhost:{switch.port}/#as=user_31&c={cid}")
        field = page.get_by_role("textbox", name="Message")
        await field.fill("one, from the page")
        await page.get_by_role("button", name="Send").click()
        await bob.hear("new_message", content="one, from the page")
        await bob_says("two, while both nodes live")
        await expect(page.get_by_role("article").filter(has_text="two, while")).to_be_visible()
        nodes[0].kill()
        switch.target_port = nodes[1].port
        await bob_says("three, while the page has no node")
        await field.fill("four, from the page again")
        await page.get_by_role("button", name="Send").click()
        await bob.hear("new_message", content="four, from the page again")
        await bob_says("five, on one node")
        await expect(page.get_by_role("article").filter(has_text="five, on")).to_be_visible()
        texts = "\n".join(await page.get_by_role("article").all_inner_texts())
        for word in ("one,", "two,", "three,", "four,", "five,"):
            assert texts.count(word) == 1
        assert sorted(("one,", "two,", "three,", "four,", "five,"), key=texts.index) == [
            "one,", "two,", "three,", "four,", "five,",
        ]  # fmt: skip
    nodes[0].start()
