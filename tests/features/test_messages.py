"""Sending, editing and deleting: stored once, in order, the same for everyone."""

import asyncio
from typing import Any

from tests.harness import Cluster, everyone

# Emoji, combining, right to left, four bytes, zero width, control, markup.
TEXTS = [
    "👍🏽👩‍👩‍👧‍👦🇷🇼🎉",
    "e\u0301 n\u0303 a\u030a\u0323 ạ̊ \u1e69 s\u0323\u0307",
    "مرحبا \u202eשלום\u202c \u200fabc",  # noqa: RUF001
    "𝄞𐍈𠜎\U0010ffff",
    "a\u200bb\u200dc\ufeffd",
    "tab\there\nline\r\nline\x01\x7f\x1b[0m",
    "<script>alert('1')</script> \"quoted\" \\ back `tick` %s ? :name {x}",
    "NaN",
]


async def test_a_message_comes_to_every_device_on_every_node(cluster: Cluster) -> None:
    alice, alice_too = await cluster.connect("user_1", 0), await cluster.connect("user_1", 1)
    bob = await cluster.connect("user_2", 1)
    cid = await cluster.found(alice, "user_2")
    sent = await alice.do("message", conversation_id=cid, content="hello", temp_id=7)
    for device in (alice, alice_too, bob):
        event = await device.expect("new_message")
        assert event["content"] == "hello"
        assert event["seq"] == sent["seq"] == 1
        assert event["message_id"] == sent["message_id"]
    assert sent["temp_id"] == 7
    assert sent["duplicate"] is False
    await alice.quiet()
    await bob.quiet()


async def test_the_event_is_the_same_bytes_for_everyone(cluster: Cluster) -> None:
    alice, bob = await cluster.connect("user_1", 0), await cluster.connect("user_2", 1)
    cid = await cluster.found(alice, "user_2")
    await alice.do("message", conversation_id=cid, content="hello")
    await everyone([alice, bob], "new_message")
    (mine,) = [body for body in alice.bodies if b'"new_message"' in body]
    (theirs,) = [body for body in bob.bodies if b'"new_message"' in body]
    assert mine == theirs


async def test_the_event_has_the_fields_of_the_first_protocol(cluster: Cluster) -> None:
    alice = await cluster.connect("user_1")
    cid = await cluster.found(alice, "user_2")
    sent = await alice.do("message", conversation_id=cid, content="hello")
    event = await alice.expect("new_message")
    assert event == {
        "type": "new_message",
        "conversation_id": cid,
        "seq": 1,
        "message_id": sent["message_id"],
        "sender_type": "user",
        "sender_id": 1,
        "sender_name": "user_1",
        "content": "hello",
        "created_at": sent["created_at"],
    }


async def test_a_temp_id_of_any_kind_is_echoed(cluster: Cluster) -> None:
    alice = await cluster.connect("user_1")
    cid = await cluster.found(alice, "user_2")
    temp_ids: list[Any] = ["x", "", "é👍", 0, -1, 2**53 - 1, 1.5, True, False, None]
    for temp_id in temp_ids:
        sent = await alice.do("message", conversation_id=cid, content="hello", temp_id=temp_id)
        assert (sent["temp_id"], type(sent["temp_id"])) == (temp_id, type(temp_id))
        error = await alice.refused("message", conversation_id=cid, content="", temp_id=temp_id)
        assert (error.get("temp_id"), type(error.get("temp_id"))) == (temp_id, type(temp_id))


async def test_messages_sent_on_both_nodes_at_once_have_one_dense_order(cluster: Cluster) -> None:
    people = [await cluster.connect(f"user_{number}", number % 2) for number in (1, 2, 3, 4)]
    cid = await cluster.found(people[0], "user_2", "user_3", "user_4")
    for round_ in range(5):
        for person in people:
            person.send("message", conversation_id=cid, content=f"{person.user_id} {round_}")
    await cluster.settle()
    told = [person.heard("new_message") for person in people]
    assert [frame["seq"] for frame in told[0]] == list(range(1, 21))
    assert all(frames == told[0] for frames in told)
    for person in people:
        own = [frame["content"] for frame in told[0] if frame["sender_id"] == int(person.user_id[5:])]
        assert own == [f"{person.user_id} {round_}" for round_ in range(5)]


