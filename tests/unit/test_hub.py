"""The gap rule: the next event is delivered, a seen one dropped, a later one waits for those before it."""

import asyncio
import gc
import itertools
from collections.abc import AsyncIterator, Sequence

import pytest
import pytest_asyncio

from bihak.cluster.envelope import Envelope, conversation_topic, participant_topic
from bihak.core import sweep
from bihak.core.lingering import LINGER_S
from bihak.core.repairing import GAP_HOLD_S
from tests.harness import Cluster, Device, Place, running_cluster
from tests.unit.test_lingering import pass_time


class Room:
    """A room of one conversation whose log has five messages, and a device that has seen none of them."""

    def __init__(self, cluster: Cluster, device: Device, cid: int, bodies: Sequence[bytes]) -> None:
        self.cluster = cluster
        self.device = device
        self.cid = cid
        self._bodies = bodies

    def receive(self, *seqs: int) -> None:
        """The backplane brings these events, in this order."""
        hub = self.cluster.nodes[1].hub
        hub.receive([(conversation_topic(self.cid), Envelope(self._bodies[seq - 1], seq)) for seq in seqs])

    async def heard(self) -> list[int]:
        await self.cluster.clock.run_ready()
        return self.device.seqs(self.cid)


@pytest_asyncio.fixture
async def room(sqlite_place: Place, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Room]:
    monkeypatch.setattr(sweep, "EVERY_S", 3600.0)  # on a slow machine it would bring what the backplane dropped
    async with running_cluster(sqlite_place) as cluster:
        alice, bob = await cluster.connect("user_1", 0), await cluster.connect("user_2", 1)
        cid = await cluster.found(alice, "user_2")
        cluster.planes[1].misbehave(drop=1.0)
        for number in range(5):
            await alice.do("message", conversation_id=cid, content=f"{number}")
        await cluster.settle()
        bodies = [body for body in alice.bodies if b'"new_message"' in body]
        assert bob.seqs(cid) == []
        yield Room(cluster, bob, cid, bodies)


async def test_what_is_begun_in_the_turn_in_which_the_node_ends_is_not_left_half_begun(room: Room) -> None:
    hub = room.cluster.nodes[1].hub
    hub.catching_up.begin(room.device.session, room.cid, 0)
    await hub.close()
    gc.collect()  # a coroutine that nobody awaited is an error then


async def test_events_in_order_are_delivered_at_once(room: Room) -> None:
    room.receive(1, 2)
    room.receive(3)
    assert await room.heard() == [1, 2, 3]


async def test_a_seen_event_is_dropped(room: Room) -> None:
    room.receive(1, 1, 2, 1, 2)
    room.receive(2, 1)
    assert await room.heard() == [1, 2]


async def test_a_later_event_waits_for_the_ones_before_it(room: Room) -> None:
    room.receive(3)
    assert await room.heard() == []
    room.receive(2)
    assert await room.heard() == []
    room.receive(1)
    assert await room.heard() == [1, 2, 3]


@pytest.mark.parametrize("order", list(itertools.permutations((1, 2, 3, 4)))[::5])
async def test_any_order_comes_out_in_order(room: Room, order: tuple[int, ...]) -> None:
    for seq in order:
        room.receive(seq)
    assert await room.heard() == [1, 2, 3, 4]


async def test_a_gap_that_nothing_fills_is_read_from_the_log_after_a_moment(room: Room) -> None:
    room.receive(3)
    await room.cluster.clock.advance(GAP_HOLD_S / 2)
    assert await room.heard() == []
    await room.cluster.settle()
    assert (await room.heard())[:3] == [1, 2, 3]
    room.receive(4, 5)
    assert await room.heard() == [1, 2, 3, 4, 5]


async def test_an_event_that_comes_while_the_log_is_read_is_not_delivered_twice(room: Room) -> None:
    room.receive(4)
    await room.cluster.clock.advance(GAP_HOLD_S)
    for seq in (1, 2, 3, 5, 4):
        room.receive(seq)
        await asyncio.sleep(0)
    await room.cluster.settle()
    assert await room.heard() == [1, 2, 3, 4, 5]


async def test_an_event_that_is_not_in_the_log_is_given_up(room: Room) -> None:
    room.receive(1)
    hub = room.cluster.nodes[1].hub
    hub.compare_heads([(room.cid, 99)])
    await room.cluster.settle()
    assert await room.heard() == [1, 2, 3, 4, 5]
    assert hub.rooms[room.cid].target == 5


