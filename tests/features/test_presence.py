"""Who is online, by the count of their connections."""

import asyncio
from functools import partial

import pytest
import sqlalchemy as sa

from bihak.core.identity import Actor
from bihak.features import audience, presence
from bihak.features.presence import AWAY_AFTER_S, OFFLINE_AFTER_S, STEADY_AFTER_S, leases
from bihak.features.presence.leases import RENEW_EVERY_S, STALE_AFTER_MS
from bihak.features.presence.wire import SavePresence, SetStatus
from bihak.protocol.types import Participant, format_time
from bihak.tasks import EARLY_S
from tests.harness import Cluster, Device, Place


def statuses(device: Device, user_id: str) -> list[str]:
    return [frame["status"] for frame in device.heard("status_change") if frame["user_id"] == user_id]


async def neighbours(cluster: Cluster) -> Device:
    """Somebody who shares three conversations with user_1, and one with user_2; the others are not connected."""
    bob = await cluster.connect("user_2", 1)
    for _ in range(3):
        await cluster.found(bob, "user_1")
    await cluster.found(bob, "user_3")
    return bob


async def shown(device: Device, user_id: str) -> str:
    """The status that the conversations of `device` show for somebody."""
    await device.cluster.settle()
    pages = (await device.do("conversations"))["conversations"]
    found = {who["status"] for page in pages for who in page["participants"] if who["user_id"] == user_id}
    assert len(found) == 1
    return str(found.pop())


async def test_coming_and_going_is_told_once_however_many_conversations_are_shared(cluster: Cluster) -> None:
    bob = await neighbours(cluster)
    alice = await cluster.connect("user_1", 0)
    event = await bob.expect("status_change")
    assert (event["user_id"], event["participant_type"], event["participant_id"]) == ("user_1", "user", 1)
    assert event["status"] == "online"
    await alice.quiet("status_change")
    assert await shown(bob, "user_1") == "online"
    alice.drop()
    await cluster.settle()
    assert statuses(bob, "user_1") == ["online"]
    await cluster.clock.advance(OFFLINE_AFTER_S + 0.1)
    await cluster.settle()
    assert statuses(bob, "user_1") == ["online", "offline"]
    assert await shown(bob, "user_1") == "offline"


async def test_a_second_tab_changes_nothing(cluster: Cluster) -> None:
    bob = await neighbours(cluster)
    tabs = [await cluster.connect("user_1", 0) for _ in range(3)]
    for tab in tabs[:2]:
        tab.drop()
        await cluster.clock.advance(OFFLINE_AFTER_S + 0.1)
    await cluster.settle()
    assert statuses(bob, "user_1") == ["online"]
    tabs[2].drop()
    await cluster.clock.advance(OFFLINE_AFTER_S + 0.1)
    await cluster.settle()
    assert statuses(bob, "user_1") == ["online", "offline"]


async def test_a_reload_is_no_flicker(cluster: Cluster) -> None:
    bob = await neighbours(cluster)
    alice = await cluster.connect("user_1", 0)
    for _ in range(3):
        alice.drop()
        await cluster.clock.advance(OFFLINE_AFTER_S / 2)
        alice = await cluster.connect("user_1", 0)
    await cluster.clock.advance(OFFLINE_AFTER_S * 2)
    await cluster.settle()
    assert statuses(bob, "user_1") == ["online"]


async def test_a_reload_beside_a_tab_that_is_away_is_no_flicker(cluster: Cluster) -> None:
    bob = await neighbours(cluster)
    tab, away = await cluster.connect("user_1", 0), await cluster.connect("user_1", 0)
    await away.do("set_status", status="away")
    tab.drop()
    await cluster.clock.advance(OFFLINE_AFTER_S / 2)
    tab = await cluster.connect("user_1", 0)
    await cluster.clock.advance(OFFLINE_AFTER_S)
    await cluster.settle()
    assert statuses(bob, "user_1") == ["online"]
    tab.drop()
    await cluster.clock.advance(OFFLINE_AFTER_S + 0.1)
    await cluster.settle()
    assert statuses(bob, "user_1") == ["online", "away"]


