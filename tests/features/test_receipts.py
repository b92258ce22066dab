"""Each reader's cursor, which never goes back."""

import asyncio

from tests.harness import Cluster, Device, everyone


async def three_messages(cluster: Cluster) -> tuple[Device, Device, int, list[int]]:
    """Two people, and three messages that the second one has not read."""
    alice, bob = await cluster.connect("user_1", 0), await cluster.connect("user_2", 1)
    cid = await cluster.found(alice, "user_2")
    ids = [(await alice.do("message", conversation_id=cid, content=f"{n}"))["message_id"] for n in range(3)]
    await cluster.settle()
    alice.take()
    bob.take()
    return alice, bob, cid, ids


async def cursor(device: Device, cid: int) -> tuple[int | None, int]:
    """Up to where somebody has read, and how many they have not."""
    seen = (await device.do("get_conversation", conversation_id=cid))["conversation"]
    return seen["last_read_message_id"], seen["unread"]


async def test_reading_moves_the_cursor_and_tells_everyone(cluster: Cluster) -> None:
    alice, bob, cid, ids = await three_messages(cluster)
    bob_too = await cluster.connect("user_2", 0)
    assert await cursor(bob, cid) == (None, 3)
    await bob.do("mark_read", conversation_id=cid, message_id=ids[1])
    for event in await everyone([alice, bob, bob_too], "message_read"):
        assert (event["conversation_id"], event["user_id"], event["message_id"]) == (cid, "user_2", ids[1])
        assert (event["participant_type"], event["participant_id"]) == ("user", 2)
    assert await cursor(bob, cid) == (ids[1], 1)
    (head,) = (await cluster.connect("user_2")).heard("auth_success")[0]["heads"]
    assert (head["last_read_message_id"], head["unread"], head["last_seq"]) == (ids[1], 1, 3)


async def test_the_cursor_never_goes_back(cluster: Cluster) -> None:
    alice, bob, cid, ids = await three_messages(cluster)
    for at in (2, 0, 1, 2):
        await bob.do("mark_read", conversation_id=cid, message_id=ids[at])
    assert await cursor(bob, cid) == (ids[2], 0)
    await cluster.settle()
    assert [frame["message_id"] for frame in alice.heard("message_read")] == [ids[2]]


async def test_of_cursors_moved_on_both_nodes_at_once_the_furthest_counts(cluster: Cluster) -> None:
    _, bob, cid, ids = await three_messages(cluster)
    bob_too = await cluster.connect("user_2", 0)
    await asyncio.gather(
        *(device.do("mark_read", conversation_id=cid, message_id=ids[at]) for device, at in ((bob, 2), (bob_too, 0)))
    )
    assert await cursor(bob, cid) == (ids[2], 0)


async def test_several_steps_of_a_cursor_in_one_batch_end_at_the_furthest(cluster: Cluster) -> None:
    _, bob, cid, ids = await three_messages(cluster)
    with cluster.one_batch(1):
        for at in (1, 2, 0):
            bob.send("mark_read", conversation_id=cid, message_id=ids[at])
    await cluster.settle()
    assert await cursor(bob, cid) == (ids[2], 0)
    steps = await cluster.stored("SELECT message_id FROM message_read_receipts ORDER BY seq")
    assert steps == [(ids[1],), (ids[2],)]


async def test_a_message_beyond_the_last_one_means_the_last_one(cluster: Cluster) -> None:
    alice, bob, cid, ids = await three_messages(cluster)
    await bob.do("mark_read", conversation_id=cid, message_id=2**53 - 1)
    assert (await alice.expect("message_read"))["message_id"] == ids[2]
    assert await cursor(bob, cid) == (ids[2], 0)
    await alice.do("message", conversation_id=cid, content="more")
    assert await cursor(bob, cid) == (ids[2], 1)


async def test_reading_nothing_is_not_found(cluster: Cluster) -> None:
    alice = await cluster.connect("user_1")
    cid = await cluster.found(alice, "user_2")
    assert (await alice.refused("mark_read", conversation_id=cid, message_id=1))["code"] == "not_found"


async def test_ones_own_messages_are_never_unread(cluster: Cluster) -> None:
    alice, bob, cid, ids = await three_messages(cluster)
    await bob.do("message", conversation_id=cid, content="mine")
    assert await cursor(alice, cid) == (None, 1)
    assert await cursor(bob, cid) == (None, 3)
    await alice.do("mark_read", conversation_id=cid, message_id=ids[0])
    assert await cursor(alice, cid) == (ids[0], 1)


async def test_who_keeps_something_private_can_see_that_they_do(cluster: Cluster) -> None:
    bob = await cluster.connect("user_2")
    settings = await bob.do("settings")
    assert (settings["read_receipts"], settings["appears_offline"]) == (True, False)
    await bob.do("update_settings", read_receipts=False)
    await bob.do("set_status", status="offline")
    settings = await (await cluster.connect("user_2", 1)).do("settings")
    assert (settings["read_receipts"], settings["appears_offline"]) == (False, True)
