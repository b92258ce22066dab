"""What a node remembers of a conversation is presumed, and never believed against the database."""

import re
import threading
from collections.abc import AsyncIterator, Callable, Collection
from functools import partial
from typing import Any

import pytest
import pytest_asyncio
import sqlalchemy as sa
import stamina
from pymysql import err
from pymysql.constants import CR, ER

from bihak.core import heads, transaction
from bihak.core.batch import WriteBatch
from bihak.core.heads import REST, Heads
from bihak.core.locking import Place as Seat
from bihak.core.node import NodeOptions
from bihak.core.sweep import IDS_A_ROW_BITS, WINDOW_MS
from bihak.core.transaction import CHANGED_GRAIN_MS, LATE_MS, Transaction
from bihak.features.platform import PostSystemMessage
from bihak.protocol.types import Participant
from bihak.storage.committer import Committer
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
    await say(alice, other, "first")
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
    assert [event["content"] for event in bob.durable(other)] == ["first", "0", "3"]


async def test_what_another_node_wrote_meanwhile_is_found_and_then_all_ask_for_a_while(cluster: Cluster) -> None:
    alice, bob, cid = await two(cluster)
    await say(bob, cid, "of the other node")
    await say(alice, cid, "b")
    assert (presumed(cluster), wrong(cluster)) == (0, 1)
    await say(alice, cid, *map(str, range(REST)))
    assert presumed(cluster) == 0
    await say(alice, cid, "c")
    assert (presumed(cluster), wrong(cluster)) == (1, 1)
    await cluster.settle()
    assert alice.seqs(cid) == bob.seqs(cid) == list(range(1, REST + 5))
    assert alice.durable(cid) == bob.durable(cid)


async def test_what_is_in_one_transaction_with_a_head_that_moved_is_stored_once(cluster: Cluster) -> None:
    alice, bob, one = await two(cluster)
    other = await cluster.found(alice, "user_2")
    await say(alice, other, "first")
    await say(bob, other, "of the other node")
    with cluster.one_batch():
        asked = [alice.send("message", conversation_id=cid, content="together") for cid in (one, other)]
    for request_id in asked:
        await alice.answer(request_id)
    assert wrong(cluster) == 1
    await cluster.settle()
    assert (bob.seqs(one), bob.seqs(other)) == ([1, 2], [1, 2, 3])
    assert await cluster.stored("SELECT COUNT(*) FROM messages") == [(5,)]


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
    assert presumed(cluster) == 2, "both were, before and after"
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
    alice, _, cid = await two(cluster, kind="broadcast")
    bob, owner = await cluster.connect("user_2", 0), await cluster.connect("user_1", 1)
    await cluster.settle()
    with cluster.one_batch():
        asked = [alice.send("message", conversation_id=cid, content="with Bob's membership beside it")]
        asked.append(bob.send("message", conversation_id=cid, content="not his to say"))
    assert (await bob.answer(asked[1]))["code"] == "forbidden"
    await owner.do("leave_conversation", conversation_id=cid)  # so he becomes one, on the other node
    await say(bob, cid, "now it is")
    assert wrong(cluster) == 0


async def test_a_seat_that_is_not_stored_is_not_remembered(place: Place) -> None:
    async with running_cluster(place, options=NodeOptions(participant_types=("user", "system"))) as cluster:
        alice = await cluster.connect("user_1")
        cid = await cluster.found(alice, "user_2")
        await cluster.nodes[0].call(PostSystemMessage(conversation_id=cid, content="in the platform's own name"))
        impostor = await cluster.connect("system_1")
        refused = await impostor.refused("message", conversation_id=cid, content="without a seat")
        assert refused["code"] == "not_found"


