"""Pages of history, in both directions."""

from typing import Any

from tests.harness import Cluster, Device


async def told(device: Device, cid: int, **fields: Any) -> tuple[list[str | None], bool]:
    """The contents of a page, tombstones as None, and whether there is more."""
    page = await device.do("history", conversation_id=cid, **fields)
    assert page["conversation_id"] == cid
    seqs = [message["seq"] for message in page["messages"]]
    assert seqs == sorted(seqs), "oldest first"
    return [None if message["deleted_at"] else message["content"] for message in page["messages"]], page["has_more"]


async def test_history_is_read_in_pages_in_both_directions(cluster: Cluster) -> None:
    alice, bob = await cluster.connect("user_1", 0), await cluster.connect("user_2", 1)
    cid = await cluster.found(alice, "user_2")
    ids = [
        (await (alice, bob)[number % 2].do("message", conversation_id=cid, content=f"{number}"))["message_id"]
        for number in range(7)
    ]
    await alice.do("delete_message", message_id=ids[2])
    await bob.do("edit_message", message_id=ids[5], content="five")
    assert await told(bob, cid) == (["0", "1", None, "3", "4", "five", "6"], False)
    assert await told(bob, cid, limit=3) == (["4", "five", "6"], True)
    assert await told(bob, cid, limit=3, before=ids[4]) == (["1", None, "3"], True)
    assert await told(bob, cid, limit=3, before=ids[3]) == (["0", "1", None], False)
    assert await told(bob, cid, before=ids[0]) == ([], False)
    assert await told(bob, cid, limit=3, after=ids[1]) == ([None, "3", "4"], True)
    assert await told(bob, cid, limit=4, after=ids[2]) == (["3", "4", "five", "6"], False)
    assert await told(bob, cid, after=ids[6]) == ([], False)


async def test_a_page_is_before_or_after_and_not_both(cluster: Cluster) -> None:
    alice = await cluster.connect("user_1")
    cid = await cluster.found(alice, "user_2")
    sent = await alice.do("message", conversation_id=cid, content="x")
    error = await alice.refused("history", conversation_id=cid, before=sent["message_id"], after=sent["message_id"])
    assert error["code"] == "invalid_field"


async def test_a_page_has_one_to_a_hundred_messages(cluster: Cluster) -> None:
    alice = await cluster.connect("user_1")
    cid = await cluster.found(alice, "user_2")
    for number in range(120):
        alice.send("message", conversation_id=cid, content=str(number))
    await cluster.settle()
    for limit in (0, 101, -1):
        error = await alice.refused("history", conversation_id=cid, limit=limit)
        assert (error["code"], error["field"]) == ("invalid_field", "limit")
    assert await told(alice, cid, limit=1) == (["119"], True)
    assert await told(alice, cid, limit=100) == ([str(number) for number in range(20, 120)], True)
    assert await told(alice, cid) == ([str(number) for number in range(70, 120)], True)


async def test_an_empty_conversation_has_an_empty_page(cluster: Cluster) -> None:
    alice = await cluster.connect("user_1")
    cid = await cluster.found(alice, "user_2")
    assert await told(alice, cid) == ([], False)
