"""Signing in, resuming, and joining a conversation without a hole."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from bihak.core.catching_up import DRAIN_POLL_S
from bihak.core.log import RESUME_LIMIT, LogEntry, Span
from bihak.core.outbox import STALL_S
from bihak.core.repairing import GAP_HOLD_S
from bihak.core.session import EPHEMERAL_BYTES
from bihak.errors import CloseCode, UnknownType
from bihak.features.arriving import Auth
from bihak.features.conversations import AddParticipants, Conversations, RemoveParticipant
from bihak.features.messages import MAX_CONTENT
from bihak.features.places import FEW_EVENTS
from bihak.protocol.types import Participant
from tests.harness import Cluster, Device, Fate, everyone
from tests.waiting import until

ODD = "".join(map(chr, (*range(1, 32), *map(ord, "\"'\\/%{}[]"), 0x7F, 0xE9, 0x2028, 0xFEFF, 0x1F600, 0x10FFFF)))
"""What may stand in a text and means something to JSON, SQL or a driver."""


async def two(cluster: Cluster) -> tuple[Device, Device, int]:
    alice, bob = await cluster.connect("user_1", 0), await cluster.connect("user_2", 1)
    return alice, bob, await cluster.found(alice, "user_2")


async def say(device: Device, cid: int, *texts: str) -> list[int]:
    """Sends these, each after the one before; their ids."""
    return [(await device.do("message", conversation_id=cid, content=text))["message_id"] for text in texts]


def order(device: Device) -> list[str]:
    """What came, by type, the message's text for messages."""
    return [frame["content"] if frame["type"] == "new_message" else frame["type"] for frame in device.frames]


# auth


async def test_signing_in_tells_who_one_is_and_where_conversations_stand(cluster: Cluster) -> None:
    alice, _, cid = await two(cluster)
    other = await cluster.found(alice, "user_3")
    await say(alice, cid, "one", "two")
    bob = await cluster.connect("user_2", 0)
    success = bob.frames[0]
    assert success["type"] == "auth_success"
    assert (success["user_id"], success["participant_type"], success["participant_id"]) == ("user_2", "user", 2)
    assert success["conversations"] == [cid]
    assert success["heads"] == [
        {"conversation_id": cid, "last_seq": 2, "last_read_message_id": None, "unread": 2},
    ]
    assert success["limits"]["max_content_chars"] == 10_000
    assert {cid, other} == set((await cluster.connect("user_1", 1)).frames[0]["conversations"])


async def test_without_resume_nothing_is_replayed(cluster: Cluster) -> None:
    alice, _, cid = await two(cluster)
    await say(alice, cid, "one")
    bob = await cluster.connect("user_2", 0)
    await cluster.settle()
    assert order(bob) == ["auth_success"]
    await say(alice, cid, "two")
    await cluster.settle()
    assert bob.seqs(cid) == [2]


async def test_signing_in_again_as_somebody_else_is_refused(cluster: Cluster) -> None:
    alice, _, cid = await two(cluster)
    error = await alice.refused("auth", participant_type="user", participant_id=2)
    assert error["code"] == "already_authenticated"
    again = await alice.do("auth", participant_type="user", participant_id=1)
    assert again["type"] == "auth_success"
    await say(alice, cid, "still here")
    await cluster.settle()
    assert alice.seqs(cid) == [1]


async def test_somebody_of_an_unknown_type_is_refused(cluster: Cluster) -> None:
    nobody = cluster.open()
    for kind in ("robot", "user\n", "system", ""):
        error = await nobody.refused("auth", participant_type=kind, participant_id=1)
        assert (error["code"], error["field"]) == ("invalid_field", "participant_type")
    for number in (0, -1, 2**53, "1", 1.5, True, None, {"a": 1}):
        error = await nobody.refused("auth", participant_type="user", participant_id=number)
        assert (error["code"], error["field"]) == ("invalid_field", "participant_id")
    assert nobody.is_open
    assert (await nobody.do("auth", participant_type="user", participant_id=2**53 - 1))[
        "user_id"
    ] == f"user_{2**53 - 1}"


