"""People are told what they missed, once, and no longer when they have read it."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import pytest

from bihak.core.node import NodeOptions
from bihak.features.messages import NewMessage
from bihak.features.notifications import NOTIFY_AFTER_S, Notify, news
from bihak.tasks import EARLY_S
from tests.harness import Cluster, Device, Frame, Place, running_cluster


async def later(cluster: Cluster) -> None:
    """Lets so much time pass that everyone is told of what has happened so far."""
    await cluster.settle()
    for _ in range(3):
        await cluster.clock.advance(NOTIFY_AFTER_S * 1.5)
        await cluster.settle()
        await asyncio.sleep(0.05)  # what the work rests in real time


async def say(device: Device, conversation_id: int, *texts: str) -> list[int]:
    """Sends these; their ids."""
    return [(await device.do("message", conversation_id=conversation_id, content=text))["message_id"] for text in texts]


async def listed(device: Device, **fields: Any) -> list[tuple[str, int | None, int, bool]]:
    """Kind, message, count and whether it is read, of each of one's notifications, the latest first."""
    page = await device.do("notifications", **fields)
    return [(n["kind"], n["message_id"], n["count"], n["read_at"] is not None) for n in page["notifications"]]


async def team(cluster: Cluster) -> tuple[Device, Device, int]:
    """Two people on two nodes in a conversation, and nothing to tell them."""
    alice, bob = await cluster.connect("user_1", 0), await cluster.connect("user_2", 1)
    cid = await cluster.found(alice, "user_2")
    await later(cluster)
    await bob.do("mark_notifications_read")
    await cluster.settle()
    alice.take()
    bob.take()
    bob.frames.clear()
    return alice, bob, cid


def told(device: Device) -> list[Frame]:
    return [frame["notification"] for frame in device.heard("notification")]


def without_what_was_added(found: list[tuple[str, int | None, int, bool]]) -> list[tuple[str, int | None, int, bool]]:
    return [each for each in found if each[0] != "added"]


async def test_who_has_not_read_a_message_two_seconds_later_is_notified_and_the_sender_is_not(
    cluster: Cluster,
) -> None:
    alice, bob, cid = await team(cluster)
    bob_too = await cluster.connect("user_2", 0)
    (message_id,) = await say(alice, cid, "hello")
    await cluster.settle()
    await cluster.clock.advance(NOTIFY_AFTER_S * 0.9)
    await bob.quiet("notification")
    await later(cluster)
    (told_bob,) = told(bob)
    assert told_bob == told(bob_too)[0]
    page = await bob.do("notifications")
    assert page["notifications"][0] == told_bob
    assert (page["unread"], page["has_more"]) == (1, False)
    assert told_bob.keys() == {
        *("notification_id", "kind", "conversation_id", "message_id", "count", "created_at", "read_at"),
    }
    assert (told_bob["kind"], told_bob["conversation_id"]) == ("message", cid)
    assert (told_bob["message_id"], told_bob["count"], told_bob["read_at"]) == (message_id, 1, None)
    assert told(alice) == []
    assert await listed(alice) == []


async def test_who_reads_in_time_is_not_notified(cluster: Cluster) -> None:
    alice, bob, cid = await team(cluster)
    for text in ("one", "two", "three"):
        (message_id,) = await say(alice, cid, text)
        await cluster.clock.advance(NOTIFY_AFTER_S * 0.6)
        await bob.do("mark_read", conversation_id=cid, message_id=message_id)
    await later(cluster)
    assert told(bob) == []
    assert without_what_was_added(await listed(bob)) == []


async def test_a_conversation_has_one_notification_that_counts(cluster: Cluster) -> None:
    alice, bob, cid = await team(cluster)
    await say(alice, cid, "one", "two")
    await later(cluster)
    await say(bob, cid, "I do not look")
    (latest,) = await say(alice, cid, "three")
    await later(cluster)
    assert without_what_was_added(await listed(bob)) == [("message", latest, 3, False)]
    first, second = told(bob)
    assert first["notification_id"] == second["notification_id"]
    assert (first["count"], second["count"]) == (2, 3)
    assert [(n["kind"], n["count"]) for n in told(alice)] == [("message", 1)]


