"""Creating and listing conversations, and who is in them."""

import asyncio

from tests.harness import Cluster, Device, everyone


async def test_a_new_conversation_comes_to_every_device_of_everyone_in_it(cluster: Cluster) -> None:
    alice, alice_too = await cluster.connect("user_1", 0), await cluster.connect("user_1", 1)
    bob, stranger = await cluster.connect("user_2", 1), await cluster.connect("user_9", 1)
    reply = await alice.do(
        "create_conversation", conversation_type="team", participants=["user_2", "user_1", "user_2"], name="  A team "
    )
    made = reply["conversation"]
    assert (made["name"], made["conversation_type"], made["last_seq"], made["unread"]) == ("A team", "team", 0, 0)
    assert {(who["user_id"], who["role"]) for who in made["participants"]} == {
        ("user_1", "owner"),
        ("user_2", "member"),
    }
    for event in await everyone([alice, alice_too, bob], "conversation_created"):
        assert event["conversation"] == made
    await bob.do("message", conversation_id=made["conversation_id"], content="hello")
    await everyone([alice, alice_too, bob], "new_message")
    await stranger.quiet("conversation_created", "new_message")


async def test_a_direct_conversation_exists_once_whoever_asks(cluster: Cluster) -> None:
    alice, bob = await cluster.connect("user_1", 0), await cluster.connect("user_2", 1)
    ids = set()
    for asker, other in ((alice, "user_2"), (bob, "user_1"), (alice, "user_2")):
        reply = await asker.do("create_conversation", conversation_type="direct", participants=[other])
        ids.add(reply["conversation"]["conversation_id"])
    assert len(ids) == 1
    await cluster.settle()
    assert len(alice.heard("conversation_created")) == len(bob.heard("conversation_created")) == 1


async def test_a_direct_conversation_created_on_both_nodes_at_once_exists_once(cluster: Cluster) -> None:
    alice = await cluster.connect("user_1", 0)
    others = [await cluster.connect(f"mentor_{number}", 1) for number in range(1, 6)]
    replies = await asyncio.gather(
        *(
            asker.do("create_conversation", conversation_type="direct", participants=[other])
            for mentor in others
            for asker, other in ((alice, mentor.user_id), (mentor, "user_1"))
        )
    )
    ids = [reply["conversation"]["conversation_id"] for reply in replies]
    assert ids[::2] == ids[1::2]
    assert len(set(ids)) == 5
    assert await cluster.stored("SELECT COUNT(*) FROM conversations") == [(5,)]
    await cluster.settle()
    assert all(len(mentor.heard("conversation_created")) == 1 for mentor in others)
    for mentor, cid in zip(others, ids[::2], strict=True):
        await alice.do("message", conversation_id=cid, content="hello")
        assert (await mentor.expect("new_message"))["seq"] == 1


async def test_a_direct_conversation_is_with_one_other_person(cluster: Cluster) -> None:
    alice = await cluster.connect("user_1")
    await cluster.introduce("user_2", "user_3")
    for people in (["user_1"], ["user_2", "user_3"]):
        error = await alice.refused("create_conversation", conversation_type="direct", participants=people)
        assert (error["code"], error["field"]) == ("invalid_field", "participants")


async def test_a_conversation_with_somebody_unknown_is_not_made(cluster: Cluster) -> None:
    alice = await cluster.connect("user_1")
    await cluster.introduce("user_2")
    before = await cluster.snapshot()
    error = await alice.refused("create_conversation", conversation_type="team", participants=["user_2", "user_404"])
    assert error["code"] == "not_found"
    assert await cluster.snapshot() == before


async def test_names_of_people_that_are_no_names_are_refused(cluster: Cluster) -> None:
    alice = await cluster.connect("user_1")
    for name in (
        "user",
        "user_0",
        "user_01",
        "_1",
        "user_1 ",
        "user_1\n",
        "user_-1",
        "User_1",
        f"user_{2**53}",
        "x" * 99,
    ):
        error = await alice.refused("create_conversation", conversation_type="team", participants=[name])
        assert error["code"] == "invalid_field", name
        assert error["field"].startswith("participants")


# Names