# Resuming


async def test_a_resume_brings_what_was_missed_in_order_then_says_so(cluster: Cluster) -> None:
    alice, bob, cid = await two(cluster)
    other = await cluster.found(alice, "user_2")
    (first,) = await say(alice, cid, "one")
    await cluster.settle()
    bob.drop()
    await say(alice, cid, "two", "three")
    await alice.do("edit_message", message_id=first, content="ONE")
    await say(alice, other, "elsewhere")
    bob = await cluster.connect("user_2", 0, resume={cid: 1, other: 0})
    assert [frame["seq"] for frame in bob.durable(cid)] == [2, 3, 4]
    assert [frame["seq"] for frame in bob.durable(other)] == [1]
    assert bob.frames[0]["type"] == "auth_success"
    assert bob.frames[-1] == {
        "type": "resumed",
        "conversations": [{"conversation_id": cid, "last_seq": 4}, {"conversation_id": other, "last_seq": 1}],
    }
    await say(alice, cid, "live")
    await cluster.settle()
    assert bob.seqs(cid) == [2, 3, 4, 5]


async def test_whoever_missed_much_in_many_conversations_is_sent_one_page_ahead_of_what_they_read(
    cluster: Cluster,
) -> None:
    alice = await cluster.connect("user_1", 0)
    page = ["x" * MAX_CONTENT for _ in range(60)]
    cids = [await cluster.found(alice, "user_2", name=f"Number {number}") for number in range(8)]
    for cid in cids:
        await asyncio.gather(*(alice.do("message", conversation_id=cid, content=text) for text in page))
    bob = cluster.open("user_2", 1)
    bob.tape.stalled = True
    bob.send("auth", participant_type="user", participant_id=2, resume=dict.fromkeys(map(str, cids), 0))
    most, turns = 0, 0
    while not bob.heard("resumed"):
        for _ in range(5):
            await cluster.settle()
            await cluster.clock.advance(DRAIN_POLL_S)
        most, turns = max(most, bob.session.unread_bytes()), turns + 1
        bob.tape.read_on()
        bob.tape.stalled = True
    assert most < EPHEMERAL_BYTES + len(page) * (MAX_CONTENT + 500)
    assert turns > 2
    assert [bob.seqs(cid) for cid in cids] == [list(range(1, len(page) + 1))] * len(cids)


async def slow_return(cluster: Cluster, conversations: int, messages: int) -> Device:
    """Somebody who has missed so much in each, and whose connection takes no page of it."""
    alice = await cluster.connect("user_1", 0)
    cids = [await cluster.found(alice, "user_2", name=f"Number {number}") for number in range(conversations)]
    for cid in cids:
        said = (alice.do("message", conversation_id=cid, content="x" * MAX_CONTENT) for _ in range(messages))
        await asyncio.gather(*said)
    bob = cluster.open("user_2", 1)
    bob.tape.most_bytes = 100_000
    bob.send("auth", participant_type="user", participant_id=2, resume=dict.fromkeys(map(str, cids), 0))
    for _ in range(5):
        await cluster.settle()
        await cluster.clock.advance(DRAIN_POLL_S)
    assert not bob.session.ready
    return bob


async def test_whoever_takes_nothing_of_what_they_missed_is_closed_as_reading_too_slowly(
    cluster: Cluster,
) -> None:
    bob = await slow_return(cluster, 2, 150)
    for _ in range(100):
        bob.send("ping")  # so that the heartbeat need not ask
    for _ in range(2):
        await cluster.clock.advance(STALL_S + 1)
    await until(lambda: bob.tape.closed is not None)
    assert bob.tape.closed == (CloseCode.SLOW_CONSUMER, "reads too slowly")


