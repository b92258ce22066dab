"""Typing indicators: to the others, and over by themselves."""

from bihak.features.typing import ENDS_AFTER_S
from tests.harness import Cluster, Device


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
