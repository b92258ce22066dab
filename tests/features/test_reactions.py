"""Reactions: any one emoji, one of each per person, compared byte for byte."""

from typing import Any

from bihak.features.reactions import MAX_KINDS
from tests.harness import Cluster, Device, everyone


async def one_message(cluster: Cluster) -> tuple[Device, Device, int]:
    """Two people on two nodes, and a message's id."""
    alice, bob = await cluster.connect("user_1", 0), await cluster.connect("user_2", 1)
    cid = await cluster.found(alice, "user_2")
    sent = await alice.do("message", conversation_id=cid, content="Good news")
    await cluster.settle()
    return alice, bob, int(sent["message_id"])


async def reactions(device: Device, message_id: int) -> list[dict[str, Any]]:
    """As a message object shows them."""
    cid = next(iter(device.session.conversations))
    page = (await device.do("history", conversation_id=cid))["messages"]
    return next(message["reactions"] for message in page if message["message_id"] == message_id)


async def test_a_reaction_is_told_to_everyone_and_shown_with_its_message(cluster: Cluster) -> None:
    alice, bob, message_id = await one_message(cluster)
    await bob.do("add_reaction", message_id=message_id, emoji="👍")
    for event in await everyone([alice, bob], "reaction_added"):
        assert (event["message_id"], event["emoji"], event["user_id"]) == (message_id, "👍", "user_2")
    await alice.do("add_reaction", message_id=message_id, emoji="👍")
    await alice.do("add_reaction", message_id=message_id, emoji="🎉")
    assert await reactions(bob, message_id) == [
        {"emoji": "👍", "user_ids": ["user_2", "user_1"]},
        {"emoji": "🎉", "user_ids": ["user_1"]},
    ]


async def test_reacting_twice_tells_others_once(cluster: Cluster) -> None:
    alice, bob, message_id = await one_message(cluster)
    for _ in range(2):
        await bob.do("add_reaction", message_id=message_id, emoji="👍")
    await cluster.settle()
    assert len(alice.heard("reaction_added")) == 1
    for _ in range(2):
        await bob.do("remove_reaction", message_id=message_id, emoji="👍")
    await cluster.settle()
    assert len(alice.heard("reaction_removed")) == 1
    assert await reactions(alice, message_id) == []


async def test_only_ones_own_reaction_is_taken_back(cluster: Cluster) -> None:
    alice, bob, message_id = await one_message(cluster)
    await bob.do("add_reaction", message_id=message_id, emoji="👍")
    await alice.do("remove_reaction", message_id=message_id, emoji="👍")
    assert await reactions(alice, message_id) == [{"emoji": "👍", "user_ids": ["user_2"]}]
    await alice.do("add_reaction", message_id=message_id, emoji="👍")
    await bob.do("remove_reaction", message_id=message_id, emoji="👍")
    assert await reactions(alice, message_id) == [{"emoji": "👍", "user_ids": ["user_1"]}]


async def test_emoji_that_a_collation_calls_equal_are_different(cluster: Cluster) -> None:
    alice, _, message_id = await one_message(cluster)
    different = ["👍", "👍🏽", "👎", "❤", "❤️", "🇷🇼", "🇫🇷", "👩‍🚀", "👨‍👩‍👧‍👦", "1️⃣", "🏴󠁧󠁢󠁥󠁮󠁧󠁿"]
    for emoji in different:
        await alice.do("add_reaction", message_id=message_id, emoji=emoji)
    assert sorted(shown["emoji"] for shown in await reactions(alice, message_id)) == sorted(different)


async def test_what_is_not_one_emoji_is_refused(cluster: Cluster) -> None:
    alice, _, message_id = await one_message(cluster)
    for text in ("", " ", "a", "1", "#", "👍👎", "👍 ", "ok👍", "🇷", "\u200d", "\ufe0f", "<b>", "👍" * 40, "\x00"):
        error = await alice.refused("add_reaction", message_id=message_id, emoji=text)
        assert (text, error["code"], error["field"]) == (text, "invalid_field", "emoji")


async def test_a_message_has_only_so_many_kinds_of_reactions(cluster: Cluster) -> None:
    alice, bob, message_id = await one_message(cluster)
    kinds = [chr(0x1F600 + number) for number in range(MAX_KINDS)]
    for emoji in kinds:
        await alice.do("add_reaction", message_id=message_id, emoji=emoji)
    assert (await bob.refused("add_reaction", message_id=message_id, emoji="👍"))["code"] == "conflict"
    await bob.do("add_reaction", message_id=message_id, emoji=kinds[0])  # one that is there is open to all
    assert len(await reactions(bob, message_id)) == MAX_KINDS


