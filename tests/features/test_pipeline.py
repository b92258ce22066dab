"""Many requests at once on one connection: in order, and one that breaks is answered alone."""

import asyncio
import threading
from collections.abc import Sequence

import pytest
import sqlalchemy as sa

from bihak.core.context import Call
from bihak.core.session import OUTBOX_BYTES
from bihak.core.transaction import Transaction
from bihak.core.visit import FULL_POLL_S
from bihak.errors import Conflict
from bihak.features.conversations import RenameConversation
from bihak.features.messages import SendMessage
from bihak.protocol.envelope import Request
from tests.harness import Cluster, Device


async def two(cluster: Cluster) -> tuple[Device, Device, int]:
    alice, bob = await cluster.connect("user_1", 0), await cluster.connect("user_2", 1)
    return alice, bob, await cluster.found(alice, "user_2")


async def test_pipelined_messages_keep_their_order(cluster: Cluster) -> None:
    alice, bob, cid = await two(cluster)
    asked = [alice.send("message", conversation_id=cid, content=f"{number}") for number in range(50)]
    await cluster.settle()
    assert [frame["request_id"] for frame in alice.heard("message_sent")] == asked
    assert [frame["seq"] for frame in alice.heard("message_sent")] == list(range(1, 51))
    assert [frame["content"] for frame in bob.durable(cid)] == [f"{number}" for number in range(50)]


async def test_pipelined_requests_of_every_kind_see_what_those_before_them_did(cluster: Cluster) -> None:
    alice, bob, cid = await two(cluster)
    asked = [
        alice.send("message", conversation_id=cid, content="one"),
        alice.send("rename_conversation", conversation_id=cid, name="Renamed"),
        alice.send("history", conversation_id=cid),
        alice.send("get_conversation", conversation_id=cid),
        alice.send("subscribe_conversation", conversation_id=cid),
        alice.send("message", conversation_id=cid, content="two"),
        alice.send("conversations"),
    ]
    await cluster.settle()
    answers = [frame for frame in alice.frames if frame.get("request_id") in asked]
    assert [frame["request_id"] for frame in answers] == asked
    _, _, history, conversation, subscribed, _, listed = answers
    assert [message["content"] for message in history["messages"]] == ["one"]
    assert conversation["conversation"]["name"] == "Renamed"
    assert subscribed["last_seq"] == 2
    assert listed["conversations"][0]["last_message"]["content"] == "two"
    assert bob.seqs(cid) == [1, 2, 3]


async def test_requests_behind_a_sign_in_wait_for_it(cluster: Cluster) -> None:
    alice, _, cid = await two(cluster)
    bob = cluster.open("user_2", 1)
    asked = [
        bob.send("auth", participant_type="user", participant_id=2),
        bob.send("message", conversation_id=cid, content="at once"),
        *(bob.send("ping") for _ in range(100)),
        bob.send("message", conversation_id=cid, content="and again"),
    ]
    await cluster.settle()
    assert [f["type"] for f in bob.frames if f.get("request_id") in (asked[0], asked[1], asked[-1])] == [
        "auth_success",
        "message_sent",
        "message_sent",
    ]
    assert len(bob.heard("pong")) == 100
    assert alice.seqs(cid) == [1, 2]


async def test_requests_that_are_refused_leave_their_neighbours_alone(cluster: Cluster) -> None:
    alice, bob, cid = await two(cluster)
    with cluster.one_batch():
        asked = [
            alice.send("message", conversation_id=cid, content="one"),
            alice.send("message", conversation_id=cid, content=""),
            alice.send("message", conversation_id=2**53 - 1, content="nowhere"),
            alice.send("message", conversation_id=cid, content="two"),
            alice.send("rename_conversation", conversation_id=cid, name=" "),
            alice.send("edit_message", message_id=2**53 - 1, content="x"),
            alice.send("rename_conversation", conversation_id=cid, name="Renamed"),
            alice.send("message", conversation_id=cid, content="three"),
        ]
    answers = [await alice.answer(request_id) for request_id in asked]
    assert [answer.get("code") for answer in answers] == [
        None,
        "invalid_field",
        "not_found",
        None,
        "invalid_field",
        "not_found",
        None,
        None,
    ]
    await cluster.settle()
    assert bob.seqs(cid) == [1, 2, 3, 4]


