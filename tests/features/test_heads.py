"""What a node remembers of a conversation is presumed, and never believed against the database."""

import re
import threading
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio
import sqlalchemy as sa
from pymysql import err
from pymysql.constants import CR

from bihak.core import heads
from bihak.core.batch import WriteBatch
from bihak.core.heads import REST
from bihak.storage.mysql_connection import MysqlConnection
from tests.harness import Cluster, Device, Place, running_cluster


async def two(cluster: Cluster, **founding: str) -> tuple[Device, Device, int]:
    """Two people on different nodes, in a conversation in which the first has just said something."""
    alice, bob = await cluster.connect("user_1", 0), await cluster.connect("user_2", 1)
    cid = await cluster.found(alice, "user_2", **founding)
    await say(alice, cid, "first")
    return alice, bob, cid


async def say(device: Device, cid: int, *texts: str) -> None:
    """One after another, each in a transaction that does nothing else."""
    for text in texts:
        await device.cluster.settle()
        await device.do("message", conversation_id=cid, content=text)


def presumed(cluster: Cluster, node: int = 0) -> int:
    return cluster.nodes[node].dispatcher.heads.presumed


def wrong(cluster: Cluster, node: int = 0) -> int:
    return cluster.nodes[node].dispatcher.heads.wrong


async def test_whoever_goes_on_writing_is_presumed_to_be_in_the_conversation_still(cluster: Cluster) -> None:
    alice, bob, cid = await two(cluster)
    await say(alice, cid, *"bcd")
    assert (presumed(cluster), wrong(cluster)) == (3, 0)
    await cluster.settle()
    assert alice.seqs(cid) == bob.seqs(cid) == [1, 2, 3, 4]
    assert await cluster.stored("SELECT seq FROM messages ORDER BY seq") == [(1,), (2,), (3,), (4,)]
    assert await cluster.stored("SELECT last_seq FROM conversations") == [(4,)]


async def test_messages_of_several_conversations_go_into_one_presumed_transaction(cluster: Cluster) -> None:
    alice, bob, one = await two(cluster)
    other = await cluster.found(alice, "user_2")
    before = cluster.nodes[0].dispatcher.writer.batches
    with cluster.one_batch():
        asked = [
            alice.send("message", conversation_id=cid, content=f"{number}")
            for number, cid in enumerate([other, one, one, other, one])
        ]
    for request_id in asked:
        await alice.answer(request_id)
    assert cluster.nodes[0].dispatcher.writer.batches == before + 1
    assert (presumed(cluster), wrong(cluster)) == (1, 0)
    await cluster.settle()
    assert [event["content"] for event in bob.durable(one)] == ["first", "1", "2", "4"]
    assert [event["content"] for event in bob.durable(other)] == ["0", "3"]


async def test_what_another_node_wrote_meanwhile_is_found_and_then_all_ask_for_a_while(cluster: Cluster) -> None:
    alice, bob, cid = await two(cluster)
    await say(bob, cid, "of the other node")
    await say(alice, cid, "b")
    assert (presumed(cluster), wrong(cluster)) == (1, 1)
    await say(alice, cid, *map(str, range(REST)))
    assert presumed(cluster) == 1
    await say(alice, cid, "c")
    assert (presumed(cluster), wrong(cluster)) == (2, 1)
    await cluster.settle()
    assert alice.seqs(cid) == bob.seqs(cid) == list(range(1, REST + 5))
    assert alice.durable(cid) == bob.durable(cid)


async def test_what_is_in_one_transaction_with_a_head_that_moved_is_stored_once(cluster: Cluster) -> None:
    alice, bob, one = await two(cluster)
    other = await cluster.found(alice, "user_2")
    await say(bob, other, "of the other node")
    with cluster.one_batch():
        asked = [alice.send("message", conversation_id=cid, content="together") for cid in (one, other)]
    for request_id in asked:
        await alice.answer(request_id)
    assert wrong(cluster) == 1
    await cluster.settle()
    assert bob.seqs(one) == bob.seqs(other) == [1, 2]
    assert await cluster.stored("SELECT COUNT(*) FROM messages") == [(4,)]