async def test_a_node_that_drains_does_not_wait_for_whoever_reads_slowly_what_they_missed(cluster: Cluster) -> None:
    bob = await slow_return(cluster, 8, 60)
    draining = asyncio.create_task(cluster.nodes[1].drain(60.0))
    while not draining.done():
        await cluster.clock.advance(DRAIN_POLL_S)
        await asyncio.sleep(0.01)
        assert cluster.clock.ahead_s < 30
    assert await draining
    assert bob.tape.closed == (CloseCode.GOING_AWAY, "server is draining")


async def test_a_replay_is_the_same_bytes_as_the_live_events(cluster: Cluster) -> None:
    alice, bob, cid = await two(cluster)
    await cluster.introduce("user_3")
    (first,) = await say(alice, cid, "one 👍")
    await alice.do("message", conversation_id=cid, content="two", reply_to_id=first, idempotency_key="key-0001")
    await alice.do("rename_conversation", conversation_id=cid, name="Naïve 👍")
    await alice.do("add_participants", conversation_id=cid, participants=["user_3"])
    await alice.do("remove_participant", conversation_id=cid, user_id="user_3")
    (last,) = await say(alice, cid, "three")
    await cluster.settle()
    again = await cluster.connect("user_2", 0, resume={cid: 0})
    live = dict(zip((f.get("seq") for f in bob.frames), bob.bodies, strict=True))
    replayed = dict(zip((f.get("seq") for f in again.frames), again.bodies, strict=True))
    assert [replayed[seq] for seq in range(1, 7)] == [live[seq] for seq in range(1, 7)]
    assert last


async def test_a_replay_shows_the_current_state_of_what_it_replays(cluster: Cluster) -> None:
    alice, _, cid = await two(cluster)
    (first,) = await say(alice, cid, "first draft")
    await alice.do("edit_message", message_id=first, content="second draft")
    await alice.do("edit_message", message_id=first, content="final")
    bob = await cluster.connect("user_2", 0, resume={cid: 0})
    assert bob.seqs(cid) == [1, 2, 3]
    assert "draft" not in str(bob.frames)
    assert bob.durable(cid)[-1]["content"] == "final"


async def test_a_resume_tells_of_conversations_that_are_new(cluster: Cluster) -> None:
    alice, bob, cid = await two(cluster)
    bob.drop()
    other = await cluster.found(alice, "user_2", name="New")
    await say(alice, other, "one", "two")
    bob = await cluster.connect("user_2", 0, resume={cid: 0})
    created = bob.heard("conversation_created")
    assert [(event["conversation_id"], event["seq"]) for event in created] == [(other, 2)]
    assert created[0]["conversation"]["last_message"]["content"] == "two"
    assert bob.durable(other) == []
    assert {"conversation_id": other, "last_seq": 2} in bob.heard("resumed")[0]["conversations"]
    await say(alice, other, "three")
    await cluster.settle()
    assert bob.seqs(other) == [3]


async def test_a_resume_tells_of_conversations_one_was_taken_out_of(cluster: Cluster) -> None:
    alice, bob, cid = await two(cluster)
    bob.drop()
    await say(alice, cid, "one")
    await alice.do("remove_participant", conversation_id=cid, user_id="user_2")
    await say(alice, cid, "not for Bob")
    bob = await cluster.connect("user_2", 0, resume={cid: 0})
    assert [frame["type"] for frame in bob.durable(cid)] == ["new_message", "participant_left"]
    assert bob.frames[0]["conversations"] == []
    await say(alice, cid, "nor this")
    await cluster.settle()
    assert bob.seqs(cid) == [1, 2]


async def test_a_resume_in_a_conversation_of_others_tells_nothing(cluster: Cluster) -> None:
    alice, _, cid = await two(cluster)
    await say(alice, cid, "private")
    stranger = await cluster.connect("user_9", 1, resume={cid: 0, 2**53 - 1: 0})
    assert [frame["type"] for frame in stranger.frames] == ["auth_success", "resumed"]
    assert stranger.frames[-1]["conversations"] == []
    # Its rooms are entered before it is known whether they are theirs.
    number = stranger.send("auth", participant_type="user", participant_id=8)
    assert (await stranger.answer(number))["code"] == "already_authenticated"
    late = cluster.open("user_9", 1)
    number = late.send("auth", participant_type="user", participant_id=9, resume={cid: 0})
    await say(alice, cid, "meanwhile")
    assert (await late.answer(number))["conversations"] == []
    await say(alice, cid, "afterwards")
    await late.quiet("new_message")
    assert late.seqs(cid) == stranger.seqs(cid) == []
    assert late.session.conversations == stranger.session.conversations == set()