async def test_a_send_beside_an_edit_that_names_no_conversation_is_stored_behind_it(
    mariadb_cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one race on a head that two transactions of one node can have."""
    alice, bob, cid = await two(mariadb_cluster)
    message_id = bob.durable(cid)[0]["message_id"]
    await say(alice, cid, "b")
    again = await mariadb_cluster.connect("user_1", 0)  # who waits for that may wait for the writer, held below
    edited, sent = threading.Event(), threading.Event()
    presume = Heads.presume

    def presume_then_wait(known: Heads, tx: Transaction, places: Collection[Seat]) -> bool:
        found = presume(known, tx, places)
        if found:
            sent.set()
            assert edited.wait(30.0)
        return found

    def edit_done(_events: object) -> None:
        edited.set()

    monkeypatch.setattr(Heads, "presume", presume_then_wait)
    asked = alice.send("message", conversation_id=cid, content="c")
    assert sent.wait(30.0)
    mariadb_cluster.nodes[0].dispatcher.on_committed.append(edit_done)
    await again.do("edit_message", message_id=message_id, content="first of all")
    assert (await alice.answer(asked))["seq"] == 4
    assert wrong(mariadb_cluster) == 1
    await mariadb_cluster.settle()
    assert bob.seqs(cid) == [1, 2, 3, 4]


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


async def test_a_repeated_key_is_answered_with_the_original_and_is_no_head_that_moved(cluster: Cluster) -> None:
    alice, bob, cid = await two(cluster)
    fields = {"conversation_id": cid, "content": "once", "idempotency_key": "key-0001"}
    first = await alice.do("message", **fields)
    await cluster.settle()
    again = await alice.do("message", **fields)
    assert again["duplicate"]
    assert (again["message_id"], again["seq"]) == (first["message_id"], first["seq"])
    await say(alice, cid, "b")
    assert (presumed(cluster), wrong(cluster)) == (2, 0)
    await cluster.settle()
    assert bob.seqs(cid) == [1, 2, 3]


async def test_what_was_not_stored_is_not_remembered(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    alice, bob, cid = await two(cluster)
    run = WriteBatch.run

    def run_in_vain(batch: WriteBatch, connection: sa.Connection) -> None:
        run(batch, connection)
        if any(getattr(call.request, "content", "") == "lost" for call in batch.calls):
            raise ZeroDivisionError

    monkeypatch.setattr(WriteBatch, "run", run_in_vain)
    asked = alice.send("message", conversation_id=cid, content="lost")
    error = await alice.answer(asked)
    assert error["code"] == "internal"
    assert "internal" in cluster.faults.pop(), "that is what was to happen"
    await say(alice, cid, "b")
    assert wrong(cluster) == 0
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
        f"SELECT m.created_ms, c.last_message_ms, {clock} FROM messages m, conversations c ORDER BY m.seq"
    )
    times = [created for created, *_ in rows]
    assert times == sorted(times)
    _, last_message, now = rows[-1]
    assert times[-1] == last_message
    assert now - 60_000 < times[0] <= now + 1000
    told = [event["created_at"] for event in bob.durable(cid)]
    again = await cluster.connect("user_2", 1, resume={cid: 0})
    assert [event["created_at"] for event in again.durable(cid)] == told


async def test_what_comes_late_is_refused_and_done_again_by_the_databases_own_clock(cluster: Cluster) -> None:
    """A packet that was held up would be where the sweep no longer looks."""
    alice, bob, cid = await two(cluster)
    other = await cluster.found(alice, "user_3")
    await say(alice, other, "a")
    known = cluster.nodes[0].dispatcher.heads
    known._ahead_ms -= LATE_MS + CHANGED_GRAIN_MS
    known._latest_ms = 0
    with cluster.one_batch():
        asked = [alice.send("message", conversation_id=each, content="b") for each in (cid, other)]
    for request_id in asked:
        await alice.answer(request_id)
    assert (presumed(cluster), wrong(cluster)) == (0, 0)
    clock = cluster.nodes[0].database.dialect.clock_ms
    rows = await cluster.stored(f"SELECT {clock} - changed_ms, {clock} - last_message_ms, last_seq FROM conversations")
    assert {last_seq for *_, last_seq in rows} == {2}
    assert all(-1000 < behind < CHANGED_GRAIN_MS + LATE_MS and told < LATE_MS for behind, told, _ in rows), rows
    await say(alice, cid, "c")
    assert presumed(cluster) == 1, "it has learnt what time it is"
    assert bob.seqs(cid) == [1, 2, 3]


async def test_a_busy_conversation_keeps_its_place_in_the_index_of_what_changed(cluster: Cluster) -> None:
    alice, _, cid = await two(cluster)
    await say(alice, cid, "b")
    clock = cluster.nodes[0].database.dialect.clock_ms
    ((changed, now),) = await cluster.stored(f"SELECT changed_ms, {clock} FROM conversations")
    assert changed % CHANGED_GRAIN_MS == 0
    assert now - CHANGED_GRAIN_MS - LATE_MS < changed <= now
    sweep = cluster.nodes[1].sweep
    distant = cid + (1 << IDS_A_ROW_BITS)
    await cluster.write(
        f"INSERT INTO conversations (id, conversation_type, created_ms, last_seq) VALUES ({distant}, 'team', 1, 7)"
    )
    for seconds_ago, is_seen in ((14, True), (16, False)):
        await cluster.write(f"UPDATE conversations SET changed_ms = {clock} - {seconds_ago * 1000}")
        recent = await cluster.nodes[1].readers.run(partial(sweep._recent, window_ms=WINDOW_MS))
        assert sorted(recent) == ([(cid, 2), (distant, 7)] if is_seen else [])


async def test_a_time_that_was_refused_is_not_reckoned_again_before_it_is_asked_for(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, _, cid = await two(cluster)
    await cluster.settle()
    cluster.nodes[0].dispatcher.heads._ahead_ms -= LATE_MS + CHANGED_GRAIN_MS
    cluster.nodes[0].dispatcher.heads._latest_ms = 0
    monkeypatch.setattr(transaction, "PROMPT_S", 0.0)  # so slow that the answers tell nothing of the time
    tried: list[Transaction] = []
    presume = Transaction.presume

    def noted(self: Transaction, *given: Any) -> None:
        tried.append(self)
        presume(self, *given)

    monkeypatch.setattr(Transaction, "presume", noted)
    await say(alice, cid, *"bcd")
    assert len(tried) == 1
    monkeypatch.setattr(transaction, "PROMPT_S", 10.0)
    await say(alice, cid, *"ef")
    assert presumed(cluster) == 1


async def test_of_two_answers_the_one_that_took_long_says_nothing_of_the_time(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, _, cid = await two(cluster)
    other = await cluster.found(alice, "user_3")
    database = cluster.databases[1]
    ids = cluster.nodes[1].dispatcher.writer._ids
    with database.reader_engine.begin() as connection:
        tx = Transaction(connection, database.dialect, ids)
        monkeypatch.setattr(database.dialect, "for_update", "")
        monkeypatch.setattr(transaction, "PROMPT_S", 10.0)
        tx.lock([(cid, Participant("user", 1))])
        assert tx.asked_at is not None
        monkeypatch.setattr(transaction, "PROMPT_S", 0.0)
        tx.lock([(other, Participant("user", 1))])
        assert tx.asked_at is None


async def test_an_answer_that_took_long_says_nothing_of_the_time(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transaction, "PROMPT_S", 0.0)
    alice, _, cid = await two(cluster)
    await say(alice, cid, "b")
    assert presumed(cluster) == 0


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
        self.unanswered = 0
        """So many of the next ones are carried out, and nobody hears of it."""

    def keep(self, connection: MysqlConnection) -> bool:
        if not self.when_kept or not self.holds_messages(connection):
            return False
        self.kept.append(";".join([*connection._parting, "COMMIT"]))
        connection._parting = []
        connection._force_close()
        self.when_kept.pop(0)()
        return True

    @staticmethod
    def holds_messages(connection: MysqlConnection) -> bool:
        return any("INSERT INTO messages " in sql for sql in connection._parting)

    def arrive(self) -> bool:
        """The first one reaches the database; whether that carries it out."""
        raw = self._place.handles(3)[2].writer_engine.raw_connection()
        connection = raw.driver_connection
        assert isinstance(connection, MysqlConnection)
        try:
            connection.query(self.kept[0])
            while connection.next_result():
                pass
        except (err.IntegrityError, err.OperationalError) as refused:
            if refused.args[0] not in (ER.BAD_NULL_ERROR, ER.LOCK_DEADLOCK):
                raise
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
        lost = err.OperationalError(CR.CR_SERVER_LOST, "lost by the test")
        if commits.keep(connection):
            raise lost
        holds_messages = commits.holds_messages(connection)
        commit(connection)
        if holds_messages and commits.unanswered:
            commits.unanswered -= 1
            connection._force_close()
            raise lost

    monkeypatch.setattr(MysqlConnection, "commit", commit_or_not)
    return commits


async def stored_as_told(cluster: Cluster, alice: Device, bob: Device, *cids: int) -> None:
    """Each message is there once, and everyone was told of it as it is stored."""
    await cluster.settle()
    for cid in cids:
        stored = await cluster.stored("SELECT seq, id FROM messages WHERE conversation_id = :cid ORDER BY seq", cid=cid)
        assert [seq for seq, _ in stored] == list(range(1, len(stored) + 1))
        assert [(event["seq"], event["message_id"]) for event in bob.durable(cid)] == stored
        assert alice.durable(cid) == bob.durable(cid)
        replies = [reply for reply in alice.heard("message_sent") if reply["conversation_id"] == cid]
        assert [(reply["seq"], reply["message_id"]) for reply in replies] == stored
        assert await cluster.stored("SELECT last_seq FROM conversations WHERE id = :cid", cid=cid) == [(len(stored),)]


async def test_heads_are_locked_in_the_order_of_their_ids(mariadb_cluster: Cluster, late: LateCommits) -> None:
    """As by everyone else, or two transactions could wait for each other."""
    alice, _, one = await two(mariadb_cluster)
    cids = [one, *[await mariadb_cluster.found(alice, "user_2") for _ in range(5)]]
    for cid in cids:
        await say(alice, cid, "first")
    late.when_kept = [lambda: None]
    with mariadb_cluster.one_batch():
        asked = [alice.send("message", conversation_id=cid, content="b") for cid in reversed(cids)]
    for request_id in asked:
        await alice.answer(request_id)
    assert "CASE WHEN last_seq" in late.kept[0], "nothing of it was locked before"
    heads_written, *_ = late.kept[0].split(" ON DUPLICATE KEY")
    assert [int(cid) for cid in re.findall(r"\((\d+),'team'", heads_written)] == cids


async def test_a_commit_that_arrives_after_it_was_tried_again_is_refused(
    mariadb_cluster: Cluster, late: LateCommits
) -> None:
    alice, bob, cid = await two(mariadb_cluster)
    other = await mariadb_cluster.found(alice, "user_2")
    await say(alice, other, "first")
    late.when_kept = [lambda: None]
    await say(alice, cid, "b")
    assert not late.arrive()
    await say(alice, other, "after a fault nothing is presumed, of no conversation")
    assert presumed(mariadb_cluster) == 0
    await say(alice, cid, "c")
    assert presumed(mariadb_cluster) == 1
    await stored_as_told(mariadb_cluster, alice, bob, cid, other)


async def test_messages_that_stay_in_doubt_are_answered_so(
    mariadb_cluster: Cluster, late: LateCommits, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob, cid = await two(mariadb_cluster)
    run = WriteBatch.run

    def go_wrong(batch: WriteBatch, connection: sa.Connection) -> None:
        if batch.is_in_doubt:
            raise ZeroDivisionError
        run(batch, connection)

    monkeypatch.setattr(WriteBatch, "run", go_wrong)
    late.when_kept = [lambda: None]
    stamina.set_testing(True, attempts=2)
    with mariadb_cluster.one_batch():
        asked = [alice.send("message", conversation_id=cid, content=text) for text in "bc"]
    errors = [await alice.answer(request_id) for request_id in asked]
    stamina.set_testing(True, attempts=1000, cap=True)
    assert [(error["code"], error["retryable"]) for error in errors] == [("unavailable", True)] * 2
    assert late.arrive(), "as nobody could know"
    await mariadb_cluster.sweep()
    assert [event["content"] for event in bob.durable(cid)] == ["first", "b", "c"]


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
    assert presumed(mariadb_cluster) == 0, "after that nothing is presumed"
    await stored_as_told(mariadb_cluster, alice, bob, cid)


async def test_a_commit_cannot_come_between_the_look_for_it_and_the_second_try(
    mariadb_cluster: Cluster, late: LateCommits, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits for the lock that the look takes and the second try holds on to."""
    alice, bob, one = await two(mariadb_cluster)
    other = await mariadb_cluster.found(alice, "user_2")
    await say(alice, other, "first")
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
    with mariadb_cluster.one_batch():  # of two, since each may have locked one of them and wait for the other
        asked = [alice.send("message", conversation_id=cid, content="b") for cid in (one, other)]
    for request_id in asked:
        await alice.answer(request_id)
    arriving.join()
    assert arrived == [False]
    await say(alice, one, "c")
    await stored_as_told(mariadb_cluster, alice, bob, one, other)


async def test_a_second_try_whose_answer_is_lost_counts_though_the_first_was_lost_before_it(
    mariadb_cluster: Cluster, late: LateCommits
) -> None:
    alice, bob, cid = await two(mariadb_cluster)
    late.when_kept, late.unanswered = [lambda: None], 1
    await say(alice, cid, "b")
    assert (len(late.kept), late.unanswered) == (1, 0)
    assert not late.arrive()
    await say(alice, cid, "c")
    await stored_as_told(mariadb_cluster, alice, bob, cid)


async def test_messages_in_doubt_are_not_sent_again_one_by_one_when_the_database_says_something_unforeseen(
    mariadb_cluster: Cluster, late: LateCommits, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob, cid = await two(mariadb_cluster)
    late.unanswered = 1
    connect = Committer._connect
    refused: list[bool] = []

    def refuse_once(committer: Committer[Any, Any]) -> sa.Connection:
        if committer._connection is None and not refused:
            refused.append(True)
            raise sa.exc.OperationalError("", None, err.OperationalError(ER.ACCESS_DENIED_ERROR, "not now"))
        return connect(committer)

    monkeypatch.setattr(Committer, "_connect", refuse_once)
    with mariadb_cluster.one_batch():
        asked = [alice.send("message", conversation_id=cid, content=text) for text in "bc"]
    for request_id in asked:
        await alice.answer(request_id)
    assert refused
    await stored_as_told(mariadb_cluster, alice, bob, cid)


async def test_a_commit_that_arrives_after_a_second_try_that_went_wrong_counts(
    mariadb_cluster: Cluster, late: LateCommits, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob, cid = await two(mariadb_cluster)
    run, arrived = WriteBatch.run, list[bool]()

    def go_wrong_once(batch: WriteBatch, connection: sa.Connection) -> None:
        if batch.is_in_doubt and not arrived:
            connection.connection.rollback()
            arrived.append(late.arrive())
            raise ZeroDivisionError
        run(batch, connection)

    monkeypatch.setattr(WriteBatch, "run", go_wrong_once)
    late.when_kept = [lambda: None]
    with mariadb_cluster.one_batch():
        asked = [alice.send("message", conversation_id=cid, content=text) for text in "bc"]
    for request_id in asked:
        await alice.answer(request_id)
    assert arrived == [True]
    await stored_as_told(mariadb_cluster, alice, bob, cid)
