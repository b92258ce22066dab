"""What is Redis' own: it goes away and comes back, and its memory is not ours to fill."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bihak.cluster.base import Backplane
from bihak.cluster.envelope import Envelope
from bihak.cluster.redis import RedisBackplane
from bihak.cluster.redis_url import open_pool
from bihak.errors import SettingsError
from tests.contract.test_backplane import END, Listener, settled
from tests.redis_servers import Redis, running_redis
from tests.waiting import until


def backplane_of(url: str, prefix: str | None = None) -> RedisBackplane:
    return RedisBackplane(open_pool(url), prefix or uuid.uuid4().hex)


@asynccontextmanager
async def running_pair(server: Redis) -> AsyncIterator[tuple[Listener, Listener]]:
    """Two nodes of one cluster on that Redis, which hear of `END`."""
    pair = Listener(backplane_of(server.url, "x")), Listener(backplane_of(server.url, "x"))
    for listener in pair:
        await listener.backplane.start(listener.take, listener.recovered)
        listener.backplane.subscribe("end")
    yield pair
    for listener in pair:
        await listener.backplane.close()


async def test_a_node_that_was_cut_off_is_told_when_it_is_back_and_hears_again(tmp_path: Path) -> None:
    with running_redis(tmp_path) as server:
        async with running_pair(server) as (one, two):
            for listener in (one, two):
                listener.backplane.subscribe("c1")
            server.kill()
            await until(lambda: not one.backplane.is_connected and not two.backplane.is_connected)
            one.backplane.publish([("c1", Envelope(b"lost to others"))])
            two.backplane.subscribe("c2")
            assert await one.until(("c1", Envelope(b"lost to others"))) == []
            server.start()
            await until(lambda: one.recoveries and two.recoveries)
            one.backplane.publish([("c1", Envelope(b"1")), ("c2", Envelope(b"2")), END])
            assert await two.until(END) == [("c1", Envelope(b"1")), ("c2", Envelope(b"2"))]
            assert one.recoveries == two.recoveries == 1


async def test_a_burst_that_redis_cannot_take_does_not_fill_the_memory(redis_server: Redis) -> None:
    backplane = backplane_of(redis_server.url)
    await backplane.start(lambda _publications: None, lambda: None)
    large = [("c1", Envelope(bytes(1 << 20)))]
    for _ in range(100):
        backplane.publish(large)
    assert 0 < backplane.dropped < 100
    await backplane.close()


@pytest.mark.parametrize("password", ["", "wrong"])
async def test_a_refused_password_is_told_at_the_start(password: str, tmp_path: Path) -> None:
    with running_redis(tmp_path, "--requirepass", "right") as server:
        backplane = backplane_of(server.url.replace("//", f"//:{password}@" if password else "//"))
        with pytest.raises(SettingsError, match="REDIS_URL is not usable: Redis refuses"):
            await backplane.start(lambda _publications: None, lambda: None)
        backplane = backplane_of(server.url.replace("//", "//:right@"))
        await backplane.start(lambda _publications: None, lambda: None)
        assert backplane.is_connected
        await backplane.close()


async def test_a_refusal_behind_what_redis_took_is_noticed(tmp_path: Path) -> None:
    with running_redis(tmp_path) as server:
        connection = open_pool(server.url).make_connection()
        await connection.send_command("ACL", "SETUSER", "default", "resetchannels", "&x:c1", "&x:node:*")
        await connection.read_response()
        await connection.disconnect()
        listener = Listener(backplane_of(server.url, "x"))
        await listener.backplane.start(listener.take, listener.recovered)
        listener.backplane.publish([("c1", Envelope(b"taken")), ("c2", Envelope(b"refused"))])
        await until(lambda: listener.recoveries)
        await listener.backplane.close()


async def test_redis_hears_of_what_is_wanted_no_longer_and_of_what_is_wanted_again(tmp_path: Path) -> None:
    with running_redis(tmp_path) as server, server.client() as client:
        async with running_pair(server) as (one, two):
            for topic in ("c1", "c2"):
                two.backplane.subscribe(topic)
            await settled((one, two))
            two.backplane.unsubscribe("c1")
            await until(lambda: [count for _, count in client.pubsub_numsub("x:c1", "x:c2")] == [0, 1])
            two.backplane.subscribe("c1")
            await settled((one, two))
            one.backplane.publish([("c1", Envelope(b"1")), ("c2", Envelope(b"2")), END])
            assert sorted(await two.until(END)) == [("c1", Envelope(b"1")), ("c2", Envelope(b"2"))]


async def test_a_topic_that_is_left_before_redis_hears_of_it_is_there_for_whoever_comes_back(
    tmp_path: Path,
) -> None:
    with running_redis(tmp_path) as server:
        async with running_pair(server) as (one, two):
            two.backplane.subscribe("c1")
            two.backplane.unsubscribe("c1")
            await settled((one, two))
            two.backplane.subscribe("c1")
            await settled((one, two))
            one.backplane.publish([("c1", Envelope(b"1")), END])
            assert await two.until(END) == [("c1", Envelope(b"1"))]


async def test_what_was_left_before_redis_went_away_is_subscribed_anew_for_whoever_comes_back(tmp_path: Path) -> None:
    with running_redis(tmp_path) as server:
        async with running_pair(server) as (one, two):
            two.backplane.subscribe("c1")
            await settled((one, two))
            two.backplane.unsubscribe("c1")
            server.kill()
            await until(lambda: not one.backplane.is_connected and not two.backplane.is_connected)
            server.start()
            await until(lambda: one.recoveries and two.recoveries)
            two.backplane.subscribe("c1")
            await settled((one, two))
            one.backplane.publish([("c1", Envelope(b"1")), END])
            assert await two.until(END) == [("c1", Envelope(b"1"))]


async def test_what_comes_and_goes_while_redis_is_away_is_not_kept(tmp_path: Path) -> None:
    with running_redis(tmp_path) as server:
        async with running_pair(server) as (one, two):
            server.kill()
            await until(lambda: not one.backplane.is_connected and not two.backplane.is_connected)
            before = size_of(two.backplane)
            for number in range(20_000):
                two.backplane.subscribe(f"c{number}")
                two.backplane.unsubscribe(f"c{number}")
            assert size_of(two.backplane) == before
            two.backplane.subscribe("c1")
            server.start()
            await until(lambda: one.recoveries and two.recoveries)
            one.backplane.publish([("c1", Envelope(b"1")), END])
            assert await two.until(END) == [("c1", Envelope(b"1"))]


def size_of(backplane: Backplane) -> int:
    """How many things it holds in collections of its own."""
    return sum(len(value) for value in vars(backplane).values() if isinstance(value, dict | set | list))