async def test_a_deleted_message_has_no_reactions_and_takes_none(cluster: Cluster) -> None:
    alice, bob, message_id = await one_message(cluster)
    await bob.do("add_reaction", message_id=message_id, emoji="👍")
    await alice.do("delete_message", message_id=message_id)
    assert await reactions(bob, message_id) == []
    assert (await bob.refused("add_reaction", message_id=message_id, emoji="👍"))["code"] == "conflict"


async def test_a_reaction_that_went_with_its_message_is_not_taken_back(cluster: Cluster) -> None:
    alice, bob, message_id = await one_message(cluster)
    await bob.do("add_reaction", message_id=message_id, emoji="👍")
    await alice.do("delete_message", message_id=message_id)
    await bob.do("remove_reaction", message_id=message_id, emoji="👍")
    await alice.quiet("reaction_removed")


async def test_reactions_of_one_moment_keep_the_order_of_their_events(cluster: Cluster) -> None:
    alice, bob, message_id = await one_message(cluster)
    with cluster.one_batch():
        for emoji in ("🎉", "👍", "❤️", "😀"):
            alice.send("add_reaction", message_id=message_id, emoji=emoji)
    await cluster.settle()
    told = [event["emoji"] for event in bob.heard("reaction_added")]
    assert told == ["🎉", "👍", "❤️", "😀"]
    assert [shown["emoji"] for shown in await reactions(alice, message_id)] == told


async def test_the_same_reaction_on_both_nodes_at_once_is_one(cluster: Cluster) -> None:
    alice, bob, message_id = await one_message(cluster)
    bob_too = await cluster.connect("user_2", 0)
    asked = [(device, device.send("add_reaction", message_id=message_id, emoji="👍")) for device in (bob, bob_too)]
    assert [(await device.answer(request))["type"] for device, request in asked] == ["ok", "ok"]
    await cluster.settle()
    assert len(alice.heard("reaction_added")) == 1
    assert await reactions(alice, message_id) == [{"emoji": "👍", "user_ids": ["user_2"]}]


async def test_of_many_reactions_in_one_batch_each_has_its_own_answer(cluster: Cluster) -> None:
    alice, bob, message_id = await one_message(cluster)
    carol = await cluster.connect("user_3", 1)
    cid = next(iter(alice.session.conversations))
    gone = (await alice.do("message", conversation_id=cid, content="a mistake"))["message_id"]
    await alice.do("delete_message", message_id=gone)
    await bob.do("add_reaction", message_id=message_id, emoji="❤")
    alice_knew = len(alice.heard("reaction_added"))
    asked = (
        (bob, "add_reaction", message_id, "👍"),
        (bob, "add_reaction", message_id, "👍"),
        (bob, "add_reaction", gone, "👍"),
        (bob, "add_reaction", message_id, "no"),
        (carol, "add_reaction", message_id, "👍"),
        (bob, "remove_reaction", message_id, "👍"),
        (bob, "remove_reaction", message_id, "👍"),
        (bob, "remove_reaction", message_id, "🎉"),
        (bob, "add_reaction", message_id, "🎉"),
        (carol, "remove_reaction", message_id, "👍"),
    )
    with cluster.one_batch(1):
        sent = [(who, who.send(name, message_id=of, emoji=emoji)) for who, name, of, emoji in asked]
    answers = [await who.answer(request_id) for who, request_id in sent]
    assert [answer.get("code", answer["type"]) for answer in answers] == [
        *("ok", "ok", "conflict", "invalid_field", "not_found", "ok", "ok", "ok", "ok", "not_found"),
    ]
    await cluster.settle()
    told = [(event["type"], event["emoji"]) for event in alice.heard("reaction_added", "reaction_removed")]
    assert told[alice_knew:] == [("reaction_added", "👍"), ("reaction_removed", "👍"), ("reaction_added", "🎉")]
    assert await reactions(alice, message_id) == [
        {"emoji": "❤", "user_ids": ["user_2"]},
        {"emoji": "🎉", "user_ids": ["user_2"]},
    ]


async def test_in_one_batch_too_a_message_has_only_so_many_kinds(cluster: Cluster) -> None:
    alice, bob, message_id = await one_message(cluster)
    emoji = [chr(0x1F400 + number) for number in range(MAX_KINDS + 1)]
    with cluster.one_batch(1):
        sent = [bob.send("add_reaction", message_id=message_id, emoji=each) for each in emoji]
    answers = [await bob.answer(request_id) for request_id in sent]
    assert [answer.get("code", "ok") for answer in answers] == ["ok"] * MAX_KINDS + ["conflict"]
    await cluster.settle()
    assert [each["emoji"] for each in await reactions(alice, message_id)] == emoji[:MAX_KINDS]
