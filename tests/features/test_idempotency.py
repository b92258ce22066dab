"""A repeated idempotency key stores nothing anew and gets the first reply's facts."""

import asyncio
from typing import Any

from tests.harness import Cluster, Device, Frame

KEY = "key-0001"


def facts(reply: Frame) -> dict[str, Any]:
    """What a repeat has in common with the first reply."""
    return {name: reply[name] for name in ("message_id", "conversation_id", "seq", "created_at")}


async def start(cluster: Cluster) -> tuple[Device, Device, int]:
    """Two people on two nodes, and their conversation."""
    alice, bob = await cluster.connect("user_1", 0), await cluster.connect("user_2", 1)
    return alice, bob, await cluster.found(alice, "user_2")


async def test_a_repeat_gets_the_first_reply(cluster: Cluster) -> None:
    alice, bob, cid = await start(cluster)
    first = await alice.do("message", conversation_id=cid, content="hello", idempotency_key=KEY, temp_id=1)
    await alice.do("message", conversation_id=cid, content="another")
    again = await alice.do("message", conversation_id=cid, content="hello", idempotency_key=KEY, temp_id=2)
    assert (first["duplicate"], again["duplicate"]) == (False, True)
    assert facts(again) == facts(first)
    assert again["temp_id"] == 2
    await cluster.settle()
    assert [frame["content"] for frame in bob.heard("new_message")] == ["hello", "another"]
    assert await cluster.stored("SELECT COUNT(*) FROM messages") == [(2,)]


async def test_a_repeat_on_another_node_gets_the_first_reply(cluster: Cluster) -> None:
    alice, bob, cid = await start(cluster)
    alice_too = await cluster.connect("user_1", 1)
    first = await alice.do("message", conversation_id=cid, content="hello", idempotency_key=KEY)
    again = await alice_too.do("message", conversation_id=cid, content=" hello ", idempotency_key=KEY)
    assert again["duplicate"] is True
    assert facts(again) == facts(first)
    await cluster.settle()
    assert len(bob.heard("new_message")) == 1


async def test_copies_sent_on_both_nodes_at_once_are_stored_once(cluster: Cluster) -> None:
    alice, bob, cid = await start(cluster)
    alice_too = await cluster.connect("user_1", 1)
    for number in range(5):
        fields = {"conversation_id": cid, "content": f"hello {number}", "idempotency_key": f"key-000{number}"}
        one, two = await asyncio.gather(alice.do("message", **fields), alice_too.do("message", **fields))
        assert sorted((one["duplicate"], two["duplicate"])) == [False, True]
        assert facts(one) == facts(two)
    await cluster.settle()
    assert bob.seqs(cid) == [1, 2, 3, 4, 5]


async def test_the_event_and_the_history_carry_the_key(cluster: Cluster) -> None:
    alice, bob, cid = await start(cluster)
    await alice.do("message", conversation_id=cid, content="hello", idempotency_key="clé-👍 x")
    assert (await bob.expect("new_message"))["idempotency_key"] == "clé-👍 x"
    (message,) = (await bob.do("history", conversation_id=cid))["messages"]
    assert message["idempotency_key"] == "clé-👍 x"


async def test_a_key_used_for_another_message_is_a_conflict(cluster: Cluster) -> None:
    alice, bob, cid = await start(cluster)
    first = await alice.do("message", conversation_id=cid, content="hello", idempotency_key=KEY)
    for other in ({"content": "hello!"}, {"content": "hello", "reply_to_id": first["message_id"]}):
        error = await alice.refused("message", conversation_id=cid, idempotency_key=KEY, temp_id="t", **other)
        assert (error["code"], error["field"], error["temp_id"]) == ("conflict", "idempotency_key", "t")
        assert error["retryable"] is False
    await cluster.settle()
    assert len(bob.heard("new_message")) == 1


async def test_a_key_belongs_to_its_sender(cluster: Cluster) -> None:
    alice, bob, cid = await start(cluster)
    mine = await alice.do("message", conversation_id=cid, content="hello", idempotency_key=KEY)
    theirs = await bob.do("message", conversation_id=cid, content="other words", idempotency_key=KEY)
    assert theirs["duplicate"] is False
    assert theirs["message_id"] != mine["message_id"]


async def test_a_key_belongs_to_its_conversation(cluster: Cluster) -> None:
    alice, _, cid = await start(cluster)
    other = await cluster.found(alice, "user_2")
    await alice.do("message", conversation_id=cid, content="hello", idempotency_key=KEY)
    sent = await alice.do("message", conversation_id=other, content="other words", idempotency_key=KEY)
    assert (sent["duplicate"], sent["conversation_id"], sent["seq"]) == (False, other, 1)


async def test_keys_are_compared_byte_for_byte(cluster: Cluster) -> None:
    alice, _, cid = await start(cluster)
    for key in ("key-0001", "key-0001 ", "KEY-0001", "kéy-0001", "ke\u0301y-0001", "key-0001\0", "👍👍", "👎👎"):
        sent = await alice.do("message", conversation_id=cid, content=f"with {key!r}", idempotency_key=key)
        assert sent["duplicate"] is False, key


