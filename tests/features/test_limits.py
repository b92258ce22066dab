"""Rate limits, as a client meets them."""

from collections.abc import Iterator

from bihak.core.feature import Kind
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


async def test_every_command_counts_against_the_limit_of_what_it_does(sqlite_place: Place) -> None:
    named = {
        Limit.MESSAGES: {"message"},
        Limit.TYPING: {"typing_start", "typing_stop"},
        Limit.SEARCH: {"search", "participants"},
        Limit.REQUESTS: {"auth", "ping", "subscribe_conversation"},
        Limit.AUTH: set(),
    }
    async with running_cluster(sqlite_place, 1) as cluster:
        commands = [command for command in cluster.nodes[0].dispatcher.commands.values() if not command.internal]
    for limit, names in named.items():
        assert {command.name for command in commands if command.limit is limit} == names
    rest = [command for command in commands if command.limit not in named]
    assert {command.name for command in rest if command.limit is Limit.HISTORY} == {
        command.name for command in rest if command.kind is Kind.READ
    }


async def test_each_limit_is_a_bucket_of_its_own_for_each_participant(sqlite_place: Place) -> None:
    limits: dict[Limit, RateLimit] = {limit: RateLimit(2, 10.0, lambda: 0.0) for limit in Limit}
    del limits[Limit.REQUESTS]
    async with running_cluster(sqlite_place, 1, options=NodeOptions(limits=limits)) as cluster:
        alice, phone = await cluster.connect("user_1"), await cluster.connect("user_1")
        bob = await cluster.connect("user_2")
        cid = await cluster.found(bob, "user_1")
        message_id = (await bob.do("message", conversation_id=cid, content="x"))["message_id"]
        asked: dict[str, dict[str, object]] = {
            "message": {"conversation_id": cid, "content": "x"},
            "add_reaction": {"message_id": message_id, "emoji": "👍"},
            "typing_start": {"conversation_id": cid},
            "history": {"conversation_id": cid},
            "search": {"q": "x"},
        }
        for kind, fields in asked.items():
            for _ in range(2):  # on either device
                alice.send(kind, **fields)
                await cluster.settle()
            assert not alice.heard("error"), kind
            error = await phone.refused(kind, **fields)
            assert (error["code"], error["retryable"], error["retry_after"]) == ("rate_limited", True, 5.0)
        # Nobody else is concerned.
        await bob.do("add_reaction", message_id=message_id, emoji="👍")
        assert bob.heard("user_typing")[-1]["is_typing"] is True


async def test_what_else_is_asked_is_limited_by_connection_signed_in_or_not(sqlite_place: Place) -> None:
    limits = {Limit.REQUESTS: RateLimit(3, 30.0, lambda: 0.0)}
    async with running_cluster(sqlite_place, 1, options=NodeOptions(limits=limits)) as cluster:
        alice, phone, stranger = await cluster.connect("user_1"), await cluster.connect("user_1"), cluster.open()
        cid = await cluster.found(alice, "user_2")
        await alice.do("subscribe_conversation", conversation_id=cid)
        await alice.do("ping")
        assert (await alice.refused("subscribe_conversation", conversation_id=cid))["retry_after"] == 10.0
        await phone.do("ping")
        for _ in range(3):
            await stranger.do("ping")
        assert (await stranger.refused("ping"))["code"] == "rate_limited"
