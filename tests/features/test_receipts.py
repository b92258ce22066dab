"""Each reader's cursor, which never goes back."""

import asyncio

import pytest

from bihak.features import audience
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


async def test_of_many_who_read_in_one_batch_each_has_their_own_answer_and_their_own_privacy(cluster: Cluster) -> None:
    alice = await cluster.connect("user_1", 0)
    bob, carol, dave = [await cluster.connect(f"user_{number}", 1) for number in (2, 3, 4)]
    cid = await cluster.found(alice, "user_2", "user_3")
    ids = [(await alice.do("message", conversation_id=cid, content=f"{n}"))["message_id"] for n in range(3)]
    await bob.do("update_settings", read_receipts=False)
    await cluster.settle()
    with cluster.one_batch(1):
        steps = ((bob, 1), (carol, 0), (carol, 2), (dave, 2))
        asked = [(who, who.send("mark_read", conversation_id=cid, message_id=ids[at])) for who, at in steps]
    answers = [await who.answer(request_id) for who, request_id in asked]
    assert [answer.get("code", answer["type"]) for answer in answers] == ["ok", "ok", "ok", "not_found"]
    await cluster.settle()
    assert [(heard["user_id"], heard["message_id"]) for heard in alice.heard("message_read")] == [
        ("user_3", ids[0]),
        ("user_3", ids[2]),
    ]
    assert [heard["message_id"] for heard in bob.heard("message_read") if heard["user_id"] == "user_2"] == [ids[1]]
    kept = "SELECT participant_id, message_id, is_private FROM message_read_receipts ORDER BY participant_id, seq"
    assert await cluster.stored(kept) == [(2, ids[1], 1), (3, ids[0], 0), (3, ids[2], 0)]
    members = (await alice.do("get_conversation", conversation_id=cid))["conversation"]["participants"]
    assert {who["user_id"]: who["last_read_message_id"] for who in members} == {
        "user_1": None,
        "user_2": None,
        "user_3": ids[2],
    }
    assert (await cursor(bob, cid), await cursor(carol, cid)) == ((ids[1], 1), (ids[2], 0))


@pytest.mark.parametrize("reads_first", [True, False])
async def test_what_is_said_in_the_same_batch_can_be_read_in_it(cluster: Cluster, reads_first: bool) -> None:
    """Whoever marks all as read, whatever its id, has read what was stored before their request was served."""
    alice, bob, cid, ids = await three_messages(cluster)
    carol = await cluster.connect("user_1", 1)
    with cluster.one_batch(1):
        for reads in (reads_first, not reads_first):
            if reads:
                read = bob.send("mark_read", conversation_id=cid, message_id=2**53 - 1)
            else:
                said = carol.send("message", conversation_id=cid, content="now")
    last = (await carol.answer(said))["message_id"]
    assert (await bob.answer(read))["type"] == "ok"
    await cluster.settle()
    assert await cursor(bob, cid) == ((ids[2], 1) if reads_first else (last, 0))
    assert alice.seqs(cid) == bob.seqs(cid)


async def test_whoever_leaves_or_hides_in_the_same_batch_is_read_no_further_or_in_private(cluster: Cluster) -> None:
    alice, bob, cid, ids = await three_messages(cluster)
    with cluster.one_batch(1):
        bob.send("update_settings", read_receipts=False)
        bob.send("mark_read", conversation_id=cid, message_id=ids[0])
        bob.send("leave_conversation", conversation_id=cid)
        late = bob.send("mark_read", conversation_id=cid, message_id=ids[2])
    assert (await bob.answer(late))["code"] == "not_found"
    await alice.quiet("message_read")
    assert await cluster.stored("SELECT message_id, is_private FROM message_read_receipts") == [(ids[0], 1)]
    assert await cluster.stored("SELECT COUNT(*) FROM conversation_participants WHERE left_seq IS NULL") == [(1,)]


async def test_what_was_read_openly_stays_shown_when_more_is_read_in_private(cluster: Cluster) -> None:
    alice, bob, cid, ids = await three_messages(cluster)
    await bob.do("mark_read", conversation_id=cid, message_id=ids[0])
    await bob.do("update_settings", read_receipts=False)
    await bob.do("mark_read", conversation_id=cid, message_id=ids[2])
    await bob.do("update_settings", read_receipts=True)
    members = (await alice.do("get_conversation", conversation_id=cid))["conversation"]["participants"]
    assert {who["user_id"]: who["last_read_message_id"] for who in members}["user_2"] == ids[0]
    assert await cursor(bob, cid) == (ids[2], 0)