async def test_a_crowd_that_is_gone_at_once_has_longer_to_come_back(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence, "BACK_A_SECOND", 1)
    bob = await neighbours(cluster)
    crowd = [await cluster.connect(user_id, 0) for user_id in ("user_1", "user_3", "user_4")]
    for device in crowd:
        device.drop()
    await cluster.clock.advance(OFFLINE_AFTER_S + 0.1)
    await cluster.settle()
    await cluster.connect("user_1", 0)
    await cluster.clock.advance(OFFLINE_AFTER_S + 0.1)
    await cluster.settle()
    assert statuses(bob, "user_1") == ["online"]
    assert statuses(bob, "user_3") == ["online", "offline"]
    assert await shown(bob, "user_3") == "offline"


async def test_whoever_has_a_connection_on_another_node_stays_online(cluster: Cluster) -> None:
    bob = await neighbours(cluster)
    here, there = await cluster.connect("user_1", 0), await cluster.connect("user_1", 1)
    await cluster.settle()
    here.drop()
    await cluster.clock.advance(OFFLINE_AFTER_S + 0.1)
    await cluster.settle()
    assert statuses(bob, "user_1") == ["online"]
    assert await shown(bob, "user_1") == "online"
    there.drop()
    await cluster.clock.advance(OFFLINE_AFTER_S + 0.1)
    assert await shown(bob, "user_1") == "offline"


async def test_those_who_share_nothing_are_not_told(cluster: Cluster) -> None:
    stranger = await cluster.connect("user_9", 1)
    await cluster.found(stranger, "user_3")
    await cluster.connect("user_1", 0)
    await cluster.settle()
    assert not statuses(stranger, "user_1")


async def test_a_connection_that_never_signed_in_is_nobody(cluster: Cluster) -> None:
    bob = await neighbours(cluster)
    nobody = cluster.open()
    await nobody.do("ping")
    nobody.drop()
    await cluster.clock.advance(OFFLINE_AFTER_S + 0.1)
    await bob.quiet("status_change")


async def wait(cluster: Cluster, seconds: float) -> None:
    """So long nobody does anything; then a second or two pass, in which the server looks."""
    for step in (seconds, 1.1, 1.1):
        await cluster.clock.advance(step)
        await cluster.settle()


async def test_whoever_is_silent_on_every_connection_is_away_until_they_do_something(cluster: Cluster) -> None:
    bob = await neighbours(cluster)
    phone, desk = await cluster.connect("user_1", 0), await cluster.connect("user_1", 1)
    await wait(cluster, AWAY_AFTER_S / 2)
    await desk.do("conversations")
    await wait(cluster, AWAY_AFTER_S / 2)
    assert phone.session.is_idle
    assert statuses(bob, "user_1") == ["online"], "the best of one's devices counts"
    await wait(cluster, AWAY_AFTER_S / 2)
    assert statuses(bob, "user_1") == ["online", "away"]
    await phone.do("ping")
    await wait(cluster, 0)
    assert statuses(bob, "user_1") == ["online", "away"], "a page's own heartbeat is nobody being there"
    await phone.do("conversations")
    await cluster.settle()
    assert statuses(bob, "user_1") == ["online", "away", "online"]
    await wait(cluster, AWAY_AFTER_S)
    assert statuses(bob, "user_1") == ["online", "away", "online", "away"]