# Replies to messages


async def test_a_reply_names_the_message_it_answers(cluster: Cluster) -> None:
    alice = await cluster.connect("user_1")
    cid = await cluster.found(alice, "user_2")
    first = await alice.do("message", conversation_id=cid, content="question")
    await alice.do("message", conversation_id=cid, content="answer", reply_to_id=first["message_id"])
    await alice.expect("new_message", content="question")
    event = await alice.expect("new_message", content="answer")
    assert event["reply_to_id"] == first["message_id"]
    page = await alice.do("history", conversation_id=cid)
    assert [message["reply_to_id"] for message in page["messages"]] == [None, first["message_id"]]


async def test_a_reply_to_a_message_elsewhere_is_refused_like_one_to_a_missing_one(cluster: Cluster) -> None:
    alice, mallory = await cluster.connect("user_1"), await cluster.connect("user_9", 1)
    cid = await cluster.found(alice, "user_2")
    hers = await cluster.found(mallory, "user_2")
    elsewhere = await alice.do("message", conversation_id=cid, content="private")
    errors = [
        await mallory.refused("message", conversation_id=hers, content="x", reply_to_id=number, request_id="r")
        for number in (elsewhere["message_id"], 2**53 - 1)
    ]
    assert errors[0] == errors[1]
    assert (errors[0]["code"], errors[0]["field"]) == ("not_found", "reply_to_id")


async def test_a_reply_to_a_message_from_before_one_joined_is_refused(cluster: Cluster) -> None:
    alice, bob = await cluster.connect("user_1"), await cluster.connect("user_2", 1)
    cid = await cluster.found(alice, "user_3")
    unseen = await alice.do("message", conversation_id=cid, content="before")
    await alice.do("add_participants", conversation_id=cid, participants=["user_2"])
    error = await bob.refused("message", conversation_id=cid, content="x", reply_to_id=unseen["message_id"])
    assert (error["code"], error["field"]) == ("not_found", "reply_to_id")


# Content


async def test_content_is_trimmed(cluster: Cluster) -> None:
    alice = await cluster.connect("user_1")
    cid = await cluster.found(alice, "user_2")
    await alice.do("message", conversation_id=cid, content=" \n\t hello there \u3000\n")
    assert (await alice.expect("new_message"))["content"] == "hello there"


async def test_a_message_needs_content(cluster: Cluster) -> None:
    alice = await cluster.connect("user_1")
    cid = await cluster.found(alice, "user_2")
    for content in ("\u200b", "\u00ad\u2800 \u3164", "\u200e\n", "", " ", "\n\t\r", "\u3000\u2003"):
        error = await alice.refused("message", conversation_id=cid, content=content, temp_id="t")
        assert (error["code"], error["field"]) == ("invalid_field", "content")
        assert (error["temp_id"], error["conversation_id"]) == ("t", cid)
    await alice.quiet()
    assert await cluster.stored("SELECT COUNT(*) FROM messages") == [(0,)]


async def test_ten_thousand_characters_go_through_and_one_more_does_not(cluster: Cluster) -> None:
    alice = await cluster.connect("user_1")
    cid = await cluster.found(alice, "user_2")
    for character in ("x", "é", "€", "👍"):
        longest = character * 10_000
        sent = await alice.do("message", conversation_id=cid, content=longest)
        assert (await alice.expect("new_message"))["content"] == longest
        message_id = sent["message_id"]
        for verb, where in (("message", {"conversation_id": cid}), ("edit_message", {"message_id": message_id})):
            error = await alice.refused(verb, content=longest + character, **where)
            assert (error["code"], error["field"], error["retryable"]) == ("too_large", "content", False)
        page = await alice.do("history", conversation_id=cid, limit=1)
        assert [message["content"] for message in page["messages"]] == [longest]


