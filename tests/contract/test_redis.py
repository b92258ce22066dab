"""What is Redis' own: it goes away and comes back, and its memory is not ours to fill."""

import uuid
from pathlib import Path

import pytest

from bihak.cluster.envelope import Envelope
from bihak.cluster.redis import RedisBackplane
from bihak.cluster.redis_url import open_pool
from bihak.errors import SettingsError
from tests.contract.test_backplane import END, Listener
from tests.redis_servers import Redis, running_redis
from tests.waiting import until


def backplane_of(url: str, prefix: str | None = None) -> RedisBackplane:
    return RedisBackplane(open_pool(url), prefix or uuid.uuid4().hex)


async def test_a_node_that_was_cut_off_is_told_when_it_is_back_and_hears_again(tmp_path: Path) -> None:
    with running_redis(tmp_path) as server:
        pair = one, two = Listener(backplane_of(server.url, "x")), Listener(backplane_of(server.url, "x"))
        for listener in pair:
            await listener.backplane.start(listener.take, listener.recovered)
            listener.backplane.subscribe("c1")
            listener.backplane.subscribe("end")
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
        for listener in pair:
            await listener.backplane.close()


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