async def test_whoever_was_silent_and_says_that_they_are_away_stays_so(cluster: Cluster) -> None:
    bob = await neighbours(cluster)
    alice = await cluster.connect("user_1", 0)
    await cluster.settle()  # that she is there has been told
    await wait(cluster, AWAY_AFTER_S)
    assert statuses(bob, "user_1") == ["online", "away"]
    await alice.do("set_status", status="away")
    await wait(cluster, AWAY_AFTER_S)
    await alice.do("conversations")
    await cluster.settle()
    assert statuses(bob, "user_1") == ["online", "away"]
    await alice.do("set_status", status="online")
    await wait(cluster, AWAY_AFTER_S)
    assert statuses(bob, "user_1") == ["online", "away", "online", "away"]


async def test_a_status_can_be_set_and_the_best_device_counts(cluster: Cluster) -> None:
    bob = await neighbours(cluster)
    phone, desk = await cluster.connect("user_1", 0), await cluster.connect("user_1", 1)
    await cluster.settle()
    await phone.do("set_status", status="away")
    await cluster.settle()
    assert statuses(bob, "user_1") == ["online"]
    await desk.do("set_status", status="away")
    await cluster.settle()
    assert statuses(bob, "user_1") == ["online", "away"]
    assert await shown(bob, "user_1") == "away"


async def test_a_status_set_over_http_after_the_last_connection_closed_is_no_flicker(cluster: Cluster) -> None:
    bob = await neighbours(cluster)
    alice = await cluster.connect("user_1", 0)
    await cluster.settle()
    alice.drop()
    await cluster.nodes[0].call(SetStatus(status="online"), Actor(Participant("user", 1), "user_1"))
    await cluster.settle()
    assert statuses(bob, "user_1") == ["online"]
    await cluster.clock.advance(OFFLINE_AFTER_S + 0.1)
    await cluster.settle()
    assert statuses(bob, "user_1") == ["online", "offline"]


async def test_appearing_offline_looks_like_having_gone_and_lasts(cluster: Cluster) -> None:
    bob = await neighbours(cluster)
    alice = await cluster.connect("user_1", 0)
    await cluster.settle()
    await alice.do("set_status", status="offline")
    await cluster.settle()
    assert statuses(bob, "user_1") == ["online", "offline"]
    (before,) = (await bob.do("get_status", participants=["user_1"]))["statuses"]
    alice.drop()
    await cluster.clock.advance(OFFLINE_AFTER_S + 0.1)
    again = await cluster.connect("user_1", 1)
    await cluster.settle()
    assert statuses(bob, "user_1") == ["online", "offline"]
    assert (await bob.do("get_status", participants=["user_1"]))["statuses"] == [before], "no last-seen gives it away"
    await again.do("set_status", status="online")
    await cluster.settle()
    assert statuses(bob, "user_1") == ["online", "offline", "online"]


async def test_appearing_offline_outlasts_what_is_said_of_the_connections_in_the_same_batch(cluster: Cluster) -> None:
    bob = await neighbours(cluster)
    alice = await cluster.connect("user_1", 0)
    await cluster.settle()
    with cluster.one_batch():
        asked = alice.send("set_status", status="offline")
        await cluster.clock.run_ready()
        cluster.nodes[0].write(SavePresence(status="online"), Actor(Participant("user", 1), "user_1"))
    await alice.answer(asked)
    assert await shown(bob, "user_1") == "offline"


async def test_statuses_are_answered_in_the_order_asked_and_with_last_seen(cluster: Cluster) -> None:
    bob = await neighbours(cluster)
    await cluster.connect("user_1", 0)
    await cluster.settle()
    reply = await bob.do("get_status", participants=["user_9", "user_1"])
    assert [(each["user_id"], each["status"]) for each in reply["statuses"]] == [
        ("user_9", "offline"),
        ("user_1", "online"),
    ]
    assert [each["last_seen_at"] is None for each in reply["statuses"]] == [True, False]


