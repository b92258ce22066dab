"""Typing indicators: to the others, and over by themselves."""

from bihak.features.typing import ENDS_AFTER_S, TELLS_EVERY_S, SweepTyping
from bihak.storage.schema import typing_indicators
from tests.harness import Cluster, Device, Place


async def two(cluster: Cluster) -> tuple[Device, Device, int]:
    alice, bob = await cluster.connect("user_1", 0), await cluster.connect("user_2", 1)
    return alice, bob, await cluster.found(alice, "user_2")


def signals(device: Device) -> list[bool]:
    return [frame["is_typing"] for frame in device.heard("user_typing")]


async def test_the_others_see_who_types_and_the_typist_does_not(cluster: Cluster) -> None:
    alice, bob, cid = await two(cluster)
    alice_too = await cluster.connect("user_1", 1)
    alice.send("typing_start", conversation_id=cid)
    event = await bob.expect("user_typing")
    assert event == {
        "type": "user_typing",
        "conversation_id": cid,
        "user_id": "user_1",
        "participant_type": "user",
        "participant_id": 1,
        "name": "user_1",
        "is_typing": True,
    }
    alice.send("typing_stop", conversation_id=cid)
    assert (await bob.expect("user_typing"))["is_typing"] is False
    await alice.quiet("user_typing", "ok", "error")
    await alice_too.quiet("user_typing")


async def test_typing_ends_by_itself(cluster: Cluster) -> None:
    alice, bob, cid = await two(cluster)
    cluster.clock.stand()
    alice.send("typing_start", conversation_id=cid)
    await cluster.clock.advance(ENDS_AFTER_S - 0.5)
    alice.send("typing_start", conversation_id=cid)
    await cluster.clock.advance(ENDS_AFTER_S - 0.5)
    assert False not in signals(bob)
    await cluster.clock.advance(1.0)
    assert signals(bob)[-1] is False
    await cluster.clock.advance(ENDS_AFTER_S * 2)
    assert signals(bob).count(False) == 1


async def test_typing_ends_when_the_connection_does(cluster: Cluster) -> None:
    alice, bob, cid = await two(cluster)
    alice.send("typing_start", conversation_id=cid)
    assert (await bob.expect("user_typing"))["is_typing"] is True
    alice.drop()
    assert (await bob.expect("user_typing"))["is_typing"] is False


async def test_stopping_without_having_started_tells_nobody(cluster: Cluster) -> None:
    alice, bob, cid = await two(cluster)
    alice.send("typing_stop", conversation_id=cid)
    await bob.quiet()
    await alice.quiet()


async def test_typing_is_never_replayed(cluster: Cluster) -> None:
    alice, _, cid = await two(cluster)
    alice.send("typing_start", conversation_id=cid)
    again = await cluster.connect("user_2", 1, resume={cid: 0})
    await cluster.settle()
    assert not again.heard("user_typing")


async def test_whoever_goes_on_typing_is_told_of_at_most_once_in_three_seconds(cluster: Cluster) -> None:
    alice, bob, cid = await two(cluster)
    cluster.clock.stand()
    for _ in range(30):
        alice.send("typing_start", conversation_id=cid)
        await cluster.clock.advance(TELLS_EVERY_S / 10)
    await cluster.settle()
    assert signals(bob) == [True] * 3


async def test_stopping_and_starting_in_turn_is_told_no_more_often(cluster: Cluster) -> None:
    alice, bob, cid = await two(cluster)
    for _ in range(10):
        alice.send("typing_start", conversation_id=cid)
        alice.send("typing_stop", conversation_id=cid)
    await cluster.settle()
    assert signals(bob) == [True, False]
    alice.send("typing_start", conversation_id=cid)
    await cluster.clock.advance(TELLS_EVERY_S - 1.0)
    assert signals(bob) == [True, False]
    await cluster.clock.advance(1.1)
    assert signals(bob) == [True, False, True], "told late, for alice still types"
    alice.send("typing_stop", conversation_id=cid)
    await cluster.settle()
    assert signals(bob) == [True, False, True, False]
    assert await cluster.stored("SELECT * FROM typing_indicators") == []


async def test_typing_ends_by_sending_and_by_leaving(cluster: Cluster) -> None:
    alice, bob, cid = await two(cluster)
    alice.send("typing_start", conversation_id=cid)
    await alice.do("message", conversation_id=cid, content="done")
    await cluster.settle()
    assert signals(bob) == [True, False]
    await cluster.clock.advance(TELLS_EVERY_S)
    alice.send("typing_start", conversation_id=cid)
    await alice.do("leave_conversation", conversation_id=cid)
    await cluster.settle()
    assert signals(bob) == [True, False, True, False]
    assert await cluster.stored("SELECT * FROM typing_indicators") == []


async def test_typing_ends_by_sending_or_being_removed_on_another_node(cluster: Cluster) -> None:
    bob = await cluster.connect("user_2", 1)
    cid = await cluster.found(bob, "user_1")
    here, there = await cluster.connect("user_1", 0), await cluster.connect("user_1", 1)
    here.send("typing_start", conversation_id=cid)
    await there.do("message", conversation_id=cid, content="done")
    await cluster.settle()
    assert signals(bob) == [True, False]
    await cluster.clock.advance(TELLS_EVERY_S)
    here.send("typing_start", conversation_id=cid)
    await bob.do("remove_participant", conversation_id=cid, user_id="user_1")
    await cluster.settle()
    assert signals(bob) == [True, False, True, False]
    assert await cluster.stored("SELECT * FROM typing_indicators") == []


async def test_two_devices_of_one_person_tell_no_more_often_than_one(cluster: Cluster) -> None:
    alice, bob, cid = await two(cluster)
    there = await cluster.connect("user_1", 1)
    for _ in range(5):
        alice.send("typing_start", conversation_id=cid)
        there.send("typing_start", conversation_id=cid)
        await cluster.clock.advance(TELLS_EVERY_S / 2)
    assert signals(bob) == [True] * 3
    await cluster.clock.advance(ENDS_AFTER_S + 1.0)
    assert signals(bob)[-1] is False
    assert signals(bob).count(False) == 1


async def test_who_types_now_is_told_on_subscribing_on_any_node(cluster: Cluster) -> None:
    alice, _, cid = await two(cluster)
    alice.send("typing_start", conversation_id=cid)
    await cluster.settle()
    for node in (0, 1):
        late = await cluster.connect("user_2", node)
        await late.do("subscribe_conversation", conversation_id=cid)
        event = await late.expect("user_typing")
        assert (event["user_id"], event["is_typing"]) == ("user_1", True)
    await alice.do("subscribe_conversation", conversation_id=cid)
    await alice.quiet("user_typing")


async def test_rows_that_a_dead_node_left_are_swept(place: Place, cluster: Cluster) -> None:
    alice, _, cid = await two(cluster)
    alice.send("typing_start", conversation_id=cid)
    await cluster.settle()
    rows = await cluster.stored("SELECT conversation_id, participant_type, participant_id FROM typing_indicators")
    assert rows == [(cid, "user", 1)]
    with place.handles(3)[2].writer_engine.begin() as connection:
        connection.execute(typing_indicators.update().values(expires_ms=1))
    late = await cluster.connect("user_2", 1)
    await late.do("subscribe_conversation", conversation_id=cid)
    await late.quiet("user_typing")
    assert [await node.call(SweepTyping()) for node in cluster.nodes] == [1, 0]
    assert await cluster.stored("SELECT * FROM typing_indicators") == []
