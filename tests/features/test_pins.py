"""Pinned messages: the same ones for everyone in a conversation."""

from bihak.features.pins import MAX_PINS
from tests.harness import Cluster, Device, everyone


async def with_messages(cluster: Cluster, count: int) -> tuple[Device, Device, int, list[int]]:
    """Two people on two nodes, their conversation, and its messages."""
    alice, bob = await cluster.connect("user_1", 0), await cluster.connect("user_2", 1)
    cid = await cluster.found(alice, "user_2")
    ids = [(await alice.do("message", conversation_id=cid, content=f"{n}"))["message_id"] for n in range(count)]
    await cluster.settle()
    return alice, bob, cid, ids


async def pinned(device: Device, cid: int) -> list[int]:
    page = (await device.do("history", conversation_id=cid, limit=100))["messages"]
    return [message["message_id"] for message in page if message["pinned"]]


async def test_a_pin_is_told_to_everyone_and_shown_with_its_message(cluster: Cluster) -> None:
    alice, bob, cid, ids = await with_messages(cluster, 3)
    await bob.do("pin_message", message_id=ids[1])
    for event in await everyone([alice, bob], "message_pinned"):
        assert (event["conversation_id"], event["message_id"], event["user_id"]) == (cid, ids[1], "user_2")
    assert await pinned(alice, cid) == [ids[1]]
    await alice.do("unpin_message", message_id=ids[1])
    for event in await everyone([alice, bob], "message_unpinned"):
        assert (event["message_id"], event["user_id"]) == (ids[1], "user_1")
    assert await pinned(bob, cid) == []


async def test_pinning_twice_tells_others_once(cluster: Cluster) -> None:
    alice, bob, cid, ids = await with_messages(cluster, 1)
    for device in (alice, bob, alice):
        await device.do("pin_message", message_id=ids[0])
    for device in (bob, alice):
        await device.do("unpin_message", message_id=ids[0])
    await cluster.settle()
    assert [event["user_id"] for event in bob.heard("message_pinned", "message_unpinned")] == ["user_1", "user_2"]
    assert await pinned(alice, cid) == []


async def test_a_deleted_message_is_not_pinned(cluster: Cluster) -> None:
    alice, bob, cid, ids = await with_messages(cluster, 1)
    await bob.do("pin_message", message_id=ids[0])
    await alice.do("delete_message", message_id=ids[0])
    assert await pinned(bob, cid) == []
    assert (await bob.refused("pin_message", message_id=ids[0]))["code"] == "conflict"


async def test_a_conversation_has_only_so_many_pins(cluster: Cluster) -> None:
    alice, _, _, ids = await with_messages(cluster, MAX_PINS + 1)
    for message_id in ids[:MAX_PINS]:
        await alice.do("pin_message", message_id=message_id)
    assert (await alice.refused("pin_message", message_id=ids[-1]))["code"] == "conflict"
    await alice.do("unpin_message", message_id=ids[0])
    await alice.do("pin_message", message_id=ids[-1])


async def test_a_deleted_message_makes_room_for_another_pin(cluster: Cluster) -> None:
    alice, _, cid, ids = await with_messages(cluster, MAX_PINS + 1)
    for message_id in ids[:MAX_PINS]:
        await alice.do("pin_message", message_id=message_id)
    await alice.do("delete_message", message_id=ids[0])
    await alice.do("pin_message", message_id=ids[-1])
    assert ids[-1] in await pinned(alice, cid)


async def listed(device: Device, cid: int) -> list[str]:
    reply = await device.do("pins", conversation_id=cid)
    assert all(message["pinned"] for message in reply["messages"])
    return [message["content"] for message in reply["messages"]]


async def test_what_is_pinned_is_listed_to_those_who_may_see_it_the_last_one_first(cluster: Cluster) -> None:
    owner, other = await cluster.connect("user_1", 0), await cluster.connect("user_2", 1)
    await cluster.connect("user_3")
    cid = await cluster.found(owner, "user_2")
    assert await listed(other, cid) == []
    ids = [(await owner.do("message", conversation_id=cid, content=word))["message_id"] for word in "abcd"]
    for message_id in ids:
        await other.do("pin_message", message_id=message_id)
    await owner.do("unpin_message", message_id=ids[3])
    await owner.do("delete_message", message_id=ids[2])
    assert await listed(other, cid) == await listed(owner, cid) == ["b", "a"]
    await owner.do("add_participants", conversation_id=cid, participants=["user_3"])
    late = await cluster.connect("user_3")
    assert await listed(late, cid) == []
