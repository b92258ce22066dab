"""Every malformed frame gets the right error, bound to the request as far as that could be read."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bihak.errors import ALL_ERRORS, RateLimited
from bihak.features.arriving import Auth
from bihak.features.messages import Ok, SendMessage
from bihak.features.sync import Ping
from bihak.protocol.envelope import DecodeFailure, Echo, RequestDecoder, encode, error_reply

decoder = RequestDecoder([SendMessage, Ping, Auth])


def refusal(frame: bytes | str) -> tuple[str, str | None, Echo]:
    """Code, field and echo of the error about a frame."""
    with pytest.raises(DecodeFailure) as caught:
        decoder.decode(frame)
    failure = caught.value
    encode(error_reply(failure.error, failure.echo))
    return failure.error.code, failure.error.field, failure.echo


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b" ",
        b"{",
        b"nonsense",
        b"\x00",
        b"\xff\xfe",
        b"{'type': 'ping'}",
        b'{"type":"ping"} x',
        b'{"type":"ping",}',
        b'{"type":"ping"}{"type":"ping"}',
        b"[]",
        b'"ping"',
        b"1",
        b"null",
        b"true",
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b'{"type":"p\xffing"}',
        b"{}",
        b'{"type":null}',
        b'{"type":1}',
        b'{"type":["ping"]}',
        b'{"TYPE":"ping"}',
    ],
)
def test_what_is_no_json_object_with_a_type_is_an_invalid_frame(frame: bytes) -> None:
    code, _, _ = refusal(frame)
    assert code == "invalid_frame"


@pytest.mark.parametrize("kind", ["", "Ping", "ping ", "no_such", "save_participant", "error", "\\u0000"])
def test_a_type_that_is_none_is_unknown(kind: str) -> None:
    frame = f'{{"type":"{kind}","request_id":"r","temp_id":7,"conversation_id":3}}'
    assert refusal(frame) == ("unknown_type", None, Echo("r", 7, 3))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"conversation_id": "1"}, "conversation_id"),
        ({"conversation_id": 0}, "conversation_id"),
        ({"conversation_id": -1}, "conversation_id"),
        ({"conversation_id": 2**53}, "conversation_id"),
        ({"conversation_id": 2**64}, "conversation_id"),
        ({"conversation_id": 10**30}, "conversation_id"),
        ({"conversation_id": 1.5}, "conversation_id"),
        ({"conversation_id": True}, "conversation_id"),
        ({"conversation_id": None}, "conversation_id"),
        ({"conversation_id": [1]}, "conversation_id"),
        ({"conversation_id": {"a": 1}}, "conversation_id"),
        ({"conversation_id": ...}, "conversation_id"),
        ({"content": ...}, "content"),
        ({"content": 1}, "content"),
        ({"content": None}, "content"),
        ({"content": ["x"]}, "content"),
        ({"reply_to_id": "1"}, "reply_to_id"),
        ({"reply_to_id": 0}, "reply_to_id"),
        ({"temp_id": [1]}, "temp_id"),
        ({"temp_id": {}}, "temp_id"),
        ({"idempotency_key": 12345678}, "idempotency_key"),
        ({"idempotency_key": "short"}, "idempotency_key"),
        ({"idempotency_key": "x" * 65}, "idempotency_key"),
        ({"request_id": 1}, "request_id"),
        ({"request_id": "x" * 65}, "request_id"),
        ({"request_id": "é" * 33}, "request_id"),
    ],
)
def test_a_wrong_field_is_named_and_the_rest_is_echoed(changes: dict[str, Any], field: str) -> None:
    right = {"type": "message", "request_id": "r", "temp_id": "t", "conversation_id": 5, "content": "x"}
    fields = {name: value for name, value in {**right, **changes}.items() if value is not ...}
    code, named, echo = refusal(json.dumps(fields))
    assert (code, named) == ("invalid_field", field)
    expected: dict[str, Any] = {
        name: None if name == field else right[name] for name in ("request_id", "temp_id", "conversation_id")
    }
    assert echo == Echo(**expected)


@pytest.mark.parametrize("field", ["content", "idempotency_key", "temp_id", "request_id", "unknown"])
@pytest.mark.parametrize("text", ["\\ud800", "\\udc00", "a\\ud83d", "\\udc4d\\ud83d", "\\ud83dx"])
def test_lone_surrogates_are_refused_where_they_are(field: str, text: str) -> None:
    fields = {"content": "xxxxxxxx", "idempotency_key": "xxxxxxxx", "temp_id": "x", "request_id": "x", field: text}
    frame = '{"type":"message","conversation_id":5,' + ",".join(f'"{n}":"{v}"' for n, v in fields.items()) + "}"
    code, named, echo = refusal(frame)
    assert (code, named) == ("invalid_field", field)
    assert echo.conversation_id == 5
    if field != "request_id":
        assert echo.request_id == "x"


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity"])
def test_numbers_that_json_does_not_have_are_refused(value: str) -> None:
    code, named, echo = refusal(
        f'{{"type":"message","request_id":"r","conversation_id":1,"content":"x","temp_id":{value}}}'
    )
    assert (code, named, echo) == ("invalid_field", "temp_id", Echo("r", None, 1))


def test_fields_that_nobody_declared_are_ignored() -> None:
    request = decoder.decode('{"type":"ping","future":{"a":[1,2]},"request_id":"r"}')
    assert request == Ping(request_id="r")


def test_text_and_bytes_are_decoded_alike() -> None:
    frame = '{"type":"message","conversation_id":1,"content":"👍"}'
    assert decoder.decode(frame) == decoder.decode(frame.encode())


@given(st.binary())
def test_any_bytes_decode_or_fail_as_promised(frame: bytes) -> None:
    try:
        decoder.decode(frame)
    except DecodeFailure as failure:
        json.loads(encode(error_reply(failure.error, failure.echo)))


@settings(max_examples=60)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=6,
    ),
    st.sampled_from(["content", "conversation_id", "temp_id", "request_id", "idempotency_key", "type"]),
)
def test_any_value_anywhere_decodes_or_fails_as_promised(value: Any, field: str) -> None:
    fields = {"type": "message", "conversation_id": 1, "content": "x", field: value}
    try:
        decoder.decode(json.dumps(fields))
    except DecodeFailure as failure:
        json.loads(encode(error_reply(failure.error, failure.echo)))


def test_the_echo_of_a_frame_is_what_can_be_read_of_it() -> None:
    assert decoder.echo('{"request_id":"r","temp_id":1,"conversation_id":2,"type":5}') == Echo("r", 1, 2)
    assert decoder.echo('{"request_id":"' + "x" * 65 + '","temp_id":[],"conversation_id":-2}') == Echo()
    assert decoder.echo("[1]") == decoder.echo(b"\xff") == decoder.echo("{") == Echo()


def test_an_error_says_only_what_is_known() -> None:
    assert json.loads(encode(error_reply(RateLimited(retry_after=0.5), Echo("r")))) == {
        "type": "error",
        "message": RateLimited.default_message,
        "code": "rate_limited",
        "retryable": True,
        "retry_after": 0.5,
        "request_id": "r",
    }


def test_every_error_has_its_own_code_and_a_status() -> None:
    codes = [error.code for error in ALL_ERRORS]
    assert len(codes) == len(set(codes))
    for error in ALL_ERRORS:
        frame = json.loads(encode(error_reply(error())))
        assert frame["retryable"] is error.retryable
        assert 400 <= error.http_status < 600
        assert frame["message"]


def test_a_reply_without_a_request_id_has_none() -> None:
    assert json.loads(encode(Ok())) == {"type": "ok"}