async def test_reading_the_conversation_reads_its_notification_on_every_device(cluster: Cluster) -> None:
    alice, bob, cid = await team(cluster)
    other = await cluster.found(alice, "user_2")
    bob_too = await cluster.connect("user_2", 0)
    *_, last = await say(alice, cid, "one", "two")
    await say(alice, other, "elsewhere")
    await later(cluster)
    notification_id = next(n["notification_id"] for n in told(bob) if n["conversation_id"] == cid)
    bob.take()
    bob_too.take()
    await bob.do("mark_read", conversation_id=cid, message_id=last)
    for device in (bob, bob_too):
        event = await device.expect("notifications_read")
        assert (event["notification_ids"], event["conversation_id"]) == ([notification_id], cid)
    read = {
        n["conversation_id"]: n["read_at"]
        for n in (await bob.do("notifications"))["notifications"]
        if n["kind"] == "message"
    }
    assert read == {cid: event["read_at"], other: None}
    await alice.quiet("notifications_read")
    (again,) = await say(alice, cid, "three")
    await later(cluster)
    assert ("message", again, 1, False) in await listed(bob)
    assert len(await cluster.stored("SELECT id FROM notifications WHERE kind = 'message' AND participant_id = 2")) == 2


async def test_what_many_read_in_one_batch_is_told_to_each_once_in_the_answer_that_covers_it(
    cluster: Cluster,
) -> None:
    alice, bob, cid = await team(cluster)
    carol = await cluster.connect("user_3", 1)
    await alice.do("add_participants", conversation_id=cid, participants=["user_3"])
    other = await cluster.found(alice, "user_2")
    first, last = await say(alice, cid, "one", "two, @user_2")
    (elsewhere,) = await say(alice, other, "elsewhere")
    await later(cluster)
    of_bob = {(n["conversation_id"], n["kind"]): n["notification_id"] for n in told(bob)}
    of_carol = {n["notification_id"] for n in told(carol)}
    assert len(of_carol) == 2, "of being added, and of a message"
    with cluster.one_batch(1):
        for device, message_id in ((bob, first), (bob, last), (carol, last), (bob, first)):
            device.send("mark_read", conversation_id=cid, message_id=message_id)
    await cluster.settle()
    (heard,) = bob.heard("notifications_read")
    assert set(heard["notification_ids"]) == {of_bob[cid, "message"], of_bob[cid, "mention"]}
    (heard,) = carol.heard("notifications_read")
    assert set(heard["notification_ids"]) == of_carol
    unread = await cluster.stored("SELECT conversation_id, message_id FROM notifications WHERE read_ms IS NULL")
    assert (other, elsewhere) in unread
    assert {found for found, _ in unread} == {other}


async def test_reading_a_part_leaves_the_notification(cluster: Cluster) -> None:
    alice, bob, cid = await team(cluster)
    first, last = await say(alice, cid, "one", "two")
    await later(cluster)
    await bob.do("mark_read", conversation_id=cid, message_id=first)
    assert without_what_was_added(await listed(bob)) == [("message", last, 2, False)]


async def test_a_mention_is_told_once_whatever_is_edited_later(cluster: Cluster) -> None:
    alice, bob, cid = await team(cluster)
    mentioned, plain = await say(alice, cid, "look, @user_2 and @user_1", "nobody")
    await later(cluster)
    assert sorted(without_what_was_added(await listed(bob))) == [
        ("mention", mentioned, 1, False),
        ("message", plain, 2, False),
    ]
    assert await listed(alice) == []
    await alice.do("edit_message", message_id=mentioned, content="look again, @user_2")
    await later(cluster)  # there is nothing to be written of it
    done = "SELECT d.seq FROM deferred_progress d WHERE d.task = 'notify'"
    assert await cluster.stored(done) == await cluster.stored("SELECT last_seq FROM conversations")
    await alice.do("edit_message", message_id=plain, content="not nobody: @user_2")
    await later(cluster)
    mentions = [n["message_id"] for n in told(bob) if n["kind"] == "mention"]
    assert mentions == [mentioned, plain]
    await bob.do("mark_read", conversation_id=cid, message_id=plain)
    assert all(is_read for *_, is_read in await listed(bob))


