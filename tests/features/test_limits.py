"""Rate limits, as a client meets them."""

from collections.abc import Iterator

from bihak.core.limits import Limit, RateLimit
from bihak.core.node import NodeOptions
from tests.harness import Place, running_cluster


async def test_too_many_messages_are_refused_until_there_is_room_again(sqlite_place: Place) -> None:
    now = [0.0]
    limit = RateLimit(3, 6.0, lambda: now[0])
    async with running_cluster(sqlite_place, 1, options=NodeOptions(limits={Limit.MESSAGES: limit})) as cluster:
        alice, bob = await cluster.connect("user_1"), await cluster.connect("user_2")
        cid = await cluster.found(alice, "user_2")
        for number in range(3):
            await alice.do("message", conversation_id=cid, content=f"{number}")
        error = await alice.refused("message", conversation_id=cid, content="too many", temp_id="t")
        assert (error["code"], error["retryable"], error["retry_after"]) == ("rate_limited", True, 2.0)
        assert (error["temp_id"], error["conversation_id"]) == ("t", cid)
        await bob.do("message", conversation_id=cid, content="not my limit")
        await alice.do("history", conversation_id=cid)
        now[0] += error["retry_after"]
        await alice.do("message", conversation_id=cid, content="now")
        assert bob.seqs(cid) == [1, 2, 3, 4, 5]


async def test_those_behind_a_message_that_must_be_sent_again_do_not_overtake_it(sqlite_place: Place) -> None:
    times: Iterator[float] = iter((0.0, 0.5, 100.0, 101.0, 200.0))
    limit = RateLimit(1, 1.0, lambda: next(times))
    async with running_cluster(sqlite_place, 1, options=NodeOptions(limits={Limit.MESSAGES: limit})) as cluster:
        alice, bob = await cluster.connect("user_1"), await cluster.connect("user_2")
        cid, other = [await cluster.found(alice, "user_2") for _ in range(2)]
        asked = [alice.send("history", conversation_id=cid)]
        asked += [alice.send("message", conversation_id=cid, content=text) for text in ("one", "two", "three")]
        asked.append(alice.send("message", conversation_id=other, content="elsewhere"))
        answers = [await alice.answer(request_id) for request_id in asked]
        assert [answer.get("code", answer["type"]) for answer in answers] == [
            "history", "message_sent", "rate_limited", "rate_limited", "message_sent",
        ]  # fmt: skip
        await cluster.settle()
        assert [frame["content"] for frame in bob.durable(cid)] == ["one"]
        await alice.do("message", conversation_id=cid, content="two")