async def test_whoever_another_node_took_out_is_refused(cluster: Cluster) -> None:
    alice, bob, cid = await two(cluster)
    await say(bob, cid, "I write here")
    await say(bob, cid, "and again")
    assert presumed(cluster, 1) == 1
    await alice.do("remove_participant", conversation_id=cid, user_id="user_2")
    assert (await bob.refused("message", conversation_id=cid, content="and still"))["code"] == "not_found"
    assert wrong(cluster, 1) == 1
    await cluster.settle()
    assert await cluster.stored("SELECT COUNT(*) FROM messages WHERE content = 'and still'") == [(0,)]


async def test_whoever_this_node_took_out_is_refused(cluster: Cluster) -> None:
    alice, _, cid = await two(cluster)
    bob = await cluster.connect("user_2", 0)
    await say(bob, cid, "I write here")
    await say(bob, cid, "and again")
    await alice.do("remove_participant", conversation_id=cid, user_id="user_2")
    await say(alice, cid, "without him")
    await say(alice, cid, "and again")
    assert presumed(cluster) == 3, "both were, before and after"
    assert (await bob.refused("message", conversation_id=cid, content="and still"))["code"] == "not_found"


async def test_whoever_was_taken_out_before_what_is_remembered_was_read_is_refused(cluster: Cluster) -> None:
    alice, bob, cid = await two(cluster)
    carol = await cluster.connect("user_3", 1)
    await alice.do("add_participants", conversation_id=cid, participants=["user_3"])
    await say(bob, cid, "I write here")
    await alice.do("remove_participant", conversation_id=cid, user_id="user_2")
    await say(carol, cid, "I ask, and this node knows how far it is")
    assert (await bob.refused("message", conversation_id=cid, content="and still"))["code"] == "not_found"
    assert presumed(cluster, 1) == 0


async def test_whoever_is_taken_in_again_sees_no_more_than_before_by_replying(cluster: Cluster) -> None:
    alice, bob, cid = await two(cluster)
    await say(bob, cid, "I write here")
    parent = (await alice.do("message", conversation_id=cid, content="while Bob is in it"))["message_id"]
    await say(bob, cid, "and I saw it")
    await alice.do("remove_participant", conversation_id=cid, user_id="user_2")
    await alice.do("add_participants", conversation_id=cid, participants=["user_2"])
    refused = await bob.refused("message", conversation_id=cid, content="about that", reply_to_id=parent)
    assert (refused["code"], refused["field"]) == ("not_found", "reply_to_id")


async def test_whoever_is_refused_by_what_is_remembered_is_asked_for(cluster: Cluster) -> None:
    alice, bob, cid = await two(cluster, kind="broadcast")
    assert (await bob.refused("message", conversation_id=cid, content="not mine to say"))["code"] == "forbidden"
    assert (await bob.refused("message", conversation_id=cid, content="nor now"))["code"] == "forbidden"
    assert presumed(cluster, 1) == 1, "that he is no owner was remembered"
    await alice.do("leave_conversation", conversation_id=cid)  # so he becomes one, on the other node
    await say(bob, cid, "now it is")
    assert wrong(cluster, 1) == 0


async def test_a_change_by_this_node_is_no_surprise(cluster: Cluster) -> None:
    alice, bob, cid = await two(cluster)
    sent = await alice.do("message", conversation_id=cid, content="tpyo")
    await alice.do("edit_message", message_id=sent["message_id"], content="typo")
    await alice.do("rename_conversation", conversation_id=cid, name="Renamed")
    await say(alice, cid, "b")
    await alice.do("mark_read", conversation_id=cid, message_id=sent["message_id"])
    await say(alice, cid, "c")
    assert (presumed(cluster), wrong(cluster)) == (2, 0)
    await cluster.settle()
    assert bob.seqs(cid) == [1, 2, 3, 4, 5, 6]


async def test_a_repeated_key_in_a_presumed_transaction_is_answered_with_the_original(cluster: Cluster) -> None:
    alice, bob, cid = await two(cluster)
    fields = {"conversation_id": cid, "content": "once", "idempotency_key": "key-0001"}
    first = await alice.do("message", **fields)
    again = await alice.do("message", **fields)
    assert again["duplicate"]
    assert (again["message_id"], again["seq"]) == (first["message_id"], first["seq"])
    await cluster.settle()
    assert bob.seqs(cid) == [1, 2]


