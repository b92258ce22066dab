"""The frames of the first protocol, over a real connection."""

import asyncio

from tests.e2e.conftest import Connect
from tests.e2e.server import ServerProcess

Pair = tuple[str, str, int]


async def test_auth_tells_who_one_is_and_ones_conversations(demo: ServerProcess, connect: Connect) -> None:
    client = await connect(demo)
    await client.send(type="auth", participant_type="user", participant_id=1)
    reply = await client.hear("auth_success")
    assert reply["user_id"] == "user_1"
    assert 1 in reply["conversations"]
    assert (reply["participant_type"], reply["participant_id"], reply["name"]) == ("user", 1, "Aline Uwase")


async def test_conversation_1_is_between_user_1_and_mentor_1(demo: ServerProcess, connect: Connect) -> None:
    mentor = await connect(demo, "mentor_1")
    found = await mentor.ask("conversations", type="conversations")
    (first,) = [each for each in found["conversations"] if each["conversation_id"] == 1]
    assert first["conversation_type"] == "direct"
    assert [member["user_id"] for member in first["participants"]] == ["mentor_1", "user_1"]


async def test_ping_is_answered_before_auth(demo: ServerProcess, connect: Connect) -> None:
    client = await connect(demo)
    await client.send(type="ping")
    assert await client.hear("pong") == {"type": "pong"}


async def test_a_message_comes_to_everyone_and_is_acknowledged(
    demo: ServerProcess, connect: Connect, pair: Pair
) -> None:
    ann, bob, conversation_id = pair
    sender, reader = await connect(demo, ann), await connect(demo, bob)
    await sender.send(type="message", conversation_id=conversation_id, content="Muraho!", temp_id="t-1")
    sent = await sender.hear("message_sent")
    own = await sender.hear("new_message")
    theirs = await reader.hear("new_message")
    assert theirs == own
    assert sent["temp_id"] == "t-1"
    assert sent["message_id"] == own["message_id"]
    assert own["content"] == "Muraho!"
    assert (own["sender_type"], own["sender_id"], own["sender_name"]) == ("user", int(ann.split("_")[1]), ann)
    assert own["conversation_id"] == conversation_id
    assert "reply_to_id" not in own


async def test_the_sender_hears_its_message_before_its_acknowledgement(
    demo: ServerProcess, connect: Connect, pair: Pair
) -> None:
    ann, _, conversation_id = pair
    sender = await connect(demo, ann)
    await sender.everything_so_far()
    await sender.send(type="message", conversation_id=conversation_id, content="first, then the receipt")
    await sender.hear("message_sent")
    assert [frame["type"] for frame in sender.unheard] == ["new_message"]


async def test_a_reply_says_what_it_replies_to(demo: ServerProcess, connect: Connect, pair: Pair) -> None:
    ann, bob, conversation_id = pair
    sender, reader = await connect(demo, ann), await connect(demo, bob)
    await sender.send(type="message", conversation_id=conversation_id, content="Shall we?", temp_id=7)
    sent = await sender.hear("message_sent", temp_id=7)
    await reader.send(
        type="message", conversation_id=conversation_id, content="Yes.", reply_to_id=sent["message_id"], temp_id=8
    )
    answer = await sender.hear("new_message", content="Yes.")
    assert answer["reply_to_id"] == sent["message_id"]


async def test_typing_is_told_to_the_other_and_not_to_oneself(
    demo: ServerProcess, connect: Connect, pair: Pair
) -> None:
    ann, bob, conversation_id = pair
    typist, reader = await connect(demo, ann), await connect(demo, bob)
    await typist.send(type="typing_start", conversation_id=conversation_id)
    started = await reader.hear("user_typing", is_typing=True)
    await typist.send(type="typing_stop", conversation_id=conversation_id)
    await reader.hear("user_typing", is_typing=False)
    assert (started["user_id"], started["conversation_id"]) == (ann, conversation_id)
    assert (started["participant_type"], started["participant_id"]) == ("user", int(ann.split("_")[1]))
    assert "user_typing" not in [frame["type"] for frame in await typist.everything_so_far()]


async def test_typing_ends_when_the_typist_goes(demo: ServerProcess, connect: Connect, pair: Pair) -> None:
    ann, bob, conversation_id = pair
    typist, reader = await connect(demo, ann), await connect(demo, bob)
    await typist.send(type="typing_start", conversation_id=conversation_id)
    await reader.hear("user_typing", is_typing=True)
    await typist.close()
    await reader.hear("user_typing", user_id=ann, is_typing=False)


async def test_subscribe_conversation_is_answered_and_changes_nothing(
    demo: ServerProcess, connect: Connect, pair: Pair
) -> None:
    ann, bob, conversation_id = pair
    sender, reader = await connect(demo, ann), await connect(demo, bob)
    await reader.send(type="subscribe_conversation", conversation_id=conversation_id)
    reply = await reader.hear("subscribed")
    assert (reply["conversation_id"], reply["last_seq"]) == (conversation_id, 0)
    await sender.send(type="message", conversation_id=conversation_id, content="once")
    await reader.hear("new_message", content="once")
    await sender.hear("message_sent")
    assert "new_message" not in [frame["type"] for frame in await reader.everything_so_far()]