async def test_a_large_conversation_is_not_told_but_answers(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audience, "MOST_TOLD", 2)
    bob = await cluster.connect("user_2", 1)
    await cluster.found(bob, "user_1", "user_3")
    alice = await cluster.connect("user_1", 0)
    await bob.quiet("status_change")
    assert (await bob.do("get_status", participants=["user_1"]))["statuses"][0]["status"] == "online"
    await alice.do("create_conversation", conversation_type="direct", participants=["user_2"])
    await alice.do("set_status", status="away")
    await cluster.settle()
    assert statuses(bob, "user_1") == ["away"], "a small one that they share is told"


async def time_passes(cluster: Cluster, seconds: float) -> None:
    """For the nodes, and for what they have written into the database."""
    ms = int(seconds * 1000)
    for table in ("presence_nodes", "presence_leases"):
        await cluster.write(f"UPDATE {table} SET renewed_ms = renewed_ms - {ms:d}")
    for _ in range(int(seconds / RENEW_EVERY_S) + 1):
        await cluster.clock.advance(RENEW_EVERY_S + EARLY_S)
        await cluster.settle()


async def test_a_dead_nodes_people_go_offline_but_for_those_with_a_device_elsewhere(cluster: Cluster) -> None:
    bob = await cluster.connect("user_2", 1)
    for guest in ("user_1", "user_3"):
        await cluster.found(bob, guest)
    await cluster.connect("user_1", 0)
    await cluster.connect("user_3", 0)
    await cluster.connect("user_3", 1)
    await time_passes(cluster, STEADY_AFTER_S)
    assert statuses(bob, "user_1") == statuses(bob, "user_3") == ["online"]
    cluster.die(0)
    await time_passes(cluster, STALE_AFTER_MS / 1000 + 1)
    assert statuses(bob, "user_1") == ["online", "offline"]
    assert await shown(bob, "user_1") == "offline"
    assert statuses(bob, "user_3") == ["online"]
    assert await cluster.stored("SELECT COUNT(*) FROM presence_nodes") == [(1,)]


async def test_a_node_is_dead_that_has_not_renewed_or_left_nothing_but_leases(cluster: Cluster) -> None:
    lives, silent, forgotten, idle = 1, 2, 3, 4
    now_ms = 1_000_000_000
    for node_id, ago_ms in ((lives, STALE_AFTER_MS - 1), (silent, STALE_AFTER_MS + 1), (idle, 0)):
        await cluster.write(f"INSERT INTO presence_nodes (node_id, renewed_ms) VALUES ({node_id}, {now_ms - ago_ms})")
    for number, node_id in enumerate((lives, silent, forgotten, forgotten), 1):
        await cluster.write(
            "INSERT INTO presence_leases (participant_type, participant_id, node_id, status, renewed_ms) "
            f"VALUES ('user', {number}, {node_id}, 'online', 1)"
        )
    found = await cluster.nodes[0].readers.run(partial(leases.dead_nodes, now_ms=now_ms))
    assert sorted(found) == [silent, forgotten]


async def signed_in_long_ago(cluster: Cluster) -> int:
    """Of everyone; when user_1's node was last heard of."""
    await cluster.write("UPDATE user_online_status SET last_seen_ms = last_seen_ms - 3600000")
    ((renewed_ms,),) = await cluster.stored(
        "SELECT MAX(n.renewed_ms) FROM presence_nodes n JOIN presence_leases l ON l.node_id = n.node_id "
        "WHERE l.participant_id = 1"
    )
    return int(renewed_ms)


async def last_seen(device: Device, user_id: str) -> str:
    (status,) = (await device.do("get_status", participants=[user_id]))["statuses"]
    assert status["status"] == "offline"
    return str(status["last_seen_at"])


async def test_after_a_crash_somebody_was_last_seen_when_their_node_was(cluster: Cluster) -> None:
    bob = await neighbours(cluster)
    await cluster.connect("user_1", 0)
    hidden = await cluster.connect("user_3", 0)
    await hidden.do("set_status", status="offline")
    await time_passes(cluster, STEADY_AFTER_S)
    renewed_ms = await signed_in_long_ago(cluster)
    hidden_since = await last_seen(bob, "user_3")
    cluster.die(0)
    await time_passes(cluster, STALE_AFTER_MS / 1000 + 1)
    assert await last_seen(bob, "user_1") == format_time(renewed_ms - STALE_AFTER_MS - 1000)
    assert bob.heard("status_change")[-1]["last_seen_at"] == await last_seen(bob, "user_1")
    assert await last_seen(bob, "user_3") == hidden_since, "nothing gives away that they were there"