async def test_a_rename_is_told_to_everyone(cluster: Cluster) -> None:
    alice, bob = await cluster.connect("user_1", 0), await cluster.connect("user_2", 1)
    cid = await cluster.found(alice, "user_2")
    await alice.do("rename_conversation", conversation_id=cid, name=" Another 👍 ")
    event = await bob.expect("conversation_renamed")
    assert (event["name"], event["by"], event["seq"], event["conversation_id"]) == ("Another 👍", "user_1", 1, cid)
    assert (await bob.do("get_conversation", conversation_id=cid))["conversation"]["name"] == "Another 👍"


async def test_a_rename_to_the_same_name_tells_nobody(cluster: Cluster) -> None:
    alice, bob = await cluster.connect("user_1", 0), await cluster.connect("user_2", 1)
    cid = await cluster.found(alice, "user_2", name="A team")
    await alice.do("rename_conversation", conversation_id=cid, name="A team ")
    await bob.quiet()


async def test_a_name_is_needed_and_bounded(cluster: Cluster) -> None:
    alice = await cluster.connect("user_1")
    cid = await cluster.found(alice, "user_2")
    await alice.do("rename_conversation", conversation_id=cid, name="👍" * 200)
    for name in ("", "  ", "\u3000", "x" * 201, "a\0b"):
        error = await alice.refused("rename_conversation", conversation_id=cid, name=name)
        assert (error["code"], error["field"]) == ("invalid_field", "name"), name


async def test_members_change_nothing_about_a_conversation_but_admins_do(cluster: Cluster) -> None:
    alice, bob = await cluster.connect("user_1"), await cluster.connect("user_2", 1)
    admin = await cluster.connect("admin_1", 1)
    cid = await cluster.found(alice, "user_2", "admin_1")
    await cluster.introduce("user_3", "user_4")
    asked = (
        ("rename_conversation", {"name": "Mine"}),
        ("add_participants", {"participants": ["user_3"]}),
        ("remove_participant", {"user_id": "user_1"}),
    )
    before = await cluster.snapshot()
    for verb, fields in asked:
        assert (await bob.refused(verb, conversation_id=cid, **fields))["code"] == "forbidden", verb
    assert await cluster.snapshot() == before
    for verb, fields in asked:
        await admin.do(verb, conversation_id=cid, **fields)


async def test_a_direct_conversation_stays_as_it_is(cluster: Cluster) -> None:
    alice, _ = await cluster.connect("user_1"), await cluster.connect("user_2")
    cid = await cluster.found(alice, "user_2", kind="direct")
    await cluster.introduce("user_3")
    for verb, fields in (
        ("rename_conversation", {"name": "Us"}),
        ("add_participants", {"participants": ["user_3"]}),
        ("remove_participant", {"user_id": "user_2"}),
        ("leave_conversation", {}),
    ):
        assert (await alice.refused(verb, conversation_id=cid, **fields))["code"] == "forbidden", verb


# Coming and going


async def test_people_taken_in_see_what_happens_from_then_on(cluster: Cluster) -> None:
    alice, bob = await cluster.connect("user_1", 0), await cluster.connect("user_2", 1)
    cid = await cluster.found(alice, "user_3")
    await alice.do("message", conversation_id=cid, content="before")
    await alice.do("add_participants", conversation_id=cid, participants=["user_2"])
    joined = await alice.expect("participant_joined")
    assert (joined["user_id"], joined["seq"], joined["by"], joined["role"]) == ("user_2", 2, "user_1", "member")
    created = await bob.expect("conversation_created")
    assert created["seq"] == created["conversation"]["last_seq"] == 2
    assert created["conversation"]["last_message"] is None
    assert {who["user_id"] for who in created["conversation"]["participants"]} == {"user_1", "user_2", "user_3"}
    await alice.do("message", conversation_id=cid, content="after")
    await cluster.settle()
    assert [frame["content"] for frame in bob.durable(cid)] == ["after"]
    assert bob.seqs(cid) == [3]
    page = await bob.do("history", conversation_id=cid)
    assert [message["content"] for message in page["messages"]] == ["after"]


async def test_adding_twice_tells_others_once(cluster: Cluster) -> None:
    alice, bob = await cluster.connect("user_1", 0), await cluster.connect("user_2", 1)
    cid = await cluster.found(alice, "user_2")
    await cluster.introduce("user_3", "user_4", "user_5")
    await alice.do("add_participants", conversation_id=cid, participants=["user_3", "user_4", "user_3"])
    await alice.do("add_participants", conversation_id=cid, participants=["user_4", "user_5", "user_1"])
    await cluster.settle()
    assert [frame["user_id"] for frame in bob.heard("participant_joined")] == ["user_3", "user_4", "user_5"]
    assert bob.seqs(cid) == [1, 2, 3]


