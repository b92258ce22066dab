"""What a backplane promises, whichever it is: see `cluster.base`."""

import asyncio
import itertools
import uuid
from collections.abc import AsyncIterator, Callable, Sequence

import pytest
import pytest_asyncio

from bihak.cluster.base import Backplane, Publication
from bihak.cluster.envelope import Envelope
from bihak.cluster.local import LocalBackplane, LocalBus
from bihak.cluster.redis import RedisBackplane
from bihak.cluster.redis_url import open_pool
from tests.redis_servers import Redis
from tests.waiting import until

Make = Callable[[], Backplane]


def local(_request: pytest.FixtureRequest) -> Make:
    bus = LocalBus()
    return lambda: LocalBackplane(bus)


def redis(request: pytest.FixtureRequest) -> Make:
    server: Redis = request.getfixturevalue("redis_server")
    prefix = uuid.uuid4().hex
    return lambda: RedisBackplane(open_pool(server.url), prefix)


KINDS: dict[str, Callable[[pytest.FixtureRequest], Make]] = {"local": local, "redis": redis}
"""How to make backplanes that know each other; one more line here, and it is held to all that follows."""


class Listener:
    """One node's end: what came in, and in which order."""

    def __init__(self, backplane: Backplane) -> None:
        self.backplane = backplane
        self.heard: list[Publication] = []
        self.recoveries = 0
        self._came = asyncio.Event()

    def recovered(self) -> None:
        self.recoveries += 1

    def take(self, publications: Sequence[Publication]) -> None:
        assert publications
        self.heard += publications
        self._came.set()

    async def until(self, publication: Publication) -> list[Publication]:
        """Waits for that publication; all that came up to now, without it."""
        while publication not in self.heard:
            self._came.clear()
            await self._came.wait()
        return [each for each in self.heard if each != publication and not each[0].startswith(READY)]


Pair = tuple[Listener, Listener]

READY = "ready"
"""What the topics begin with that are only there to see whether subscribing has come through."""
_numbers = itertools.count()
END: Publication = ("end", Envelope(b"end"))


async def settled(pair: Pair) -> None:
    """Waits until what each of them subscribed to is known to the backplane, however far away that is."""
    for listener, other in (pair, pair[::-1]):
        ready = (f"{READY} {next(_numbers)}", Envelope(b""))
        listener.backplane.subscribe(ready[0])  # behind the others

        def arrives(listener: Listener = listener, other: Listener = other, ready: Publication = ready) -> bool:
            other.backplane.publish([ready])
            return ready in listener.heard

        await until(arrives)
    for listener in pair:
        listener.heard.clear()


@pytest_asyncio.fixture(params=KINDS)
async def pair(request: pytest.FixtureRequest) -> AsyncIterator[Pair]:
    make = KINDS[request.param](request)
    listeners = (Listener(make()), Listener(make()))
    for listener in listeners:
        await listener.backplane.start(listener.take, listener.recovered)
        listener.backplane.subscribe("end")
        assert listener.backplane.is_connected
    yield listeners
    for listener in listeners:
        await listener.backplane.close()


async def test_a_publication_comes_to_every_subscriber_the_publisher_too(pair: Pair) -> None:
    one, two = pair
    for listener in pair:
        listener.backplane.subscribe("c1")
    await settled(pair)
    one.backplane.publish([("c1", Envelope(b"\x00\xffhello"))])
    one.backplane.publish([END])
    assert await one.until(END) == await two.until(END) == [("c1", Envelope(b"\x00\xffhello"))]


async def test_only_those_hear_it_who_want_that_topic(pair: Pair) -> None:
    one, two = pair
    one.backplane.subscribe("c1")
    two.backplane.subscribe("c2")
    await settled(pair)
    one.backplane.publish(
        [
            ("c1", Envelope(b"1")),
            ("c2", Envelope(b"2")),
            ("c3", Envelope(b"3")),
            ("c11", Envelope(b"4")),
            ("c", Envelope(b"5")),
        ]
    )
    one.backplane.publish([END])
    assert await one.until(END) == [("c1", Envelope(b"1"))]
    assert await two.until(END) == [("c2", Envelope(b"2"))]


async def test_publications_of_one_node_on_one_topic_keep_their_order(pair: Pair) -> None:
    one, two = pair
    two.backplane.subscribe("c1")
    two.backplane.subscribe("c2")
    sent = [(f"c{1 + number % 2}", Envelope(str(number).encode())) for number in range(200)]
    await settled(pair)
    for at in range(0, 200, 20):
        one.backplane.publish(sent[at : at + 20])
    one.backplane.publish([END])
    heard = await two.until(END)
    for topic in ("c1", "c2"):
        assert [each for each in heard if each[0] == topic] == [each for each in sent if each[0] == topic]


async def test_subscribing_twice_is_subscribing_once(pair: Pair) -> None:
    one, two = pair
    for _ in range(2):
        two.backplane.subscribe("c1")
    await settled(pair)
    one.backplane.publish([("c1", Envelope(b"once")), END])
    assert await two.until(END) == [("c1", Envelope(b"once"))]
    two.backplane.unsubscribe("c1")
    await settled(pair)
    one.backplane.publish([("c1", Envelope(b"no more")), ("end", Envelope(b"end 2"))])
    assert ("c1", Envelope(b"no more")) not in await two.until(("end", Envelope(b"end 2")))


async def test_whoever_unsubscribes_what_it_never_wanted_is_not_harmed(pair: Pair) -> None:
    one, two = pair
    two.backplane.unsubscribe("c9")
    await settled(pair)
    one.backplane.publish([END])
    assert await two.until(END) == []


async def test_a_closed_backplane_delivers_nothing_and_takes_everything(pair: Pair) -> None:
    one, two = pair
    for listener in pair:
        listener.backplane.subscribe("c1")
    await settled(pair)
    await two.backplane.close()
    one.backplane.publish([("c1", Envelope(b"x")), END])
    assert await one.until(END) == [("c1", Envelope(b"x"))]
    assert two.heard == []
    two.backplane.publish([("c1", Envelope(b"from the grave"))])
    two.backplane.subscribe("c2")


async def test_many_large_publications_arrive_whole(pair: Pair) -> None:
    one, two = pair
    two.backplane.subscribe("c1")
    sent = [("c1", Envelope(bytes([number]) * 100_000)) for number in range(20)]
    await settled(pair)
    one.backplane.publish([*sent, END])
    assert await two.until(END) == sent