async def test_a_message_beyond_the_last_one_means_the_last_one(cluster: Cluster) -> None:
    alice, bob, cid, ids = await three_messages(cluster)
    await bob.do("mark_read", conversation_id=cid, message_id=2**53 - 1)
    assert (await alice.expect("message_read"))["message_id"] == ids[2]
    assert await cursor(bob, cid) == (ids[2], 0)
    await alice.do("message", conversation_id=cid, content="more")
    assert await cursor(bob, cid) == (ids[2], 1)


async def test_where_there_is_nothing_to_read_reading_changes_nothing(cluster: Cluster) -> None:
    alice, bob = await cluster.connect("user_1"), await cluster.connect("user_2", 1)
    cid = await cluster.found(alice, "user_2")
    await alice.do("mark_read", conversation_id=cid, message_id=1)
    await bob.quiet("message_read")
    assert await cursor(alice, cid) == (None, 0)


async def test_a_message_that_is_not_in_the_conversation_is_not_read(cluster: Cluster) -> None:
    alice, bob, cid, ids = await three_messages(cluster)
    other = await cluster.found(alice, "user_2")
    last = (await alice.do("message", conversation_id=other, content="elsewhere"))["message_id"]
    await bob.do("mark_read", conversation_id=cid, message_id=last)  # past the last one here
    assert await cursor(bob, cid) == (ids[2], 0)
    error = await bob.refused("mark_read", conversation_id=other, message_id=ids[0])
    assert error["code"] == "not_found"


async def test_ones_own_messages_are_never_unread(cluster: Cluster) -> None:
    alice, bob, cid, ids = await three_messages(cluster)
    await bob.do("message", conversation_id=cid, content="mine")
    assert await cursor(alice, cid) == (None, 1)
    assert await cursor(bob, cid) == (None, 3)
    await alice.do("mark_read", conversation_id=cid, message_id=ids[0])
    assert await cursor(alice, cid) == (ids[0], 1)


async def who_read(device: Device, message_id: int) -> list[tuple[str, int]]:
    """Those who have read a message, each with the message up to which they had then read."""
    receipts = (await device.do("receipts", message_id=message_id))["receipts"]
    assert all(receipt["read_at"].endswith("Z") for receipt in receipts)
    return [(receipt["user_id"], receipt["message_id"]) for receipt in receipts]


async def test_who_read_a_message_is_told_by_the_first_step_that_covers_it(cluster: Cluster) -> None:
    alice, bob, cid, ids = await three_messages(cluster)
    for message_id in (ids[1], ids[2]):
        await bob.do("mark_read", conversation_id=cid, message_id=message_id)
    assert await who_read(alice, ids[0]) == [("user_2", ids[1])]
    assert await who_read(alice, ids[1]) == [("user_2", ids[1])]
    assert await who_read(bob, ids[2]) == [("user_2", ids[2])]
    await alice.do("mark_read", conversation_id=cid, message_id=ids[2])
    assert await who_read(bob, ids[2]) == [("user_2", ids[2])], "its sender is not among its readers"


async def test_whoever_keeps_reads_private_is_told_of_only_on_their_own_devices(cluster: Cluster) -> None:
    alice, bob, cid, ids = await three_messages(cluster)
    bob_too = await cluster.connect("user_2", 0)
    await bob.do("update_settings", read_receipts=False)
    await bob.do("mark_read", conversation_id=cid, message_id=ids[1])
    assert (await bob_too.expect("message_read"))["message_id"] == ids[1]
    await alice.quiet("message_read")
    assert await who_read(alice, ids[0]) == []
    shown = (await alice.do("get_conversation", conversation_id=cid))["conversation"]["participants"]
    assert {who["user_id"]: who["last_read_message_id"] for who in shown}["user_2"] is None
    await bob.do("update_settings", read_receipts=True)
    assert await who_read(alice, ids[0]) == [], "what was read in private stays so"
    shown = (await alice.do("get_conversation", conversation_id=cid))["conversation"]["participants"]
    assert {who["user_id"]: who["last_read_message_id"] for who in shown}["user_2"] is None
    await bob.do("mark_read", conversation_id=cid, message_id=ids[2])
    assert (await alice.expect("message_read"))["message_id"] == ids[2]
    assert await who_read(alice, ids[0]) == [("user_2", ids[2])]