async def test_adding_somebody_unknown_adds_nobody(cluster: Cluster) -> None:
    alice = await cluster.connect("user_1")
    cid = await cluster.found(alice, "user_2")
    await cluster.introduce("user_3")
    before = await cluster.snapshot()
    error = await alice.refused("add_participants", conversation_id=cid, participants=["user_3", "user_404"])
    assert (error["code"], error["conversation_id"]) == ("not_found", cid)
    await alice.quiet()
    assert await cluster.snapshot() == before


async def test_a_participant_removed_at_seq_k_receives_nothing_after_k(cluster: Cluster) -> None:
    alice, bob = await cluster.connect("user_1", 0), await cluster.connect("user_2", 1)
    bob_too, carol = await cluster.connect("user_2", 0), await cluster.connect("user_3", 1)
    cid = await cluster.found(alice, "user_2", "user_3")
    await alice.do("message", conversation_id=cid, content="one")
    with cluster.one_batch():
        for verb, fields in (
            ("message", {"content": "two"}),
            ("remove_participant", {"user_id": "user_2"}),
            ("message", {"content": "three"}),
            ("rename_conversation", {"name": "Without Bob"}),
        ):
            alice.send(verb, conversation_id=cid, **fields)
    await cluster.settle()
    await alice.do("message", conversation_id=cid, content="four")
    carol.send("typing_start", conversation_id=cid)
    await cluster.settle()
    for device in (bob, bob_too):
        assert [frame["type"] for frame in device.durable(cid)] == ["new_message", "new_message", "participant_left"]
        left = device.durable(cid)[-1]
        assert (left["user_id"], left["seq"], left["by"]) == ("user_2", 3, "user_1")
        assert not device.heard("user_typing")
    assert carol.seqs(cid) == alice.seqs(cid) == [1, 2, 3, 4, 5, 6]
    assert (await bob.do("conversations"))["conversations"] == []


async def test_removing_somebody_who_is_not_in_it_is_not_found(cluster: Cluster) -> None:
    alice = await cluster.connect("user_1")
    cid = await cluster.found(alice, "user_2")
    await cluster.introduce("user_3")
    for user_id in ("user_3", "user_404"):
        assert (await alice.refused("remove_participant", conversation_id=cid, user_id=user_id))["code"] == "not_found"


async def test_whoever_leaves_hears_that_and_nothing_more(cluster: Cluster) -> None:
    alice, bob = await cluster.connect("user_1", 0), await cluster.connect("user_2", 1)
    cid = await cluster.found(alice, "user_2")
    await bob.do("leave_conversation", conversation_id=cid)
    await alice.do("message", conversation_id=cid, content="gone?")
    left, _ = await everyone([alice, bob], "participant_left")
    assert (left["user_id"], left["by"], left["seq"]) == ("user_2", "user_2", 1)
    await cluster.settle()
    assert bob.seqs(cid) == [1]
    again = await bob.refused("leave_conversation", conversation_id=cid)
    assert again["code"] == "not_found"


async def test_whoever_comes_back_sees_nothing_of_the_time_between(cluster: Cluster) -> None:
    alice, bob = await cluster.connect("user_1", 0), await cluster.connect("user_2", 1)
    cid = await cluster.found(alice, "user_2")
    await alice.do("message", conversation_id=cid, content="before")
    await bob.do("leave_conversation", conversation_id=cid)
    await alice.do("message", conversation_id=cid, content="between")
    await alice.do("add_participants", conversation_id=cid, participants=["user_2"])
    await alice.do("message", conversation_id=cid, content="after")
    await cluster.settle()
    assert bob.seqs(cid) == [1, 2, 5]
    assert [frame["seq"] for frame in bob.heard("conversation_created")] == [0, 4]
    page = await bob.do("history", conversation_id=cid)
    assert [message["content"] for message in page["messages"]] == ["after"]
    await bob.do("message", conversation_id=cid, content="back")
    assert (await alice.expect("new_message", content="back"))["seq"] == 6