@pytest.mark.parametrize(("fault", "code"), [(ZeroDivisionError, "internal"), (Conflict, "conflict")])
async def test_a_request_that_breaks_is_answered_alone(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, fault: type[Exception], code: str
) -> None:
    alice, bob, cid = await two(cluster)
    command = cluster.nodes[0].dispatcher.commands[RenameConversation]
    rename = command.handler

    def break_halfway(tx: Transaction, request: RenameConversation) -> object:
        done = rename(tx, request)
        if request.name == "broken":
            raise fault
        return done

    monkeypatch.setitem(command.__dict__, "handler", break_halfway)
    with cluster.one_batch():
        asked = [
            alice.send("message", conversation_id=cid, content="one"),
            alice.send("rename_conversation", conversation_id=cid, name="broken"),
            alice.send("message", conversation_id=cid, content="two"),
            alice.send("rename_conversation", conversation_id=cid, name="whole"),
        ]
    answers = [await alice.answer(request_id) for request_id in asked]
    assert [answer.get("code") for answer in answers] == [None, code, None, None]
    assert "ZeroDivisionError" not in str(answers[1])
    await cluster.settle()
    assert [frame.get("content", frame.get("name")) for frame in bob.durable(cid)] == ["one", "two", "whole"]
    assert bob.seqs(cid) == [1, 2, 3]
    cluster.faults.clear()  # the internal error was ours


async def test_nobody_hears_of_what_is_not_committed(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    alice, bob, cid = await two(cluster)
    written, reached, go_on = threading.Event(), threading.Event(), threading.Event()
    command = cluster.nodes[0].dispatcher.commands[SendMessage]
    send = command.handler

    def write(tx: Transaction, calls: Sequence[Call[SendMessage]]) -> None:
        send(tx, calls)
        written.set()

    def hold(_connection: sa.Connection) -> None:
        if written.is_set():  # and not the COMMIT of something before
            reached.set()
            go_on.wait()

    monkeypatch.setitem(command.__dict__, "handler", write)
    engine = cluster.nodes[0].database.writer_engine
    sa.event.listen(engine, "commit", hold)
    try:
        asked = alice.send("message", conversation_id=cid, content="hello")
        await asyncio.to_thread(reached.wait)
        await cluster.clock.run_ready()
        assert not alice.heard("message_sent", "new_message")
        assert not bob.heard("new_message")
        assert await cluster.stored("SELECT COUNT(*) FROM messages") == [(0,)]
        go_on.set()
        assert (await alice.answer(asked))["type"] == "message_sent"
        assert (await bob.expect("new_message"))["content"] == "hello"
    finally:
        go_on.set()
        await cluster.settle()
        sa.event.remove(engine, "commit", hold)


async def test_an_answer_carries_the_request_id_and_only_then(cluster: Cluster) -> None:
    alice, _, cid = await two(cluster)
    assert (await alice.do("ping", request_id="é" * 32))["request_id"] == "é" * 32
    for request_id in ("x" * 65, "é" * 33):
        alice.send("ping", request_id=request_id)
        error = await alice.expect("error")
        assert (error["code"], error["field"], "request_id" in error) == ("invalid_field", "request_id", False)
    alice.send_bytes(b'{"type":"ping"}')
    assert "request_id" not in await alice.expect("pong")
    await cluster.settle()
    assert all("request_id" not in frame for frame in alice.durable(cid))


async def test_nothing_more_is_read_for_whoever_does_not_take_what_they_asked_for(cluster: Cluster) -> None:
    """As many requests as may wait, of the largest pages: of those in memory there is one too many at most."""
    alice, _, cid = await two(cluster)
    for _ in range(100):
        alice.send("message", conversation_id=cid, content="x" * 10_000)
    await cluster.settle()
    alice.take()
    alice.tape.stalled = True
    asked = [alice.send("history", conversation_id=cid, limit=100) for _ in range(20)]
    for _ in range(5):
        await cluster.clock.advance(FULL_POLL_S)
        await cluster.settle()
    page_bytes = 1_100_000
    assert OUTBOX_BYTES < alice.session.unread_bytes() < OUTBOX_BYTES + page_bytes
    alice.tape.read_on()
    for _ in asked:
        await cluster.clock.advance(FULL_POLL_S)
        await cluster.settle()
    assert [frame["request_id"] for frame in alice.heard("history")] == asked


async def test_nothing_is_read_for_whoever_has_gone_and_what_they_wrote_is_stored(cluster: Cluster) -> None:
    alice, bob, cid = await two(cluster)
    alice.send("history", conversation_id=cid)
    for number in range(3):
        alice.send("search", q="x")
        alice.send("subscribe_conversation", conversation_id=cid, after_seq=0)
        alice.send("message", conversation_id=cid, content=f"{number}")
    reads = []
    read = alice.node.dispatcher.read

    async def counted(call: Call[Request]) -> None:
        reads.append(call)
        await read(call)

    alice.node.dispatcher.read = counted  # type: ignore[method-assign]
    alice.session.left()
    await cluster.settle()
    assert [frame["content"] for frame in bob.durable(cid)] == ["0", "1", "2"]
    assert not alice.session.lane
    assert not reads