async def test_what_changes_more_than_its_own_rows_is_never_presumed(cluster: Cluster) -> None:
    alice, bob, cid = await two(cluster)
    with cluster.one_batch():
        asked = [alice.send("message", conversation_id=cid, content="b")]
        asked.append(alice.send("rename_conversation", conversation_id=cid, name="Renamed"))
    for request_id in asked:
        await alice.answer(request_id)
    assert presumed(cluster) == 0
    await cluster.settle()
    assert bob.seqs(cid) == [1, 2, 3]


async def test_mentions_and_replies_are_found_without_a_lock(cluster: Cluster) -> None:
    alice, bob, cid = await two(cluster)
    parent = bob.durable(cid)[0]["message_id"]
    await alice.do("message", conversation_id=cid, content="@user_2 and @user_9", reply_to_id=parent)
    assert (presumed(cluster), wrong(cluster)) == (1, 0)
    await cluster.settle()
    event = bob.durable(cid)[-1]
    assert (event["mentions"], event["reply_to_id"]) == (["user_2"], parent)


async def test_the_time_of_a_message_is_stored_as_it_is_told_and_is_the_databases(cluster: Cluster) -> None:
    alice, bob, cid = await two(cluster)
    await say(alice, cid, *map(str, range(20)))
    await cluster.settle()
    clock = cluster.nodes[0].database.dialect.clock_ms
    rows = await cluster.stored(
        f"SELECT m.created_ms, {clock}, c.last_message_ms, c.changed_ms FROM messages m, conversations c ORDER BY m.seq"
    )
    times = [created for created, *_ in rows]
    assert times == sorted(times)
    _, now, last_message, changed = rows[-1]
    assert times[-1] == last_message
    assert now - 60_000 < times[0] <= now + 1000
    assert abs(changed - last_message) < 1000 + now - times[0], "the sweep looks for it by the database's own clock"
    told = await cluster.nodes[0].readers.run(lambda _: [event["created_at"] for event in bob.durable(cid)])
    again = await cluster.connect("user_2", 1, resume={cid: 0})
    assert [event["created_at"] for event in again.durable(cid)] == told