async def test_being_taken_in_is_told_but_not_to_who_did_it(cluster: Cluster) -> None:
    alice, bob, carol = [await cluster.connect(f"user_{n}", n % 2) for n in (1, 2, 3)]
    cid = await cluster.found(alice, "user_2")
    direct = await cluster.found(alice, "user_2", kind="direct", name=None)
    await later(cluster)
    assert [(n["kind"], n["conversation_id"]) for n in told(bob)] == [("added", cid)]
    await alice.do("add_participants", conversation_id=cid, participants=["user_3"])
    await later(cluster)
    assert [(n["kind"], n["conversation_id"], n["message_id"]) for n in told(carol)] == [("added", cid, None)]
    assert told(alice) == []
    assert len(told(bob)) == 1
    await say(alice, direct, "hello")
    await later(cluster)
    assert [(n["kind"], n["conversation_id"]) for n in told(bob)][1:] == [("message", direct)]


async def test_being_in_a_group_for_long_is_no_news_once_something_is_said_there(
    place: Place, cluster: Cluster
) -> None:
    alice, bob = await cluster.connect("user_1", 0), await cluster.connect("user_2", 1)
    with place.handles(3)[2].writer_engine.begin() as connection:  # by a program that knew of no notifications
        connection.exec_driver_sql(
            "INSERT INTO conversations (id, conversation_type, created_ms, last_seq, member_count, last_message_ms, "
            "changed_ms) VALUES (77, 'team', 1, 0, 2, 0, 1)"
        )
        connection.exec_driver_sql(
            "INSERT INTO conversation_participants (conversation_id, participant_type, participant_id, joined_ms, "
            "joined_seq, last_read_seq, role) "
            "VALUES (77, 'user', 1, 1, 0, 0, 'member'), (77, 'user', 2, 1, 0, 0, 'member')"
        )
    await say(alice, 77, "hello")
    await later(cluster)
    assert [kind for kind, *_ in await listed(bob)] == ["message"]


async def test_what_was_said_before_somebody_came_is_no_news_to_them(cluster: Cluster) -> None:
    alice, _, cid = await team(cluster)
    carol = await cluster.connect("user_3", 1)
    await say(alice, cid, "before @user_3")
    await alice.do("add_participants", conversation_id=cid, participants=["user_3"])
    await later(cluster)
    assert [n["kind"] for n in told(carol)] == ["added"]


async def test_who_leaves_is_told_nothing_and_has_nothing_left_to_read(cluster: Cluster) -> None:
    alice, bob, cid = await team(cluster)
    await say(alice, cid, "one")
    await later(cluster)
    await alice.do("remove_participant", conversation_id=cid, user_id="user_2")
    await say(alice, cid, "two @user_2")
    await later(cluster)
    assert [n["count"] for n in told(bob)] == [1]
    assert (await bob.do("notifications"))["unread"] == 0
    assert bob.heard("notifications_read")[-1]["conversation_id"] == cid


async def test_a_message_deleted_in_time_is_told_to_nobody(cluster: Cluster) -> None:
    alice, bob, cid = await team(cluster)
    (message_id,) = await say(alice, cid, "oops @user_2")
    await alice.do("delete_message", message_id=message_id)
    await later(cluster)
    assert told(bob) == []


async def test_some_or_all_can_be_marked_as_read_and_only_ones_own(cluster: Cluster) -> None:
    alice, bob, cid = await team(cluster)
    other = await cluster.found(alice, "user_2", "user_3")
    carol = await cluster.connect("user_3", 0)
    await say(alice, cid, "one")
    await say(alice, other, "two")
    await later(cluster)
    unread = (await bob.do("notifications"))["unread"]
    (some, *_) = (await bob.do("notifications"))["notifications"]
    await carol.do("mark_notifications_read", notification_ids=[some["notification_id"], 2**53 - 1])
    assert (await bob.do("notifications"))["unread"] == unread
    await bob.do("mark_notifications_read", notification_ids=[some["notification_id"]])
    assert (await bob.expect("notifications_read", conversation_id=None))["notification_ids"] == [
        some["notification_id"]
    ]
    assert (await bob.do("notifications"))["unread"] == unread - 1
    await bob.do("mark_notifications_read")
    assert (await bob.do("notifications"))["unread"] == 0
    assert (await carol.do("notifications"))["unread"] > 0