async def test_a_key_takes_eight_to_sixty_four_bytes(cluster: Cluster) -> None:
    alice, _, cid = await start(cluster)
    for key in ("", "1234567", "x" * 65, "é" * 33, "👍" * 17, "éé7"):
        error = await alice.refused("message", conversation_id=cid, content="x", idempotency_key=key, temp_id=3)
        assert (error["code"], error["field"], error["temp_id"]) == ("invalid_field", "idempotency_key", 3)
    for fits in ("12345678", "x" * 64, "é" * 32, "👍👍"):
        await alice.do("message", conversation_id=cid, content=fits, idempotency_key=fits)


async def test_two_copies_in_one_batch_are_one_message(cluster: Cluster) -> None:
    alice, bob, cid = await start(cluster)
    fields = {"conversation_id": cid, "idempotency_key": KEY}
    with cluster.one_batch():
        asked = [
            alice.send("message", content=content, temp_id=content, **fields)
            for content in ("hello", "hello", "other words", "hello")
        ]
    replies = [await alice.answer(request_id) for request_id in asked]
    assert [reply.get("duplicate") for reply in replies] == [False, True, None, True]
    assert facts(replies[0]) == facts(replies[1]) == facts(replies[3])
    assert replies[2]["code"] == "conflict"
    await cluster.settle()
    assert bob.seqs(cid) == [1]


async def test_a_repeat_among_new_messages_in_one_batch_leaves_no_hole(cluster: Cluster) -> None:
    alice, bob, cid = await start(cluster)
    first = await alice.do("message", conversation_id=cid, content="first", idempotency_key=KEY)
    with cluster.one_batch():
        asked = [
            alice.send("message", conversation_id=cid, content=content, idempotency_key=key)
            for content, key in (
                ("one", "key-0002"),
                ("first", KEY),
                ("two", "key-0003"),
                ("changed", KEY),
                ("three", "key-0004"),
            )
        ]
        asked.append(alice.send("message", conversation_id=cid, content="no key"))
    replies = [await alice.answer(request_id) for request_id in asked]
    assert [reply.get("seq") for reply in replies] == [2, 1, 3, None, 4, 5]
    assert facts(replies[1]) == facts(first)
    assert replies[3]["code"] == "conflict"
    await cluster.settle()
    assert bob.seqs(cid) == [1, 2, 3, 4, 5]
    assert [m["content"] for m in (await bob.do("history", conversation_id=cid))["messages"]] == [
        "first",
        "one",
        "two",
        "three",
        "no key",
    ]


async def test_a_repeat_behind_many_new_messages_leaves_each_of_them_new(cluster: Cluster) -> None:
    """Whatever is refused of an INSERT, nothing of it may stay, however many statements it took."""
    alice, bob, cid = await start(cluster)
    first = await alice.do("message", conversation_id=cid, content="first", idempotency_key=KEY)
    with cluster.one_batch():
        asked = [
            alice.send("message", conversation_id=cid, content=f"{at}", idempotency_key=f"of-many-{at:04}")
            for at in range(100)
        ]
        repeat = alice.send("message", conversation_id=cid, content="first", idempotency_key=KEY)
    replies = [await alice.answer(request_id) for request_id in asked]
    assert {reply["duplicate"] for reply in replies} == {False}
    assert [reply["seq"] for reply in replies] == list(range(2, 102))
    assert facts(await alice.answer(repeat)) == facts(first)
    await cluster.settle()
    assert bob.seqs(cid) == list(range(1, 102))


async def test_a_repeat_after_an_edit_is_still_a_repeat(cluster: Cluster) -> None:
    alice, _, cid = await start(cluster)
    first = await alice.do("message", conversation_id=cid, content="helo", idempotency_key=KEY)
    await alice.do("edit_message", message_id=first["message_id"], content="hello")
    again = await alice.do("message", conversation_id=cid, content="helo", idempotency_key=KEY)
    assert again["duplicate"] is True
    assert facts(again) == facts(first)
    error = await alice.refused("message", conversation_id=cid, content="hello", idempotency_key=KEY)
    assert error["code"] == "conflict"
    (message,) = (await alice.do("history", conversation_id=cid))["messages"]
    assert message["content"] == "hello"


async def test_a_repeat_after_a_delete_brings_nothing_back(cluster: Cluster) -> None:
    alice, _, cid = await start(cluster)
    first = await alice.do("message", conversation_id=cid, content="hello", idempotency_key=KEY)
    await alice.do("delete_message", message_id=first["message_id"])
    again = await alice.do("message", conversation_id=cid, content="hello", idempotency_key=KEY)
    assert again["duplicate"] is True
    assert facts(again) == facts(first)
    (message,) = (await alice.do("history", conversation_id=cid))["messages"]
    assert message["content"] == ""


async def test_a_repeat_by_somebody_who_left_is_not_found(cluster: Cluster) -> None:
    _, bob, cid = await start(cluster)
    await bob.do("message", conversation_id=cid, content="hello", idempotency_key=KEY)
    await bob.do("leave_conversation", conversation_id=cid)
    error = await bob.refused("message", conversation_id=cid, content="hello", idempotency_key=KEY)
    assert error["code"] == "not_found"