async def test_after_a_restart_alone_somebody_was_last_seen_when_the_node_was(place: Place, cluster: Cluster) -> None:
    bob = await neighbours(cluster)
    await cluster.connect("user_1", 0)
    await time_passes(cluster, STEADY_AFTER_S)
    renewed_ms = await signed_in_long_ago(cluster)
    with place.handles(3)[2].writer_engine.begin() as connection:
        leases.everyone_offline(connection)
    assert await last_seen(bob, "user_1") == format_time(renewed_ms)


async def test_a_node_that_was_taken_to_be_dead_says_again_who_is_there(cluster: Cluster) -> None:
    bob = await neighbours(cluster)
    await cluster.connect("user_1", 0)
    await cluster.settle()
    await cluster.write("DELETE FROM presence_leases")
    await cluster.write("DELETE FROM presence_nodes")
    await cluster.write("UPDATE user_online_status SET status = 'offline'")
    await cluster.clock.advance(RENEW_EVERY_S + EARLY_S)
    await cluster.settle()  # it is told, and only then writes
    assert await shown(bob, "user_1") == "online"


async def test_moving_on_from_a_node_that_drains_is_no_flicker(cluster: Cluster) -> None:
    bob = await neighbours(cluster)
    await cluster.connect("user_1", 0)
    await time_passes(cluster, STEADY_AFTER_S)
    renewed_ms = await signed_in_long_ago(cluster)
    await cluster.nodes[0].drain()
    ((seen_ms,),) = await cluster.nodes[1].readers.run(
        lambda c: c.execute(sa.text("SELECT last_seen_ms FROM user_online_status WHERE participant_id = 1")).all()
    )
    assert seen_ms >= renewed_ms, "if they do not move on, that is when they went"
    await cluster.connect("user_1", 1)
    await time_passes(cluster, STALE_AFTER_MS / 1000 + 1)
    assert statuses(bob, "user_1") == ["online"]
    assert await shown(bob, "user_1") == "online"


async def test_whoever_comes_back_as_away_is_never_online_for_a_moment(cluster: Cluster) -> None:
    bob = await neighbours(cluster)
    alice = await cluster.connect("user_1", 0, status="away")
    await bob.expect("status_change")
    for node in (0, 1):
        alice.drop()
        await cluster.clock.advance(OFFLINE_AFTER_S / 2)
        alice = await cluster.connect("user_1", node, status="away")
        await cluster.settle()
    alice.drop()
    await cluster.clock.advance(OFFLINE_AFTER_S + 0.1)
    await cluster.settle()
    alice = await cluster.connect("user_1", 0, status="away")
    await cluster.settle()
    assert statuses(bob, "user_1") == ["away", "offline", "away"]
    await alice.do("set_status", status="online")
    await cluster.settle()
    assert statuses(bob, "user_1")[-1] == "online"


async def test_one_is_told_of_oneself_what_one_is_at_once(cluster: Cluster) -> None:
    alice = cluster.open("user_1")
    signing_in = [
        asyncio.create_task(alice.do("auth", participant_type="user", participant_id=1)),
        asyncio.create_task(alice.do("get_one_status", user_id="user_1")),
    ]
    _, told = await asyncio.gather(*signing_in)
    assert [each["status"] for each in told["statuses"]] == ["online"]
    await alice.do("set_status", status="offline")
    told = await alice.do("get_status", participants=["user_2", "user_1"])
    assert [each["status"] for each in told["statuses"]] == ["offline", "offline"]