async def test_the_rooms_of_others_are_left_alone(room: Room) -> None:
    hub = room.cluster.nodes[1].hub
    hub.receive([(conversation_topic(2**40), Envelope(b"{}", 1))])
    hub.compare_heads([(2**40, 7)])
    await room.cluster.settle()
    assert await room.heard() == []
    assert set(hub.rooms) == {room.cid}


async def test_a_room_goes_with_its_last_session(room: Room) -> None:
    hub = room.cluster.nodes[1].hub
    room.receive(3)  # and its repair with it
    room.device.drop()
    await room.cluster.settle()
    assert (hub.rooms, hub.participants) == ({}, {})


async def test_whoever_comes_back_in_a_moment_finds_their_topics_subscribed(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster, plane = room.cluster, room.cluster.planes[1]
    cluster.clock.stand()
    told: list[tuple[str, str]] = []
    for name in ("subscribe", "unsubscribe"):
        monkeypatch.setattr(plane, name, lambda topic, name=name: told.append((name, topic)))
    room.device.drop()
    await pass_time(cluster.clock, LINGER_S - 1)
    back = await cluster.connect("user_2", 1)
    await pass_time(cluster.clock, 2 * LINGER_S)
    assert told == []
    back.drop()
    await pass_time(cluster.clock, LINGER_S + 1)
    topics = {participant_topic("user_2"), conversation_topic(room.cid)}
    assert (sorted(told), len(topics)) == ([("unsubscribe", topic) for topic in sorted(topics)], 2)
    await cluster.connect("user_2", 1)
    assert {topic for name, topic in told if name == "subscribe"} == topics


async def test_what_is_said_while_nobody_is_there_is_not_taken_for_said_to_whoever_comes_back(room: Room) -> None:
    cluster = room.cluster
    room.receive(1, 2)
    room.device.drop()
    room.receive(3, 4)
    hub = cluster.nodes[1].hub
    assert hub.rooms == {}
    back = cluster.open("user_2", 1)
    hub.join(back.session, room.cid)
    room.receive(5)
    assert hub.settle(back.session, room.cid, 4)
    await cluster.clock.run_ready()
    assert back.seqs(room.cid) == [5]


@pytest.mark.parametrize("is_settled_first", [True, False])
async def test_a_room_that_is_behind_does_not_end_a_membership_that_began_since(
    room: Room, is_settled_first: bool
) -> None:
    cluster, hub = room.cluster, room.cluster.nodes[1].hub
    alice, bob = await cluster.connect("user_1", 0), room.device
    await cluster.connect("user_1", 1)  # keeps the room
    await alice.do("remove_participant", conversation_id=room.cid, user_id="user_2")
    await alice.do("add_participants", conversation_id=room.cid, participants=["user_2"])
    hub.leave(bob.session, room.cid)
    hub.join(bob.session, room.cid)
    told = len(bob.heard("conversation_created"))
    ((head,),) = await cluster.stored("SELECT last_seq FROM conversations")
    assert (hub.rooms[room.cid].head or 0) < head - 1, "it has not come to what ended the membership before"
    if is_settled_first:
        assert hub.settle(bob.session, room.cid, head)
    hub.compare_heads([(room.cid, head)])
    await cluster.settle()
    if not is_settled_first:
        assert hub.settle(bob.session, room.cid, head)
    await cluster.clock.advance(GAP_HOLD_S)
    await cluster.settle()
    assert bob.session in hub.rooms[room.cid].live
    assert len(bob.heard("conversation_created")) == told, "it was never out"


async def test_what_is_held_for_who_joins_is_held_for_them_alone(room: Room) -> None:
    cluster, hub = room.cluster, room.cluster.nodes[1].hub
    one, other = (cluster.open(user_id, 1) for user_id in ("user_2", "user_3"))
    hub.join(one.session, room.cid)
    hub.join(other.session, 2**40)
    room.receive(1, 2)
    hub.receive([(conversation_topic(2**40), Envelope(b"{}", 1, left=("user_9",)))])
    assert hub.settle(other.session, 2**40, 1)
    assert hub.settle(one.session, room.cid, 0)
    room.receive(3)
    await cluster.clock.run_ready()
    assert (one.seqs(room.cid), other.frames) == ([1, 2, 3], [])
    assert (hub.rooms[room.cid].waiting, hub.rooms[2**40].waiting) == ({}, {})