async def test_the_database_is_asked_for_the_time_when_its_clock_was_read_too_long_ago(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, _, cid = await two(cluster)
    monkeypatch.setattr(heads, "CLOCK_HOLDS_S", -1.0)
    await say(alice, cid, "b")
    assert presumed(cluster) == 0


# A COMMIT that is on its way while its connection is gone


class LateCommits:
    """What was to commit messages, kept from the database; the client takes the connection for lost."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self.kept: list[str] = []
        self.when_kept: list[Callable[[], None]] = []
        """What happens at each; as many are kept as there are."""

    def keep(self, connection: MysqlConnection) -> bool:
        if not self.when_kept or not any("INSERT INTO messages " in sql for sql in connection._parting):
            return False
        self.kept.append(";".join([*connection._parting, "COMMIT"]))
        connection._parting = []
        connection._force_close()
        self.when_kept.pop(0)()
        return True

    def arrive(self) -> bool:
        """The first one reaches the database; whether that carries it out."""
        raw = self._place.handles(3)[2].writer_engine.raw_connection()
        connection = raw.driver_connection
        assert isinstance(connection, MysqlConnection)
        try:
            connection.query(self.kept[0])
            while connection.next_result():
                pass
        except err.IntegrityError:
            return False
        finally:
            connection.rollback()
            raw.close()
        return True


@pytest_asyncio.fixture
async def mariadb_cluster(mariadb_place: Place) -> AsyncIterator[Cluster]:
    async with running_cluster(mariadb_place) as nodes:
        yield nodes


@pytest.fixture
def late(mariadb_place: Place, monkeypatch: pytest.MonkeyPatch) -> LateCommits:
    commits = LateCommits(mariadb_place)
    commit = MysqlConnection.commit

    def commit_or_not(connection: MysqlConnection) -> None:
        if commits.keep(connection):
            raise err.OperationalError(CR.CR_SERVER_LOST, "lost by the test")
        commit(connection)

    monkeypatch.setattr(MysqlConnection, "commit", commit_or_not)
    return commits


async def stored_as_told(cluster: Cluster, alice: Device, bob: Device, cid: int) -> None:
    """Each message is there once, and everyone was told of it as it is stored."""
    await cluster.settle()
    stored = await cluster.stored("SELECT seq, id FROM messages ORDER BY seq")
    assert [(event["seq"], event["message_id"]) for event in bob.durable(cid)] == stored
    assert alice.durable(cid) == bob.durable(cid)
    assert [(reply["seq"], reply["message_id"]) for reply in alice.heard("message_sent")] == stored
    assert [seq for seq, _ in stored] == list(range(1, len(stored) + 1))
    assert await cluster.stored("SELECT last_seq FROM conversations") == [(len(stored),)]


async def test_heads_are_locked_in_the_order_of_their_ids(mariadb_cluster: Cluster, late: LateCommits) -> None:
    """As by everyone else, or two transactions could wait for each other."""
    alice, _, one = await two(mariadb_cluster)
    cids = [one, *[await mariadb_cluster.found(alice, "user_2") for _ in range(5)]]
    late.when_kept = [lambda: None]
    with mariadb_cluster.one_batch():
        asked = [alice.send("message", conversation_id=cid, content="b") for cid in reversed(cids)]
    for request_id in asked:
        await alice.answer(request_id)
    assert presumed(mariadb_cluster) == 1
    heads_written, *_ = late.kept[0].split(" ON DUPLICATE KEY")
    assert [int(cid) for cid in re.findall(r"\((\d+),'team'", heads_written)] == cids


async def test_a_commit_that_arrives_after_it_was_tried_again_is_refused(
    mariadb_cluster: Cluster, late: LateCommits
) -> None:
    alice, bob, cid = await two(mariadb_cluster)
    late.when_kept = [lambda: None]
    await say(alice, cid, "b")
    assert not late.arrive()
    await say(alice, cid, "c")
    await stored_as_told(mariadb_cluster, alice, bob, cid)


async def test_a_commit_that_arrives_before_it_is_tried_again_counts(
    mariadb_cluster: Cluster, late: LateCommits
) -> None:
    alice, bob, cid = await two(mariadb_cluster)
    arrived: list[bool] = []
    late.when_kept = [lambda: arrived.append(late.arrive())]
    await say(alice, cid, "b", "c")
    assert arrived == [True]
    await stored_as_told(mariadb_cluster, alice, bob, cid)


async def test_a_commit_that_arrives_when_the_second_try_is_lost_too_is_the_one_that_counts(
    mariadb_cluster: Cluster, late: LateCommits
) -> None:
    alice, bob, cid = await two(mariadb_cluster)
    arrived: list[bool] = []
    late.when_kept = [lambda: None, lambda: arrived.append(late.arrive())]
    await say(alice, cid, "b", "c")
    assert arrived == [True]
    assert late.kept[0] != late.kept[1]
    assert presumed(mariadb_cluster) == 1, "after that nothing is presumed"
    await stored_as_told(mariadb_cluster, alice, bob, cid)


async def test_a_commit_cannot_come_between_the_look_for_it_and_the_second_try(
    mariadb_cluster: Cluster, late: LateCommits, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits for the lock that the look takes and the second try holds on to."""
    alice, bob, cid = await two(mariadb_cluster)
    arrived: list[bool] = []
    arriving = threading.Thread(target=lambda: arrived.append(late.arrive()))
    look = WriteBatch.was_committed

    def look_and_let_it_come(batch: WriteBatch, connection: sa.Connection) -> bool:
        found = look(batch, connection)
        if batch._doubts and not arriving.ident:
            assert not found
            arriving.start()
            while not waits_for_a_lock():
                assert arriving.is_alive()
        return found

    def waits_for_a_lock() -> bool:
        """Such a statement takes a millisecond otherwise."""
        with mariadb_cluster.databases[1].reader_engine.connect() as connection:
            sql = sa.text(
                "SELECT COUNT(*) FROM information_schema.processlist "
                "WHERE info LIKE 'INSERT INTO conversations %' AND time_ms > 100"
            )
            return bool(connection.execute(sql).scalar_one())

    monkeypatch.setattr(WriteBatch, "was_committed", look_and_let_it_come)
    late.when_kept = [lambda: None]
    await say(alice, cid, "b")
    arriving.join()
    assert arrived == [False]
    await say(alice, cid, "c")
    await stored_as_told(mariadb_cluster, alice, bob, cid)
