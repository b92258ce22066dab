"""Delivery over a backplane that loses, repeats and reorders: nobody misses an event or sees it twice."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
import sqlalchemy as sa

from bihak.cluster.envelope import conversation_topic
from bihak.core import hub, session
from bihak.core.log import LogEntry, Span
from bihak.core.repairing import GAP_HOLD_S
from bihak.core.session import DRAINED_BYTES, OUTBOX_BYTES
from bihak.errors import CloseCode
from bihak.features.conversations import AddParticipants, RemoveParticipant
from bihak.features.notifications import NOTIFY_AFTER_S
from bihak.storage.dialect import TransientFault
from tests.harness import Cluster, Device, Fate
from tests.waiting import Stubborn


async def two(cluster: Cluster) -> tuple[Device, Device, int]:
    alice, bob = await cluster.connect("user_1", 0), await cluster.connect("user_2", 1)
    return alice, bob, await cluster.found(alice, "user_2")


async def say(device: Device, cid: int, *texts: str) -> None:
    for text in texts:
        await device.do("message", conversation_id=cid, content=text)


async def test_a_lost_publish_is_mended_by_the_next_event(cluster: Cluster) -> None:
    alice, bob, cid = await two(cluster)
    cluster.planes[1].fate = lambda _topic: Fate.DROP
    await say(alice, cid, "one", "two")
    cluster.planes[1].behave()
    assert bob.seqs(cid) == []
    await say(alice, cid, "three")
    await cluster.settle()
    assert bob.seqs(cid) == [1, 2, 3]


async def test_a_lost_publish_is_mended_by_the_sweep(cluster: Cluster) -> None:
    alice, bob, cid = await two(cluster)
    for plane in cluster.planes:
        plane.fate = lambda _topic: Fate.DROP
    await say(alice, cid, "one", "two")
    await cluster.sweep()
    assert alice.seqs(cid) == bob.seqs(cid) == [1, 2]


async def test_without_any_backplane_a_new_conversation_and_a_removal_still_arrive(cluster: Cluster) -> None:
    alice, bob = await cluster.connect("user_1", 0), await cluster.connect("user_2", 1)
    for plane in cluster.planes:
        plane.fate = lambda _topic: Fate.DROP
    cid = await cluster.found(alice, "user_2")
    await say(alice, cid, "one")
    await cluster.sweep()
    await cluster.sweep()
    assert [event["conversation_id"] for event in bob.heard("conversation_created")] == [cid]
    await alice.do("remove_participant", conversation_id=cid, user_id="user_2")
    await say(alice, cid, "not for Bob")
    await cluster.sweep()
    assert [frame["type"] for frame in bob.durable(cid)][-1] == "participant_left"


async def test_whoever_comes_back_after_a_lost_removal_is_in_the_room_again(cluster: Cluster) -> None:
    alice, bob, cid = await two(cluster)
    cluster.planes[1].misbehave(drop=1.0, topics="c")
    await alice.do("remove_participant", conversation_id=cid, user_id="user_2")
    await alice.do("add_participants", conversation_id=cid, participants=["user_2"])
    await cluster.settle()
    cluster.planes[1].behave()
    await say(alice, cid, "one")
    await cluster.sweep()
    await say(alice, cid, "two")
    await cluster.sweep()
    assert [frame["content"] for frame in bob.durable(cid) if frame["type"] == "new_message"] == ["one", "two"]


async def test_an_announcement_that_comes_late_lets_nobody_in_who_has_left_since(cluster: Cluster) -> None:
    alice, bob = await cluster.connect("user_1", 0), await cluster.connect("user_2", 1)
    cid = await cluster.found(alice, "user_3")
    carol = await cluster.connect("user_3", 1)
    for is_anyone_there in (True, False):
        if not is_anyone_there:
            carol.drop()
        cluster.planes[1].fate = lambda topic: Fate.DELAY if topic == "puser_2" else Fate.PASS
        await alice.do("add_participants", conversation_id=cid, participants=["user_2"])
        await alice.do("remove_participant", conversation_id=cid, user_id="user_2")
        cluster.planes[1].behave()
        cluster.planes[1].release()
        await cluster.settle()
        left = (await alice.do("get_conversation", conversation_id=cid))["conversation"]["last_seq"]
        await say(alice, cid, "not for Bob")
        await cluster.sweep()
        assert [seq for seq in bob.seqs(cid) if seq > left] == []
        if not bob.is_open:
            bob = await cluster.connect("user_2", 1)


async def test_repeated_and_reordered_publishes_are_heard_once_in_order(cluster: Cluster) -> None:
    alice, bob, cid = await two(cluster)
    for plane in cluster.planes:
        plane.misbehave(drop=0.2, repeat=0.3, delay=0.3, topics="c")
    for number in range(60):
        (alice, bob)[number % 2].send("message", conversation_id=cid, content=f"{number}")
        if number % 7 == 0:
            await cluster.clock.run_ready()
    await cluster.settle()
    for plane in cluster.planes:
        plane.behave()
    await cluster.sweep()
    assert alice.seqs(cid) == bob.seqs(cid) == list(range(1, 61))
    assert alice.durable(cid) == bob.durable(cid)


async def test_a_late_publish_of_what_was_read_from_the_log_is_dropped(cluster: Cluster) -> None:
    alice, bob, cid = await two(cluster)
    cluster.planes[1].misbehave(delay=1.0, topics="c")
    await say(alice, cid, "one", "two")
    again = await cluster.connect("user_2", 1, resume={cid: 0})
    assert again.seqs(cid) == [1, 2]
    cluster.planes[1].release()
    cluster.planes[1].behave()
    await say(alice, cid, "three")
    await cluster.settle()
    assert again.seqs(cid) == bob.seqs(cid) == [1, 2, 3]


# A database that goes away


@pytest.mark.parametrize("is_committed", [True, False], ids=["committed", "not committed"])
async def test_a_commit_whose_reply_is_lost_doubles_nothing_and_loses_nothing(
    cluster: Cluster, is_committed: bool
) -> None:
    alice, bob, cid = await two(cluster)
    (message_id,) = [(await alice.do("message", conversation_id=cid, content="first"))["message_id"]]
    engine = cluster.nodes[0].database.writer_engine
    lost: list[bool] = []

    def lose(connection: sa.Connection) -> None:
        if not lost:
            lost.append(True)
            if is_committed:
                connection.connection.commit()
            raise TransientFault("the connection was lost during COMMIT")

    asked: list[tuple[str, dict[str, Any]]] = [
        ("message", {"conversation_id": cid, "content": "no key"}),
        ("message", {"conversation_id": cid, "content": "with a key", "idempotency_key": "key-0001"}),
        ("edit_message", {"message_id": message_id, "content": "edited"}),
        ("rename_conversation", {"conversation_id": cid, "name": "Renamed"}),
        ("delete_message", {"message_id": message_id}),
        ("create_conversation", {"conversation_type": "team", "participants": ["user_2"], "name": "Once"}),
    ]
    sa.event.listen(engine, "commit", lose)
    try:
        for verb, fields in asked:
            await cluster.settle()
            lost.clear()
            answer = await alice.do(verb, **fields)
            assert lost
            assert not answer.get("duplicate")
    finally:
        await cluster.settle()
        sa.event.remove(engine, "commit", lose)
    assert [frame["type"] for frame in bob.durable(cid)] == [
        "new_message", "new_message", "new_message", "message_edited", "conversation_renamed", "message_deleted",
    ]  # fmt: skip
    assert alice.seqs(cid) == bob.seqs(cid) == [1, 2, 3, 4, 5, 6]
    assert await cluster.stored("SELECT COUNT(*) FROM messages") == [(3,)]
    assert await cluster.stored("SELECT COUNT(*) FROM conversations WHERE name = 'Once'") == [(1,)]


# Slow consumers


@pytest.mark.parametrize("many", [1, hub.MANY_SESSIONS])
async def test_a_slow_consumer_catches_up_without_a_hole(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, many: int
) -> None:
    monkeypatch.setattr(hub, "MANY_SESSIONS", many)
    alice, bob, cid = await two(cluster)
    bob.tape.stalled = True
    text = "👍" * 5_000
    for number in range(OUTBOX_BYTES // len(text.encode()) * 2):
        alice.send("message", conversation_id=cid, content=f"{number} {text}")
        if number % 20 == 0:
            await cluster.settle()
            alice.frames.clear()
    await cluster.settle()
    head = (await cluster.stored("SELECT last_seq FROM conversations"))[0][0]
    assert bob.session.unread_bytes() <= OUTBOX_BYTES
    while len(bob.seqs(cid)) < head and bob.is_open:
        bob.tape.read_on()
        await cluster.clock.advance(0.1)
        await cluster.settle()
    assert bob.seqs(cid) == list(range(1, head + 1))
    await say(alice, cid, "and on")
    await cluster.settle()
    assert bob.seqs(cid)[-1] == head + 1


@pytest.mark.parametrize("at", ["before it reads", "while it reads"])
async def test_a_slow_consumer_that_is_taken_out_and_in_meanwhile_hears_that_it_was_out(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    alice, bob, cid = await two(cluster)
    node = cluster.nodes[1]
    read_log = node.read_log

    async def out_and_in() -> None:
        owner = alice.session.actor
        assert owner is not None
        await cluster.nodes[0].call(RemoveParticipant(conversation_id=cid, user_id="user_2"), owner)
        await cluster.nodes[0].call(AddParticipants(conversation_id=cid, participants=["user_2"]), owner)

    async def read_later(spans: Sequence[Span]) -> list[list[LogEntry]]:
        monkeypatch.setattr(node, "read_log", read_log)
        await out_and_in()
        return await read_log(spans)

    bob.tape.stalled = True
    text = "x" * 10_000
    # Whoever has little waiting is offered whatever one transaction brings, and a page of the log if that was refused.
    await say(alice, cid, *[text] * (DRAINED_BYTES // len(text) + 1))
    await cluster.settle()
    for _ in range(2 * OUTBOX_BYTES // len(text)):
        alice.send("message", conversation_id=cid, content=text)
    await cluster.settle()
    assert bob.session.unread_bytes() <= OUTBOX_BYTES
    if at == "while it reads":
        monkeypatch.setattr(node, "read_log", read_later)
    else:
        await out_and_in()
    while not bob.heard("conversation_created")[1:] and bob.is_open:
        bob.tape.read_on()
        await cluster.clock.advance(0.1)
        await cluster.settle()
    (out,) = [frame["seq"] for frame in bob.heard("participant_left")]
    assert [seq for seq in bob.seqs(cid) if seq <= out] == list(range(1, out + 1))


async def test_a_notification_waits_for_a_slow_consumer(cluster: Cluster) -> None:
    alice, bob, cid = await two(cluster)
    text = "x" * 10_000
    await say(alice, cid, *[text] * 20)
    await cluster.settle()
    bob.tape.stalled = True
    for _ in range(2 * OUTBOX_BYTES // (20 * len(text))):
        bob.send("history", conversation_id=cid)  # a reply is queued whatever waits
        await cluster.settle()
    assert bob.session.unread_bytes() > OUTBOX_BYTES
    for _ in range(3):
        await cluster.clock.advance(NOTIFY_AFTER_S * 1.5)
        await cluster.settle()
        await asyncio.sleep(0.05)  # what the work rests in real time
    assert bob.is_open
    assert await cluster.stored("SELECT kind, count FROM notifications WHERE kind = 'message'") == [("message", 20)]
    assert "message" not in [frame["notification"]["kind"] for frame in bob.heard("notification")]
    bob.tape.read_on()
    assert "message" in [frame["notification"]["kind"] for frame in bob.heard("notification")]


async def test_what_is_in_no_log_does_not_wait_without_bound(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "PERSONAL_BYTES", 20_000)
    alice, bob, cid = await two(cluster)
    bob.tape.stalled = True
    await say(alice, cid, "x" * 10_000, "x" * 10_000)
    for _ in range(3):
        await cluster.clock.advance(NOTIFY_AFTER_S * 1.5)
        await cluster.settle()
        await asyncio.sleep(0.05)  # what the work rests in real time
    assert bob.tape.closed is not None
    assert bob.tape.closed[0] is CloseCode.SLOW_CONSUMER


async def test_a_consumer_that_reads_nothing_for_too_long_is_closed_and_resumes(cluster: Cluster) -> None:
    alice, bob, cid = await two(cluster)
    bob.tape.stalled = True
    texts = ["x" * 10_000] * (DRAINED_BYTES // 10_000 + 2)
    await say(alice, cid, *texts)
    for _ in range(8):
        await cluster.clock.advance(5.0)
    assert bob.tape.closed is not None
    assert bob.tape.closed[0] is CloseCode.SLOW_CONSUMER
    assert bob.session not in cluster.nodes[1].sessions
    again = await cluster.connect("user_2", 1, resume={cid: 0})
    assert len(again.seqs(cid)) == len(texts)


async def test_typing_is_shed_for_a_slow_consumer_and_messages_are_not(cluster: Cluster) -> None:
    alice, bob, cid = await two(cluster)
    bob.tape.stalled = True
    text = "x" * 10_000
    for _ in range(60):
        alice.send("message", conversation_id=cid, content=text)
    await cluster.settle()
    alice.send("typing_start", conversation_id=cid)
    await cluster.settle()
    bob.tape.read_on()
    await cluster.settle()
    assert len(bob.seqs(cid)) == 60
    assert not bob.heard("user_typing")


async def test_a_node_that_ends_answers_first_and_closes_with_going_away(cluster: Cluster) -> None:
    alice, bob, cid = await two(cluster)
    alice.send("message", conversation_id=cid, content="last words")
    await asyncio.gather(cluster.nodes[0].drain(), cluster.clock.run_ready())
    assert [frame["type"] for frame in alice.heard("message_sent")] == ["message_sent"]
    assert alice.tape.closed == (CloseCode.GOING_AWAY, "server is draining")
    assert bob.seqs(cid) == [1]
    again = await cluster.connect("user_1", 1, resume={cid: 0})
    assert again.seqs(cid) == [1]


async def test_a_node_ends_though_a_task_of_its_own_takes_the_cancellation_for_something_else(cluster: Cluster) -> None:
    """As it happened to one, which refused writes for ever after."""
    node = cluster.nodes[0]
    alice, _, _ = await two(cluster)
    stubborn = Stubborn(1)
    node._background.append(stubborn.task)
    await cluster.settle()
    draining = asyncio.create_task(node.drain())
    for _ in range(50):
        await cluster.clock.advance(0.1)
        if stubborn.task.done():
            break
    assert stubborn.task.cancelled()
    await asyncio.gather(draining, cluster.clock.run_ready())
    assert alice.tape.closed == (CloseCode.GOING_AWAY, "server is draining")


async def test_whose_own_announcement_alone_was_lost_enters_all_the_same(cluster: Cluster) -> None:
    alice, bob, carol = [await cluster.connect(f"user_{number}", number > 1) for number in (1, 2, 3)]
    cluster.planes[1].fate = lambda topic: Fate.DROP if topic == "puser_3" else Fate.PASS
    new = await cluster.found(alice, "user_2", "user_3")
    old = await cluster.found(alice, "user_2")
    await cluster.sweep()
    await alice.do("add_participants", conversation_id=old, participants=["user_3"])
    await cluster.sweep()
    cluster.planes[1].behave()
    for cid in (new, old):
        await say(alice, cid, "hello")
        await cluster.settle()
        assert len([frame for frame in carol.heard("conversation_created") if frame["conversation_id"] == cid]) == 1
        assert [frame["content"] for frame in carol.durable(cid)] == ["hello"]
        assert len([frame for frame in bob.heard("conversation_created") if frame["conversation_id"] == cid]) == 1


async def test_an_announcement_that_a_later_membership_has_overtaken_is_not_told(cluster: Cluster) -> None:
    alice, bob, carol = [await cluster.connect(f"user_{number}", number > 1) for number in (1, 2, 3)]
    cid = await cluster.found(alice, "user_3")
    await cluster.clock.advance(GAP_HOLD_S)
    await cluster.settle()
    # The other node has looked who is in, as for each change that it hears of; it would find him in between.
    late = ("puser_2", conversation_topic(cid))
    cluster.planes[1].fate = lambda topic: Fate.DELAY if topic in late else Fate.PASS
    for is_member in (False, True):
        await alice.do("add_participants", conversation_id=cid, participants=["user_2"])
        await alice.do("remove_participant", conversation_id=cid, user_id="user_2")
        await alice.do("add_participants", conversation_id=cid, participants=["user_2"])
        if not is_member:
            await alice.do("remove_participant", conversation_id=cid, user_id="user_2")
        cluster.planes[1].release()
        await cluster.sweep()
        told = [frame["conversation_id"] for frame in bob.heard("conversation_created")]
        assert told == ([cid] if is_member else [])
    cluster.planes[1].behave()
    await say(carol, cid, "hello")
    await cluster.settle()
    assert [frame["content"] for frame in bob.durable(cid)] == ["hello"]