async def test_a_page_ends_where_the_next_one_begins(cluster: Cluster) -> None:
    alice, bob = await cluster.connect("user_1", 0), await cluster.connect("user_2", 1)
    cids = [await cluster.found(alice, "user_2") for _ in range(5)]
    await later(cluster)
    whole = (await bob.do("notifications"))["notifications"]
    assert sorted(n["conversation_id"] for n in whole) == cids
    first = await bob.do("notifications", limit=3)
    second = await bob.do("notifications", limit=3, before=first["notifications"][-1]["notification_id"])
    assert (first["has_more"], second["has_more"]) == (True, False)
    assert first["notifications"] + second["notifications"] == whole
    theirs = await alice.refused("notifications", before=whole[0]["notification_id"], request_id="r")
    assert theirs == await alice.refused("notifications", before=2**53 - 1, request_id="r")


async def test_two_nodes_that_tell_of_the_same_conversation_count_each_message_once(cluster: Cluster) -> None:
    alice, bob, cid = await team(cluster)
    carol = await cluster.connect("user_3", 0)
    await alice.do("add_participants", conversation_id=cid, participants=["user_3"])
    for n in range(10):
        alice.send("message", conversation_id=cid, content=f"a{n} @user_3")
        bob.send("message", conversation_id=cid, content=f"b{n}")
    await cluster.settle()
    ((head,),) = await cluster.stored("SELECT last_seq FROM conversations WHERE id = :id", id=cid)
    await asyncio.gather(*(node.call(Notify(conversation_id=cid, through=head)) for node in cluster.nodes * 3))
    await later(cluster)
    found = await listed(carol)
    others = sorted((kind, count) for kind, _, count, _ in found if kind != "mention")
    assert others == [("added", 1), ("message", 20)]
    assert len([kind for kind, *_ in found if kind == "mention"]) == 10
    assert ("message", 10) in [(kind, count) for kind, _, count, _ in await listed(bob)]


async def test_reading_and_telling_on_two_nodes_at_once_leave_nothing_unread(cluster: Cluster) -> None:
    alice, bob, cid = await team(cluster)
    for n in range(10):
        (message_id,) = await say(alice, cid, f"{n}")
        ((head,),) = await cluster.stored("SELECT last_seq FROM conversations WHERE id = :id", id=cid)
        await asyncio.gather(
            cluster.nodes[0].call(Notify(conversation_id=cid, through=head)),
            bob.do("mark_read", conversation_id=cid, message_id=message_id),
        )
        assert (await bob.do("notifications"))["unread"] == 0


async def test_what_a_crash_left_untold_is_told_after_the_next_start(place: Place) -> None:
    async with running_cluster(place) as cluster:
        alice, _, cid = await team(cluster)
        *_, last = await say(alice, cid, "one", "two @user_2")
    again = Cluster(place.handles(1))
    await again.start()
    try:
        await later(again)
        bob = await again.connect("user_2")
        assert sorted(without_what_was_added(await listed(bob))) == [
            ("mention", last, 1, False),
            ("message", last, 2, False),
        ]
    finally:
        await again.stop()


async def test_what_was_read_long_ago_is_forgotten_and_what_is_unread_is_not(place: Place, cluster: Cluster) -> None:
    alice, bob, cid = await team(cluster)
    other = await cluster.found(alice, "user_2")
    *_, last = await say(alice, cid, "one")
    await say(alice, other, "two")
    await later(cluster)
    await bob.do("mark_read", conversation_id=cid, message_id=last)
    days = NodeOptions().notification_days
    with place.handles(3)[2].writer_engine.begin() as connection:
        connection.exec_driver_sql(
            f"UPDATE notifications SET created_ms = created_ms - {days * 86_400_000 + 1000:d}, "
            f"read_ms = read_ms - {days * 86_400_000 + 1000:d} WHERE kind = 'message'"
        )
    await cluster.clock.advance(NodeOptions().periods_s["notifications"] + EARLY_S)
    await later(cluster)
    assert [
        n["conversation_id"] for n in (await bob.do("notifications"))["notifications"] if n["kind"] == "message"
    ] == [other]


async def test_a_large_conversation_is_told_in_a_few_statements(cluster: Cluster) -> None:
    alice, bob = await cluster.connect("user_1", 0), await cluster.connect("user_2", 1)
    people = [f"user_{n}" for n in range(2, 700)]
    cid = await cluster.found(alice, *people)
    await say(alice, cid, "hello all")
    await later(cluster)
    counts = await cluster.stored("SELECT kind, COUNT(*), SUM(count) FROM notifications GROUP BY kind ORDER BY kind")
    assert [(kind, rows, int(total)) for kind, rows, total in counts] == [("added", 698, 698), ("message", 698, 698)]
    assert sorted(n["kind"] for n in told(bob)) == ["added", "message"]


