"""What a backplane promises, whichever it is: see `cluster.base`."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

import pytest
import pytest_asyncio

from bihak.cluster.base import Backplane, Publication
from bihak.cluster.local import LocalBackplane, LocalBus


def local() -> Callable[[], Backplane]:
    bus = LocalBus()
    return lambda: LocalBackplane(bus)


KINDS: dict[str, Callable[[], Callable[[], Backplane]]] = {"local": local}
"""How to make backplanes that know each other; one more line here, and it is held to all that follows."""


class Listener:
    """One node's end: what came in, and in which order."""

    def __init__(self, backplane: Backplane) -> None:
        self.backplane = backplane
        self.heard: list[Publication] = []
        self._came = asyncio.Event()

    def take(self, publications: Sequence[Publication]) -> None:
        assert publications
        self.heard += publications
        self._came.set()

    async def until(self, publication: Publication) -> list[Publication]:
        """Waits for that publication; all that came up to now, without it."""
        while publication not in self.heard:
            self._came.clear()
            await self._came.wait()
        return [each for each in self.heard if each != publication]


@pytest_asyncio.fixture(params=KINDS)
async def pair(request: pytest.FixtureRequest) -> AsyncIterator[tuple[Listener, Listener]]:
    make = KINDS[request.param]()
    listeners = (Listener(make()), Listener(make()))
    for listener in listeners:
        await listener.backplane.start(listener.take)
        listener.backplane.subscribe("end")
    yield listeners
    for listener in listeners:
        await listener.backplane.close()


END: Publication = ("end", b"end")


async def test_a_publication_comes_to_every_subscriber_the_publisher_too(pair: tuple[Listener, Listener]) -> None:
    one, two = pair
    for listener in pair:
        listener.backplane.subscribe("c1")
    one.backplane.publish([("c1", b"\x00\xffhello")])
    one.backplane.publish([END])
    assert await one.until(END) == await two.until(END) == [("c1", b"\x00\xffhello")]


async def test_only_those_hear_it_who_want_that_topic(pair: tuple[Listener, Listener]) -> None:
    one, two = pair
    one.backplane.subscribe("c1")
    two.backplane.subscribe("c2")
    one.backplane.publish([("c1", b"1"), ("c2", b"2"), ("c3", b"3"), ("c11", b"4"), ("c", b"5")])
    one.backplane.publish([END])
    assert await one.until(END) == [("c1", b"1")]
    assert await two.until(END) == [("c2", b"2")]


async def test_publications_of_one_node_keep_their_order(pair: tuple[Listener, Listener]) -> None:
    one, two = pair
    two.backplane.subscribe("c1")
    two.backplane.subscribe("c2")
    sent = [(f"c{1 + number % 2}", str(number).encode()) for number in range(200)]
    for at in range(0, 200, 20):
        one.backplane.publish(sent[at : at + 20])
    one.backplane.publish([END])
    assert await two.until(END) == sent


async def test_subscribing_twice_is_subscribing_once(pair: tuple[Listener, Listener]) -> None:
    one, two = pair
    for _ in range(2):
        two.backplane.subscribe("c1")
    one.backplane.publish([("c1", b"once"), END])
    assert await two.until(END) == [("c1", b"once")]
    two.backplane.unsubscribe("c1")
    one.backplane.publish([("c1", b"no more"), ("end", b"end 2")])
    assert ("c1", b"no more") not in await two.until(("end", b"end 2"))


async def test_whoever_unsubscribes_what_it_never_wanted_is_not_harmed(pair: tuple[Listener, Listener]) -> None:
    one, two = pair
    two.backplane.unsubscribe("c9")
    one.backplane.publish([END])
    assert await two.until(END) == []


async def test_a_closed_backplane_delivers_nothing_and_takes_everything(pair: tuple[Listener, Listener]) -> None:
    one, two = pair
    for listener in pair:
        listener.backplane.subscribe("c1")
    await two.backplane.close()
    one.backplane.publish([("c1", b"x"), END])
    assert await one.until(END) == [("c1", b"x")]
    assert two.heard == []
    two.backplane.publish([("c1", b"from the grave")])
    two.backplane.subscribe("c2")


async def test_many_large_publications_arrive_whole(pair: tuple[Listener, Listener]) -> None:
    one, two = pair
    two.backplane.subscribe("c1")
    sent = [("c1", bytes([number]) * 100_000) for number in range(20)]
    one.backplane.publish([*sent, END])
    assert await two.until(END) == sent