async def test_in_a_large_conversation_only_ones_own_devices_hear_what_one_reads(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audience, "MOST_TOLD", 2)
    alice, bob, small, small_ids = await three_messages(cluster)
    bobs_other = await cluster.connect("user_2", 0)
    large = await cluster.found(alice, "user_2", "user_3")
    message_id = (await alice.do("message", conversation_id=large, content="all of you"))["message_id"]
    await cluster.settle()
    with cluster.one_batch(1):
        bob.send("mark_read", conversation_id=large, message_id=message_id)
        bob.send("mark_read", conversation_id=small, message_id=small_ids[0])
    await cluster.settle()
    assert [heard["conversation_id"] for heard in alice.heard("message_read")] == [small]
    for device in (bob, bobs_other):
        assert {heard["conversation_id"] for heard in device.heard("message_read")} == {large, small}
    (receipt,) = (await alice.do("receipts", message_id=message_id))["receipts"]
    assert receipt["user_id"] == "user_2", "whoever asks is told"
    members = (await alice.do("get_conversation", conversation_id=large))["conversation"]["participants"]
    assert message_id in [each["last_read_message_id"] for each in members if each["user_id"] == "user_2"]


async def test_whoever_came_after_a_message_has_not_read_it(cluster: Cluster) -> None:
    alice, _, cid, ids = await three_messages(cluster)
    carol = await cluster.connect("user_3", 1)
    await cluster.introduce("user_3")
    await alice.do("add_participants", conversation_id=cid, participants=["user_3"])
    later = (await alice.do("message", conversation_id=cid, content="welcome"))["message_id"]
    assert (await carol.refused("mark_read", conversation_id=cid, message_id=ids[2]))["code"] == "not_found"
    await carol.do("mark_read", conversation_id=cid, message_id=later)
    assert await who_read(alice, later) == [("user_3", later)]
    assert await who_read(alice, ids[2]) == []


async def test_unread_counts_are_right_after_sends_reads_deletes_and_joins(cluster: Cluster) -> None:
    alice, bob, cid, ids = await three_messages(cluster)
    other = await cluster.found(alice, "user_2", "user_3")
    await alice.do("message", conversation_id=other, content="elsewhere")
    carol = await cluster.connect("user_3", 1)

    async def unread(device: Device) -> dict[int, int]:
        told = await device.do("unread")
        counts = {each["conversation_id"]: each["unread"] for each in told["conversations"]}
        assert told["unread"] == sum(counts.values())
        listed = (await device.do("conversations"))["conversations"]
        assert {page["conversation_id"]: page["unread"] for page in listed if page["unread"]} == counts
        return counts

    assert await unread(bob) == {cid: 3, other: 1}
    await alice.do("delete_message", message_id=ids[0])
    assert await unread(bob) == {cid: 2, other: 1}
    bob_too = await cluster.connect("user_2", 0)
    await bob_too.do("mark_read", conversation_id=cid, message_id=ids[1])
    assert await unread(bob) == {cid: 1, other: 1}
    await alice.do("delete_message", message_id=ids[1])
    assert await unread(bob) == {cid: 1, other: 1}, "a message that was read and then deleted counts for nothing"
    await alice.do("add_participants", conversation_id=cid, participants=["user_3"])
    assert await unread(carol) == {other: 1}, "what was said before one came is not unread"
    await bob.do("message", conversation_id=cid, content="welcome")
    assert await unread(carol) == {cid: 1, other: 1}
    await carol.do("leave_conversation", conversation_id=cid)
    assert await unread(carol) == {other: 1}
    assert await unread(alice) == {cid: 1}


async def test_who_keeps_something_private_can_see_that_they_do(cluster: Cluster) -> None:
    bob = await cluster.connect("user_2")
    settings = await bob.do("settings")
    assert (settings["read_receipts"], settings["appears_offline"]) == (True, False)
    await bob.do("update_settings", read_receipts=False)
    await bob.do("set_status", status="offline")
    settings = await (await cluster.connect("user_2", 1)).do("settings")
    assert (settings["read_receipts"], settings["appears_offline"]) == (False, True)