async def test_a_deleted_message_is_taken_out_of_what_was_told(cluster: Cluster) -> None:
    alice, bob, cid = await team(cluster)
    first, second, third = await say(alice, cid, "one", "two", "@user_2 three")
    await later(cluster)
    assert sorted(await listed(bob))[1:] == [("mention", third, 1, False), ("message", third, 3, False)]
    await alice.do("delete_message", message_id=third)
    await cluster.settle()
    assert sorted(await listed(bob))[1:] == [("mention", third, 1, True), ("message", second, 2, False)]
    assert told(bob)[-1]["count"] == 2
    await bob.do("mark_read", conversation_id=cid, message_id=first)
    for message_id in (first, second):
        await alice.do("delete_message", message_id=message_id)
    await cluster.settle()
    assert all(is_read for *_, is_read in await listed(bob))
    await later(cluster)
    assert (await bob.do("notifications"))["unread"] == 0


async def test_reading_on_clears_a_mention_by_an_edit_of_what_was_read(cluster: Cluster) -> None:
    alice, bob, cid = await team(cluster)
    (message_id,) = await say(alice, cid, "hello")
    await bob.do("mark_read", conversation_id=cid, message_id=message_id)
    await later(cluster)
    await alice.do("edit_message", message_id=message_id, content="hello @user_2")
    await later(cluster)
    assert (await bob.do("notifications"))["unread"] == 1
    await bob.do("mark_read", conversation_id=cid, message_id=message_id)
    assert (await bob.do("notifications"))["unread"] == 0


async def test_reading_what_lies_behind_the_cursor_clears_what_was_read_before_it(cluster: Cluster) -> None:
    alice, bob, cid = await team(cluster)
    first, second, last = await say(alice, cid, "one", "two", "three")
    await bob.do("mark_read", conversation_id=cid, message_id=last)
    await later(cluster)
    await alice.do("edit_message", message_id=second, content="two, @user_2")
    await later(cluster)
    assert (await bob.do("notifications"))["unread"] == 1
    await bob.do("mark_read", conversation_id=cid, message_id=first)  # by a device that is behind
    assert (await bob.do("notifications"))["unread"] == 0
    assert (await bob.do("get_conversation", conversation_id=cid))["conversation"]["last_read_message_id"] == last


async def test_opening_a_conversation_in_which_nothing_was_said_clears_being_taken_in(cluster: Cluster) -> None:
    alice, bob = await cluster.connect("user_1", 0), await cluster.connect("user_2", 1)
    cid = await cluster.found(alice, "user_2")
    await later(cluster)
    assert await listed(bob) == [("added", None, 1, False)]
    await bob.do("mark_read", conversation_id=cid, message_id=2**53 - 1)
    assert await listed(bob) == [("added", None, 1, True)]


async def test_messages_that_this_node_has_just_stored_are_not_read_again(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob, cid = await team(cluster)
    reads: list[Any] = []

    def read(_tx: object, spans: Iterable[int], *_: object) -> Sequence[Any]:
        reads.extend(spans)
        return ()

    monkeypatch.setattr(news, "_read_messages", read)
    monkeypatch.setattr(news, "_read_changes", read)
    *_, last = await say(alice, cid, "one", "two @user_2", "three")
    await later(cluster)
    assert sorted((kind, message_id == last, count) for kind, message_id, count, _ in await listed(bob)) == [
        ("added", False, 1),
        ("mention", False, 1),
        ("message", True, 3),
    ]
    assert reads == []


async def test_what_was_deleted_meanwhile_is_not_told_whatever_a_node_remembers(cluster: Cluster) -> None:
    alice, bob, cid = await team(cluster)
    first, second = await say(alice, cid, "one", "two")
    await cluster.settle()
    remembered = [msgspec.convert(frame, NewMessage) for frame in bob.durable(cid)]
    await alice.do("delete_message", message_id=second)
    through = remembered[-1].seq
    await cluster.nodes[1].call(Notify(conversation_id=cid, through=through, events=remembered))
    assert without_what_was_added(await listed(bob)) == [("message", first, 1, False)]