async def test_leaving_and_coming_back_in_one_batch_loses_nothing_afterwards(cluster: Cluster) -> None:
    alice, bob = await cluster.connect("user_1", 0), await cluster.connect("user_2", 1)
    cid = await cluster.found(alice, "user_2")
    with cluster.one_batch():
        alice.send("message", conversation_id=cid, content="one")
        alice.send("remove_participant", conversation_id=cid, user_id="user_2")
        alice.send("message", conversation_id=cid, content="between")
        alice.send("add_participants", conversation_id=cid, participants=["user_2"])
        alice.send("message", conversation_id=cid, content="after")
    await cluster.settle()
    await alice.do("message", conversation_id=cid, content="and on")
    await cluster.settle()
    assert alice.seqs(cid) == [1, 2, 3, 4, 5, 6]
    assert bob.seqs(cid) == [1, 2, 5, 6]


# Broadcasts


async def test_only_its_owners_and_admins_post_to_a_broadcast(cluster: Cluster) -> None:
    alice, bob = await cluster.connect("user_1", 0), await cluster.connect("user_2", 1)
    admin = await cluster.connect("admin_1", 1)
    cid = await cluster.found(alice, "user_2", "admin_1", kind="broadcast")
    error = await bob.refused("message", conversation_id=cid, content="me too", temp_id=4)
    assert (error["code"], error["temp_id"]) == ("forbidden", 4)
    await alice.do("message", conversation_id=cid, content="news")
    await admin.do("message", conversation_id=cid, content="more news")
    await cluster.settle()
    assert [frame["content"] for frame in bob.durable(cid)] == ["news", "more news"]


# Listing


async def listed(device: Device, **fields: int) -> list[int]:
    """The ids of a page of somebody's conversations."""
    return [each["conversation_id"] for each in (await device.do("conversations", **fields))["conversations"]]


async def test_conversations_come_latest_active_first_in_pages(cluster: Cluster) -> None:
    alice, bob = await cluster.connect("user_1"), await cluster.connect("user_2", 1)
    ids = [await cluster.found(alice, "user_2", name=f"No. {number}") for number in range(5)]
    await bob.do("message", conversation_id=ids[1], content="up")
    assert (await listed(alice))[0] == ids[1]
    everything = await listed(alice)
    assert sorted(everything) == ids
    pages = []
    before: dict[str, int] = {}
    while True:
        reply = await alice.do("conversations", limit=2, **before)
        page = [each["conversation_id"] for each in reply["conversations"]]
        pages.append(page)
        before = {"before": page[-1]}
        if not reply["has_more"]:
            break
    assert [len(page) for page in pages] == [2, 2, 1]
    assert [cid for page in pages for cid in page] == everything


async def test_a_conversation_shows_its_last_message_and_what_is_unread(cluster: Cluster) -> None:
    alice, bob = await cluster.connect("user_1"), await cluster.connect("user_2", 1)
    cid = await cluster.found(alice, "user_2")
    for text in ("one", "two", "three"):
        last = await alice.do("message", conversation_id=cid, content=text)
    (seen,) = (await bob.do("conversations"))["conversations"]
    assert (seen["unread"], seen["last_seq"], seen["last_message"]["content"]) == (3, 3, "three")
    await alice.do("delete_message", message_id=last["message_id"])
    (seen,) = (await bob.do("conversations"))["conversations"]
    assert (seen["unread"], seen["last_seq"]) == (2, 4)
    assert seen["last_message"]["deleted_at"] is not None
    (own,) = (await alice.do("conversations"))["conversations"]
    assert own["unread"] == 0


async def test_a_page_before_a_conversation_of_others_is_not_found(cluster: Cluster) -> None:
    alice, bob = await cluster.connect("user_1"), await cluster.connect("user_2", 1)
    cid = await cluster.found(alice, "user_3")
    errors = [await bob.refused("conversations", before=number, request_id="r") for number in (cid, 2**53 - 1)]
    assert errors[0] == errors[1]
    assert errors[0]["code"] == "not_found"


async def test_a_conversation_has_no_participant_more_than_it_may(cluster: Cluster) -> None:
    alice = await cluster.connect("user_1")
    everyone = [f"user_{number}" for number in range(2, 2002)]
    error = await alice.refused("create_conversation", conversation_type="team", participants=everyone)
    assert error["code"] == "conflict"
