"""Whatever comes in a frame: one error, and the connection goes on."""

import json
from typing import Any

import pytest

from tests.e2e.conftest import Connect
from tests.e2e.server import ServerProcess

Pair = tuple[str, str, int]

BAD_TEXTS = {
    "not JSON": ("hello", "invalid_frame"),
    "nothing": ("", "invalid_frame"),
    "half an object": ('{"type": "ping"', "invalid_frame"),
    "an array": ('[{"type": "ping"}]', "invalid_frame"),
    "a number": ("1", "invalid_frame"),
    "null": ("null", "invalid_frame"),
    "no type": ("{}", "invalid_frame"),
    "a type that is no text": ('{"type": 7}', "invalid_frame"),
    "an unknown type": ('{"type": "reboot"}', "unknown_type"),
    "very deep": ("[" * 50_000, "invalid_frame"),
    "an object as id": ('{"type": "subscribe_conversation", "conversation_id": {"a": 1}}', "invalid_field"),
    "a text as id": ('{"type": "message", "conversation_id": "1", "content": "x"}', "invalid_field"),
    "zero as id": ('{"type": "typing_start", "conversation_id": 0}', "invalid_field"),
    "a huge id": ('{"type": "typing_start", "conversation_id": 9007199254740992}', "invalid_field"),
    "a fraction as id": ('{"type": "typing_start", "conversation_id": 1.5}', "invalid_field"),
    "a list as content": ('{"type": "message", "conversation_id": 1, "content": ["x"]}', "invalid_field"),
    "no content": ('{"type": "message", "conversation_id": 1}', "invalid_field"),
    "a long request_id": (json.dumps({"type": "ping", "request_id": "r" * 65}), "invalid_field"),
    "too long": (json.dumps({"type": "ping", "padding": "x" * 110_000}), "too_large"),
}


@pytest.mark.parametrize(("text", "code"), BAD_TEXTS.values(), ids=BAD_TEXTS)
async def test_a_bad_frame_gets_one_error_and_the_connection_stays(
    demo: ServerProcess, connect: Connect, pair: Pair, text: str, code: str
) -> None:
    client = await connect(demo, pair[0])
    await client.everything_so_far()
    await client.socket.send_str(text)
    answers = await client.everything_so_far()
    assert [(frame["type"], frame["code"], frame["retryable"]) for frame in answers] == [("error", code, False)]
    assert answers[0]["message"]


@pytest.mark.parametrize(("text", "code"), BAD_TEXTS.values(), ids=BAD_TEXTS)
async def test_a_bad_frame_before_auth_gets_the_same_error(
    demo: ServerProcess, connect: Connect, text: str, code: str
) -> None:
    client = await connect(demo)
    await client.socket.send_str(text)
    assert [frame["code"] for frame in await client.everything_so_far()] == [code]


async def test_a_binary_frame_gets_one_error_and_the_connection_stays(demo: ServerProcess, connect: Connect) -> None:
    client = await connect(demo)
    await client.socket.send_bytes(b'{"type": "ping"}')
    assert [frame["code"] for frame in await client.everything_so_far()] == ["invalid_frame"]


@pytest.mark.parametrize(
    "request_",
    [
        {"type": "message", "conversation_id": 1, "content": "x"},
        {"type": "typing_start", "conversation_id": 1},
        {"type": "subscribe_conversation", "conversation_id": 1},
        {"type": "history", "conversation_id": 1},
        {"type": "conversations"},
    ],
    ids=lambda request: str(request["type"]),
)
async def test_whoever_is_not_signed_in_is_told_so(
    demo: ServerProcess, connect: Connect, request_: dict[str, Any]
) -> None:
    client = await connect(demo)
    error = await client.ask("error", **request_)
    assert error["code"] == "not_authenticated"


async def test_an_error_gives_back_what_it_answers(demo: ServerProcess, connect: Connect, pair: Pair) -> None:
    client = await connect(demo, pair[0])
    await client.send(type="message", conversation_id="1", content="x", request_id="r-1", temp_id=42)
    error = await client.hear("error")
    assert (error["code"], error["field"], error["request_id"], error["temp_id"]) == (
        "invalid_field",
        "conversation_id",
        "r-1",
        42,
    )
    await client.send(type="message", conversation_id=987654321, content="x", request_id="r-2", temp_id="t-2")
    error = await client.hear("error")
    assert (error["code"], error["request_id"], error["temp_id"]) == ("not_found", "r-2", "t-2")
    assert error["conversation_id"] == 987654321


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"content": ""}, "invalid_field"),
        ({"content": "  \n "}, "invalid_field"),
        ({"content": "x" * 10_001}, "too_large"),
        ({"content": "a\0b"}, "invalid_field"),
        ({"reply_to_id": 999_999_999}, "not_found"),
        ({"idempotency_key": "short"}, "invalid_field"),
    ],
)
async def test_a_message_that_cannot_be_stored_is_refused(
    demo: ServerProcess, connect: Connect, pair: Pair, changed: dict[str, Any], code: str
) -> None:
    ann, _, conversation_id = pair
    client = await connect(demo, ann)
    request = {"type": "message", "conversation_id": conversation_id, "content": "x", "temp_id": 1} | changed
    error = await client.ask("error", **request)
    assert (error["code"], error["temp_id"]) == (code, 1)


async def test_what_is_not_ones_own_looks_like_what_does_not_exist(
    demo: ServerProcess, connect: Connect, pair: Pair
) -> None:
    stranger = await connect(demo, "user_2")
    requests: list[dict[str, Any]] = [
        {"type": "message", "content": "x"},
        {"type": "subscribe_conversation"},
        {"type": "typing_start"},
        {"type": "history"},
    ]
    for request in requests:
        others = await stranger.ask("error", **request, conversation_id=pair[2])
        nobodys = await stranger.ask("error", **request, conversation_id=987654321)
        for error in (others, nobodys):
            del error["request_id"], error["conversation_id"]
        assert others == nobodys
        assert others["code"] == "not_found"


async def test_a_wrong_participant_type_ends_neither_the_connection_nor_the_server(
    demo: ServerProcess, connect: Connect
) -> None:
    client = await connect(demo)
    error = await client.ask("error", type="auth", participant_type="robot", participant_id=1)
    assert (error["code"], error["field"]) == ("invalid_field", "participant_type")
    await client.close()
    assert (await (await connect(demo)).ask("pong", type="ping"))["type"] == "pong"


async def test_another_participant_on_the_same_connection_is_refused(
    demo: ServerProcess, connect: Connect, pair: Pair
) -> None:
    ann, bob, _ = pair
    client = await connect(demo, ann)
    number = int(bob.split("_")[1])
    error = await client.ask("error", type="auth", participant_type="user", participant_id=number)
    assert error["code"] == "already_authenticated"


async def test_a_frame_past_the_hard_limit_closes_the_connection(demo: ServerProcess, connect: Connect) -> None:
    client = await connect(demo)
    await client.socket.send_str("x" * (1 << 20) + "x")
    assert await client.close_code() == 1009


async def test_whoever_sends_nothing_but_nonsense_is_closed(demo: ServerProcess, connect: Connect) -> None:
    client = await connect(demo)
    for _ in range(101):
        await client.socket.send_str("nonsense")
    assert await client.close_code() == 1008