async def test_subscribe_conversation_with_a_seq_brings_what_came_after_it(
    demo: ServerProcess, connect: Connect, pair: Pair
) -> None:
    ann, bob, conversation_id = pair
    sender = await connect(demo, ann)
    for content in ("one", "two", "three"):
        await sender.ask("message_sent", type="message", conversation_id=conversation_id, content=content)
    reader = await connect(demo, bob)
    await reader.send(type="subscribe_conversation", conversation_id=conversation_id, after_seq=1)
    assert [(await reader.hear("new_message"))["content"] for _ in range(2)] == ["two", "three"]


async def test_coming_and_going_is_told_once(demo: ServerProcess, connect: Connect, pair: Pair) -> None:
    ann, bob, _ = pair
    watcher = await connect(demo, ann)
    other = await connect(demo, bob)
    came = await watcher.hear("status_change", user_id=bob)
    assert came["status"] == "online"
    assert (came["participant_type"], came["participant_id"]) == ("user", int(bob.split("_")[1]))
    assert came["timestamp"].endswith("Z")
    await other.close()
    await watcher.hear("status_change", user_id=bob, status="offline")
    assert "status_change" not in [frame["type"] for frame in await watcher.everything_so_far()]


async def test_every_connection_of_a_participant_is_served(demo: ServerProcess, connect: Connect, pair: Pair) -> None:
    ann, bob, conversation_id = pair
    tabs = [await connect(demo, bob) for _ in range(3)]
    sender, second = await connect(demo, ann), await connect(demo, ann)
    await sender.send(type="message", conversation_id=conversation_id, content="to all of you")
    heard = [await client.hear("new_message") for client in (*tabs, sender, second)]
    assert all(frame == heard[0] for frame in heard)


async def test_one_is_online_until_the_last_connection_ends(demo: ServerProcess, connect: Connect, pair: Pair) -> None:
    ann, bob, conversation_id = pair
    watcher = await connect(demo, ann)
    first, second = await connect(demo, bob), await connect(demo, bob)
    await watcher.hear("status_change", user_id=bob, status="online")
    await first.close()
    await second.ask("message_sent", type="message", conversation_id=conversation_id, content="still here")
    await watcher.hear("new_message", content="still here")
    await asyncio.sleep(3.5)  # longer than somebody who left still counts as online
    assert "status_change" not in [frame["type"] for frame in await watcher.everything_so_far()]
    await second.close()
    await watcher.hear("status_change", user_id=bob, status="offline")


async def test_messages_sent_without_waiting_keep_their_order(
    demo: ServerProcess, connect: Connect, pair: Pair
) -> None:
    ann, bob, conversation_id = pair
    sender, reader = await connect(demo, ann), await connect(demo, bob)
    for number in range(100):
        await sender.send(type="message", conversation_id=conversation_id, content=str(number), temp_id=number)
    heard = [await reader.hear("new_message") for _ in range(100)]
    sent = [await sender.hear("message_sent") for _ in range(100)]
    assert [frame["content"] for frame in heard] == [str(number) for number in range(100)]
    assert [frame["seq"] for frame in heard] == list(range(1, 101))
    assert [frame["temp_id"] for frame in sent] == list(range(100))


async def test_a_message_sent_twice_with_one_key_is_stored_once(
    demo: ServerProcess, connect: Connect, pair: Pair
) -> None:
    ann, bob, conversation_id = pair
    sender, reader = await connect(demo, ann), await connect(demo, bob)
    request = {"type": "message", "conversation_id": conversation_id, "content": "x", "idempotency_key": "key-00001"}
    first = await sender.ask("message_sent", **request)
    again = await sender.ask("message_sent", **request)
    assert (again["message_id"], again["duplicate"], first["duplicate"]) == (first["message_id"], True, False)
    await reader.hear("new_message")
    assert "new_message" not in [frame["type"] for frame in await reader.everything_so_far()]


async def test_a_reconnect_with_resume_brings_what_was_missed(
    demo: ServerProcess, connect: Connect, pair: Pair
) -> None:
    ann, bob, conversation_id = pair
    sender, reader = await connect(demo, ann), await connect(demo, bob)
    await sender.ask("message_sent", type="message", conversation_id=conversation_id, content="seen")
    seen = await reader.hear("new_message")
    await reader.close()
    await sender.ask("message_sent", type="message", conversation_id=conversation_id, content="missed")
    back = await connect(demo)
    await back.auth(bob, resume={str(conversation_id): seen["seq"]})
    missed = await back.hear("new_message")
    resumed = await back.hear("resumed")
    assert missed["content"] == "missed"
    assert resumed["conversations"] == [{"conversation_id": conversation_id, "last_seq": 2}]