async def test_whoever_is_lost_while_signing_in_leaves_nothing_behind(cluster: Cluster) -> None:
    _, _, cid = await two(cluster)
    node = cluster.nodes[1]
    for turns in range(6):
        device = cluster.open("user_9", 1)
        device.send("auth", participant_type="user", participant_id=9, resume={cid: 0})
        for _ in range(turns):
            await asyncio.sleep(0)
        device.drop()
        await cluster.settle()
        assert "user_9" not in node.hub.participants
        assert device.session not in node.hub.rooms[cid].sessions()


async def test_many_who_come_back_together_each_get_what_is_theirs(cluster: Cluster) -> None:
    """They are read together, some with much that they missed and some with little."""
    alice = await cluster.connect("user_1", 0)
    others = [await cluster.connect(f"user_{number}", 0) for number in range(2, 8)]
    cids = [await cluster.found(alice, device.user_id) for device in others]
    for device in others:
        device.drop()
    for number, cid in enumerate(cids):
        await say(alice, cid, *(f"to {cid}, {text}" for text in range(1, 2 + 25 * number)))
    back = [cluster.open(device.user_id, 0) for device in others for _ in range(2)]
    for at, device in enumerate(back):
        who = Participant.parse(device.user_id)
        device.send("auth", participant_type=who.type, participant_id=who.id, resume={cids[at // 2]: 0})
    await cluster.settle()
    for at, device in enumerate(back):
        cid, count = cids[at // 2], 1 + 25 * (at // 2)
        assert device.seqs(cid) == list(range(1, count + 1))
        assert {frame["content"].partition(",")[0] for frame in device.heard("new_message")} == {f"to {cid}"}
        (success,), (resumed,) = device.heard("auth_success"), device.heard("resumed")
        assert [head["unread"] for head in success["heads"]] == [count]
        assert resumed["conversations"] == [{"conversation_id": cid, "last_seq": count}]
        assert device.frames.index(device.heard("new_message")[-1]) < device.frames.index(resumed)


async def test_whoever_is_taken_out_again_while_they_come_back_is_told_what_they_saw(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob, cid = await two(cluster)
    owner = alice.session.actor
    assert owner is not None
    await cluster.clock.advance(GAP_HOLD_S)  # else Bob's node may still be about to look who was taken in
    bob.drop()
    await cluster.settle()
    await alice.do("remove_participant", conversation_id=cid, user_id="user_2")
    await alice.do("add_participants", conversation_id=cid, participants=["user_2"])
    await say(alice, cid, "welcome back")
    node = cluster.nodes[1]
    run = node.readers.run

    async def run_later(read: Any) -> Any:
        if getattr(read, "func", None) == node.feature(Conversations).load:
            monkeypatch.setattr(node.readers, "run", run)
            await cluster.nodes[0].call(RemoveParticipant(conversation_id=cid, user_id="user_2"), owner)
        return await run(read)

    monkeypatch.setattr(node.readers, "run", run_later)
    again = await cluster.connect("user_2", 1, resume={cid: 0})
    assert order(again) == ["auth_success", "welcome back", "participant_left", "resumed"]
    assert again.seqs(cid) == [3, 4]
    assert again.frames[0]["conversations"] == []


async def test_whoever_came_back_while_away_is_not_left_with_a_hole(cluster: Cluster) -> None:
    alice, bob, cid = await two(cluster)
    await say(alice, cid, "one")
    await cluster.settle()
    bob.drop()
    await alice.do("remove_participant", conversation_id=cid, user_id="user_2")
    await say(alice, cid, "between")
    await alice.do("add_participants", conversation_id=cid, participants=["user_2"])
    await say(alice, cid, "after")
    bob = await cluster.connect("user_2", 0, resume={cid: 1})
    await cluster.settle()
    (head,) = bob.heard("resumed")[0]["conversations"]
    # What lies between is not theirs to see: they start anew, from the history or from a fresh announcement.
    assert head.get("resync") or bob.heard("conversation_created"), bob.frames


async def test_whoever_is_taken_in_again_while_what_they_saw_before_is_read_is_not_left_with_a_hole(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They were out when they came back, and had missed more than is read at once."""
    alice, bob, cid = await two(cluster)
    owner = alice.session.actor
    assert owner is not None
    bob.drop()
    await say(alice, cid, *map(str, range(FEW_EVENTS + 1)))
    await alice.do("remove_participant", conversation_id=cid, user_id="user_2")
    node = cluster.nodes[1]
    read_log = node.read_log

    async def read_later(spans: Sequence[Span]) -> list[list[LogEntry]]:
        monkeypatch.setattr(node, "read_log", read_log)
        await cluster.nodes[0].call(AddParticipants(conversation_id=cid, participants=["user_2"]), owner)
        return await read_log(spans)

    monkeypatch.setattr(node, "read_log", read_later)
    bob = await cluster.connect("user_2", 1, resume={cid: 0})
    (created,) = bob.heard("conversation_created")
    (head,) = bob.heard("resumed")[0]["conversations"]
    assert head == {"conversation_id": cid, "last_seq": FEW_EVENTS + 3}
    assert bob.frames[0]["conversations"] == [created["conversation"]["conversation_id"]] == [cid]
    await say(alice, cid, "welcome back")
    await cluster.settle()
    assert bob.seqs(cid) == [FEW_EVENTS + 4]


async def test_a_cursor_ahead_of_the_conversation_means_starting_anew(cluster: Cluster) -> None:
    alice, bob, cid = await two(cluster)
    await say(alice, cid, "one")
    bob = await cluster.connect("user_2", 0, resume={cid: 5})
    assert bob.frames[-1]["conversations"] == [{"conversation_id": cid, "last_seq": 1, "resync": True}]
    assert bob.seqs(cid) == []
    await say(alice, cid, "two")
    await cluster.settle()
    assert bob.seqs(cid) == [2]


async def test_whoever_missed_more_than_a_thousand_events_starts_anew(cluster: Cluster) -> None:
    alice, bob, cid = await two(cluster)
    bob.drop()
    for number in range(RESUME_LIMIT + 1):
        alice.send("message", conversation_id=cid, content=str(number))
    await cluster.settle()
    just = await cluster.connect("user_2", 0, resume={cid: 1})
    assert just.seqs(cid) == list(range(2, RESUME_LIMIT + 2))
    assert just.frames[-1]["conversations"] == [{"conversation_id": cid, "last_seq": RESUME_LIMIT + 1}]
    beyond = await cluster.connect("user_2", 1, resume={cid: 0})
    head = {"conversation_id": cid, "last_seq": RESUME_LIMIT + 1, "resync": True}
    assert beyond.frames[-1]["conversations"] == [head]
    assert beyond.seqs(cid) == []
    subscribed = await alice.do("subscribe_conversation", conversation_id=cid, after_seq=0)
    assert subscribed["last_seq"] == RESUME_LIMIT + 1
    assert (await alice.expect("resumed"))["conversations"] == [head]


async def test_cursors_that_are_none_are_refused(cluster: Cluster) -> None:
    nobody = cluster.open()
    for resume in ({"x": 1}, {"0": 1}, {"-1": 1}, {"1.5": 1}, {"1": -1}, {"1": "1"}, {"1": None}, [1], "1", 7):
        error = await nobody.refused("auth", participant_type="user", participant_id=1, resume=resume)
        assert error["code"] == "invalid_field"
        assert str(error.get("field")).startswith("resume"), (resume, error)


# subscribe_conversation


async def test_subscribing_after_a_seq_brings_what_came_after_it(cluster: Cluster) -> None:
    alice, bob, cid = await two(cluster)
    await say(alice, cid, "one", "two", "three")
    await cluster.settle()
    subscribed = await bob.do("subscribe_conversation", conversation_id=cid, after_seq=1)
    assert subscribed["last_seq"] == 3
    await bob.expect("resumed", conversations=[{"conversation_id": cid, "last_seq": 3}])
    assert bob.seqs(cid) == [1, 2, 3, 2, 3]
    await say(alice, cid, "four")
    await cluster.settle()
    assert bob.seqs(cid) == [1, 2, 3, 2, 3, 4]


async def test_subscribing_without_a_seq_brings_nothing_twice(cluster: Cluster) -> None:
    alice, bob, cid = await two(cluster)
    await say(alice, cid, "one")
    await bob.expect("new_message")
    assert (await bob.do("subscribe_conversation", conversation_id=cid))["last_seq"] == 1
    await say(alice, cid, "two")
    await cluster.settle()
    assert bob.seqs(cid) == [1, 2]


# Joining while messages flow


async def test_joining_while_messages_flow_leaves_no_hole_and_repeats_nothing(cluster: Cluster) -> None:
    alice, carol = await cluster.connect("user_1", 0), await cluster.connect("user_3", 1)
    cid = await cluster.found(alice, "user_2", "user_3")
    late: list[Device] = []
    claimed: list[int] = []
    for number in range(40):
        alice.send("message", conversation_id=cid, content=f"a{number}")
        carol.send("message", conversation_id=cid, content=f"c{number}")
        if number % 8 == 3:
            bob = cluster.open("user_2", number // 8 % 2)
            bob.send("auth", participant_type="user", participant_id=2, resume={str(cid): number})
            late.append(bob)
        if number % 8 == 7:
            late[-1].send("subscribe_conversation", conversation_id=cid, after_seq=number)
            claimed.append(number)
        await asyncio.sleep(0)
    await cluster.settle()
    assert alice.seqs(cid) == carol.seqs(cid) == list(range(1, 81))
    for device, known in zip(late, claimed, strict=True):
        last = 0
        for seq in device.seqs(cid):
            # It says that it has what comes before `known`, which may not even be stored then.
            assert not last or seq <= max(last, known) + 1, device.seqs(cid)
            last = max(last, seq)
        assert last == 80


async def test_somebody_taken_in_while_messages_flow_gets_every_later_one_once(cluster: Cluster) -> None:
    alice, carol = await cluster.connect("user_1", 0), await cluster.connect("user_3", 1)
    cid = await cluster.found(alice, "user_3")
    people = [await cluster.connect(f"user_{number}", number % 2) for number in (4, 5)]
    for number in range(30):
        carol.send("message", conversation_id=cid, content=f"c{number}")
        if number in (10, 20):
            alice.send("add_participants", conversation_id=cid, participants=[people[number // 20].user_id])
        await asyncio.sleep(0)
    await cluster.settle()
    assert carol.seqs(cid) == list(range(1, 33))
    for person in people:
        (created,) = person.heard("conversation_created")
        assert person.seqs(cid) == list(range(created["seq"] + 1, 33))


# ping


async def test_a_pong_tells_the_heads_that_moved(cluster: Cluster) -> None:
    alice, bob, cid = await two(cluster)
    other = await cluster.found(alice, "user_2")
    await bob.do("ping")
    assert "heads" not in await bob.do("ping")
    await say(alice, cid, "one", "two")
    await bob.expect("new_message", seq=2)
    assert (await bob.do("ping"))["heads"] == [{"conversation_id": cid, "last_seq": 2}]
    assert "heads" not in await bob.do("ping")
    assert other


async def test_the_heartbeat_tells_the_heads_that_moved(cluster: Cluster) -> None:
    alice, bob, cid = await two(cluster)
    await say(alice, cid, "one")
    await cluster.settle()
    await cluster.clock.advance(cluster.nodes[1].options.heartbeat_s)
    pong = await bob.expect("pong")
    assert {"conversation_id": cid, "last_seq": 1} in pong["heads"]
    assert "request_id" not in pong


async def test_what_is_replayed_is_what_was_heard_to_the_byte(cluster: Cluster) -> None:
    """Plain messages alone, and with other events between them; neither is cut short or told in other words."""
    alice, bob, plain = await two(cluster)
    mixed = await cluster.found(alice, "user_2")
    for cid in (plain, mixed):
        first = await alice.do("message", conversation_id=cid, content=f"a {ODD} z", idempotency_key='key-"é\\-😀')
        await alice.do("message", conversation_id=cid, content="@user_2", reply_to_id=first["message_id"])
        if cid == mixed:
            await alice.do("add_reaction", message_id=first["message_id"], emoji="👍")
            await alice.do("rename_conversation", conversation_id=cid, name=ODD.strip())
        await say(alice, cid, "the last")
    await cluster.settle()
    back = await cluster.connect("user_2", 1, resume={plain: 0, mixed: 0})
    await cluster.settle()
    for cid, count in ((plain, 3), (mixed, 5)):
        assert back.seqs(cid) == list(range(1, count + 1))
        assert back.durable(cid) == bob.durable(cid)
    replayed = [body for body in back.bodies if b'"seq"' in body and b"auth_success" not in body]
    assert set(replayed) <= set(bob.bodies)
    assert bob.durable(plain)[0]["content"] == f"a {ODD} z"


async def test_nobody_signs_in_but_on_a_connection(cluster: Cluster) -> None:
    with pytest.raises(UnknownType):
        await cluster.nodes[0].call(Auth(participant_type="user", participant_id=1))


async def test_whoever_asks_while_they_are_being_taken_in_is_sent_all_of_it_in_one_piece(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two who catch up for one session in one room at once would send between what the other sends."""
    alice, bob = await cluster.connect("user_1", 0), await cluster.connect("user_2", 1)
    cid = await cluster.found(alice, "user_3")
    await say(alice, cid, "before")
    node = cluster.nodes[1]
    read_log, release = node.read_log, asyncio.Event()

    async def read_late(spans: Sequence[Span]) -> Any:
        """The first time, which is when the node itself catches up."""
        monkeypatch.setattr(node, "read_log", read_log)
        await release.wait()
        return await read_log(spans)

    read_coverage, looked, said = node.read_coverage, asyncio.Event(), asyncio.Event()

    async def read_coverage_late(who: Participant, conversation_ids: Sequence[int]) -> Any:
        """And a little is said since it looked."""
        monkeypatch.setattr(node, "read_coverage", read_coverage)
        found = await read_coverage(who, conversation_ids)
        looked.set()
        await said.wait()
        return found

    monkeypatch.setattr(node, "read_log", read_late)
    monkeypatch.setattr(node, "read_coverage", read_coverage_late)
    await alice.do("add_participants", conversation_id=cid, participants=["user_2"])
    await looked.wait()
    await say(alice, cid, "meanwhile")
    said.set()
    (created,) = await everyone([bob], "conversation_created")
    asked = bob.send("subscribe_conversation", conversation_id=cid, after_seq=0)
    await cluster.settle()
    await say(alice, cid, "later")
    release.set()
    (subscribed,) = [await bob.answer(asked)]
    await cluster.settle()
    await say(alice, cid, "last")
    await cluster.settle()
    after = bob.frames[bob.frames.index(subscribed) :]
    first = created["conversation"]["last_seq"] + 1
    assert [frame["seq"] for frame in after if "seq" in frame] == list(range(first, first + 3))
    assert [frame["type"] for frame in after].index("resumed") == subscribed["last_seq"] - first + 2


@pytest.mark.parametrize("asked", [{}, {"after_seq": 1}])
async def test_whoever_asks_while_they_are_being_taken_out_hears_of_that_all_the_same(
    cluster: Cluster, asked: dict[str, int]
) -> None:
    alice, bob, cid = await two(cluster)
    await say(alice, cid, "one")
    await cluster.settle()
    plane = cluster.planes[1]
    plane.fate = lambda topic: Fate.DELAY if topic[0] == "c" else Fate.PASS
    await say(alice, cid, "two")
    await alice.do("remove_participant", conversation_id=cid, user_id="user_2")
    assert (await bob.refused("subscribe_conversation", conversation_id=cid, **asked))["code"] == "not_found"
    plane.behave()
    await cluster.settle()
    assert bob.seqs(cid) == [1, 2, 3]
    assert bob.heard("participant_left")
    assert cid not in bob.session.conversations


@pytest.mark.parametrize("is_announced", [True, False])
async def test_whoever_is_taken_out_and_in_again_while_their_request_is_served_is_in_again(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, is_announced: bool
) -> None:
    alice, bob = await cluster.connect("user_1", 0), await cluster.connect("user_2", 1)
    cid = await cluster.found(alice, "user_2", "user_3")
    carol = await cluster.connect("user_3", 1)
    await say(alice, cid, "one")
    await cluster.clock.advance(GAP_HOLD_S)  # else their node may still be about to look who was taken in
    await cluster.settle()
    node, plane = cluster.nodes[1], cluster.planes[1]
    read_coverage, looked, go_on = node.read_coverage, asyncio.Event(), asyncio.Event()
    looks = 0

    async def read_late(who: Participant, conversation_ids: Sequence[int]) -> Any:
        """The second look, which is the hub's own; or the first, at which they are out already."""
        nonlocal looks
        looks += 1
        found = await read_coverage(who, conversation_ids)
        if looks == (1 if is_announced else 2):
            looked.set()
            await go_on.wait()
        return found

    monkeypatch.setattr(node, "read_coverage", read_late)
    if is_announced:
        plane.fate = lambda topic: Fate.DELAY if topic[0] == "c" else Fate.PASS
        await alice.do("remove_participant", conversation_id=cid, user_id="user_2")
    asked = bob.send("subscribe_conversation", conversation_id=cid, after_seq=1)
    await looked.wait()
    if not is_announced:
        await alice.do("remove_participant", conversation_id=cid, user_id="user_2")
        plane.fate = lambda topic: Fate.DROP if topic[0] == "p" else Fate.PASS
    else:
        plane.behave()
    await alice.do("add_participants", conversation_id=cid, participants=["user_2"])
    while carol.seqs(cid)[-1:] != [3]:
        await asyncio.sleep(0.001)
    await cluster.clock.run_ready()
    plane.behave()
    go_on.set()
    await bob.answer(asked)
    await cluster.settle()
    await cluster.clock.advance(GAP_HOLD_S)
    await cluster.settle()
    await say(alice, cid, "for both")
    await cluster.settle()
    assert carol.seqs(cid)[-1] == bob.seqs(cid)[-1]
    assert cid in bob.session.conversations


async def test_whoever_asks_in_one_conversation_does_not_wait_for_being_taken_into_another(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob, cid = await two(cluster)
    await say(alice, cid, "one")
    await cluster.settle()
    node = cluster.nodes[1]
    read_coverage, go_on = node.read_coverage, asyncio.Event()

    async def read_late(who: Participant, conversation_ids: Sequence[int]) -> Any:
        if list(conversation_ids) != [cid]:
            await go_on.wait()
        return await read_coverage(who, conversation_ids)

    monkeypatch.setattr(node, "read_coverage", read_late)
    other = await cluster.found(alice, "user_2")
    assert (await bob.do("subscribe_conversation", conversation_id=cid, after_seq=0))["type"] == "subscribed"
    announced = len(bob.heard("conversation_created"))
    go_on.set()
    await cluster.settle()
    assert other in bob.session.conversations
    assert len(bob.heard("conversation_created")) == announced + 1, "it was on its way until then"
    assert not node.hub.catching_up._under_way