async def test_nul_and_lone_surrogates_are_refused(cluster: Cluster) -> None:
    alice = await cluster.connect("user_1")
    cid = await cluster.found(alice, "user_2")
    sent = await alice.do("message", conversation_id=cid, content="fine")
    await alice.expect("new_message")
    for escape in ("\\u0000", "\\ud83d", "\\udc4d x", "\\udc4d\\ud83d"):
        for start in (
            f'"type":"message","conversation_id":{cid}',
            f'"type":"edit_message","message_id":{sent["message_id"]}',
        ):
            alice.send_bytes(f'{{{start},"request_id":"r","content":"a{escape}b"}}')
            error = await alice.answer("r")
            assert (error["code"], error["field"]) == ("invalid_field", "content"), error
    await alice.quiet()


async def test_content_comes_back_byte_for_byte(cluster: Cluster) -> None:
    alice, bob = await cluster.connect("user_1"), await cluster.connect("user_2", 1)
    cid = await cluster.found(alice, "user_2")
    for text in TEXTS:
        sent = await alice.do("message", conversation_id=cid, content=text, temp_id=text)
        assert (await bob.expect("new_message"))["content"] == text
        assert (await bob.do("history", conversation_id=cid, limit=1))["messages"][0]["content"] == text
        shown = (await bob.do("get_conversation", conversation_id=cid))["conversation"]["last_message"]
        assert shown["content"] == text
        await alice.do("edit_message", message_id=sent["message_id"], content=f"{text}!")
        assert (await bob.expect("message_edited"))["content"] == f"{text}!"
        assert (await bob.do("history", conversation_id=cid, limit=1))["messages"][0]["content"] == f"{text}!"
    again = await cluster.connect("user_2", 0, resume={cid: 0})
    assert [frame["content"] for frame in again.heard("new_message")] == [f"{text}!" for text in TEXTS]


async def test_an_edit_that_changes_only_what_a_collation_ignores_is_an_edit(cluster: Cluster) -> None:
    alice = await cluster.connect("user_1")
    cid = await cluster.found(alice, "user_2")
    sent = await alice.do("message", conversation_id=cid, content="resume")
    for content in ("Resume", "Résumé", "Re\u0301sume\u0301", "👍", "👎"):
        await alice.do("edit_message", message_id=sent["message_id"], content=content)
        assert (await alice.expect("message_edited"))["content"] == content


# Editing


async def test_an_edit_is_told_to_everyone_and_kept(cluster: Cluster) -> None:
    alice, bob = await cluster.connect("user_1"), await cluster.connect("user_2", 1)
    cid = await cluster.found(alice, "user_2")
    sent = await alice.do("message", conversation_id=cid, content="helo")
    await alice.do("edit_message", message_id=sent["message_id"], content="  hello ")
    edited_mine, edited = await everyone([alice, bob], "message_edited")
    assert edited == edited_mine
    assert (edited["content"], edited["seq"], edited["message_id"]) == ("hello", 2, sent["message_id"])
    (message,) = (await bob.do("history", conversation_id=cid))["messages"]
    assert (message["content"], message["edited_at"], message["seq"]) == ("hello", edited["edited_at"], 1)


async def test_an_edit_that_changes_nothing_tells_nobody(cluster: Cluster) -> None:
    alice, bob = await cluster.connect("user_1"), await cluster.connect("user_2", 1)
    cid = await cluster.found(alice, "user_2")
    sent = await alice.do("message", conversation_id=cid, content="hello")
    await everyone([alice, bob], "new_message")
    await alice.do("edit_message", message_id=sent["message_id"], content="hello ")
    await alice.quiet()
    await bob.quiet()
    (message,) = (await bob.do("history", conversation_id=cid))["messages"]
    assert message["edited_at"] is None


async def test_only_its_author_edits_a_message(cluster: Cluster) -> None:
    alice, bob = await cluster.connect("user_1"), await cluster.connect("user_2", 1)
    admin = await cluster.connect("admin_1")
    cid = await cluster.found(alice, "user_2", "admin_1")
    sent = await alice.do("message", conversation_id=cid, content="hello")
    for other in (bob, admin):
        error = await other.refused("edit_message", message_id=sent["message_id"], content="changed")
        assert error["code"] == "forbidden"
    (message,) = (await bob.do("history", conversation_id=cid))["messages"]
    assert message["content"] == "hello"


async def test_a_deleted_message_is_not_edited(cluster: Cluster) -> None:
    alice = await cluster.connect("user_1")
    cid = await cluster.found(alice, "user_2")
    sent = await alice.do("message", conversation_id=cid, content="hello")
    await alice.do("delete_message", message_id=sent["message_id"])
    error = await alice.refused("edit_message", message_id=sent["message_id"], content="back again")
    assert error["code"] == "conflict"


# Deleting


async def test_a_deleted_message_leaves_a_tombstone_and_no_content(cluster: Cluster) -> None:
    alice, bob = await cluster.connect("user_1"), await cluster.connect("user_2", 1)
    cid = await cluster.found(alice, "user_2")
    sent = await alice.do("message", conversation_id=cid, content="a secret")
    await alice.do("edit_message", message_id=sent["message_id"], content="another secret")
    await alice.do("delete_message", message_id=sent["message_id"])
    deleted = await bob.expect("message_deleted")
    assert (deleted["message_id"], deleted["seq"], deleted["deleted_by"]) == (sent["message_id"], 3, "user_1")
    (message,) = (await bob.do("history", conversation_id=cid))["messages"]
    assert (message["content"], message["deleted_at"]) == ("", deleted["deleted_at"])
    tables = ("messages", "conversation_events")
    rows = [str(row) for table in tables for row in await cluster.stored(f"SELECT * FROM {table}")]
    assert not [row for row in rows if "secret" in row]
    late = await cluster.connect("user_2", 0, resume={cid: 0})
    assert [frame.get("content") for frame in late.durable(cid)] == ["", "", None]


async def test_deleting_twice_tells_others_once(cluster: Cluster) -> None:
    alice, bob = await cluster.connect("user_1"), await cluster.connect("user_2", 1)
    cid = await cluster.found(alice, "user_2")
    sent = await alice.do("message", conversation_id=cid, content="hello")
    for _ in range(2):
        await alice.do("delete_message", message_id=sent["message_id"])
    await cluster.settle()
    assert len(bob.heard("message_deleted")) == 1


async def test_its_author_and_admins_delete_a_message_and_nobody_else(cluster: Cluster) -> None:
    alice, bob = await cluster.connect("user_1"), await cluster.connect("user_2", 1)
    admin = await cluster.connect("admin_1", 1)
    cid = await cluster.found(alice, "user_2", "admin_1")
    sent = await bob.do("message", conversation_id=cid, content="hello")
    assert (await alice.refused("delete_message", message_id=sent["message_id"]))["code"] == "forbidden"
    await admin.do("delete_message", message_id=sent["message_id"])
    assert (await alice.expect("message_deleted"))["deleted_by"] == "admin_1"


async def test_edits_and_deletes_on_both_nodes_end_in_one_state(cluster: Cluster) -> None:
    alice, alice_too = await cluster.connect("user_1", 0), await cluster.connect("user_1", 1)
    cid = await cluster.found(alice, "user_2")
    sent = await alice.do("message", conversation_id=cid, content="zero")
    await asyncio.gather(
        *(
            device.ask("edit_message", message_id=sent["message_id"], content=f"{name} {number}")
            for number in range(5)
            for name, device in (("here", alice), ("there", alice_too))
        )
    )
    await cluster.settle()
    assert alice.durable(cid) == alice_too.durable(cid)
    assert alice.seqs(cid) == list(range(1, 12))
    (message,) = (await alice.do("history", conversation_id=cid))["messages"]
    assert message["content"] == alice.durable(cid)[-1]["content"]
