"""The client's small rules: how long it waits, what it does after each close code, what it makes of frames."""

import pytest

from bihak.client.backoff import Backoff
from bihak.client.closing import After, after_close, after_refusal
from bihak.client.credentials import Credentials
from bihak.client.events import NewMessage, UnknownDurableEvent, UnknownEvent
from bihak.client.faults import Fault, RateLimited, Unreadable
from bihak.client.frames import decode_event, decode_reply, encode_frame, label_of
from bihak.client.replies import Ok
from bihak.errors import CloseCode


def test_the_wait_is_any_moment_up_to_a_ceiling_that_doubles() -> None:
    latest = Backoff(0.5, 15, lambda: 1.0)
    assert [latest.next_s() for _ in range(7)] == [0.5, 1, 2, 4, 8, 15, 15]
    latest.reset()
    assert latest.next_s() == 0.5
    assert Backoff(0.5, 15, lambda: 0.0).next_s() == 0
    assert Backoff(0.5, 15, lambda: 1.0).next_s(at_least_s=5) == 5.5


@pytest.mark.parametrize(
    ("code", "after"),
    [
        (None, After.RECONNECT),
        (1001, After.RECONNECT),
        (1006, After.RECONNECT),
        (1002, After.RECONNECT_LATER),
        (1008, After.RECONNECT_LATER),
        (1009, After.RECONNECT_LATER),
        (1011, After.RECONNECT),
        (1013, After.RECONNECT_LATER),
        (4401, After.FRESH_TOKEN),
        (4403, After.NEVER),
        (4408, After.RECONNECT),
        (4429, After.RECONNECT_LATER),
        (4999, After.RECONNECT),
    ],
)
def test_each_close_code_has_its_consequence(code: int | None, after: After) -> None:
    assert after_close(code) is after


def test_every_close_code_of_the_server_was_thought_of() -> None:
    from bihak.client.closing import _AFTER

    assert set(_AFTER) == set(CloseCode)


def test_a_refused_sign_in_is_tried_again_only_where_that_may_help() -> None:
    assert after_refusal("token_expired", retryable=False) is After.FRESH_TOKEN
    assert after_refusal("too_many_connections", retryable=True) is After.RECONNECT_LATER
    assert after_refusal("invalid_field", retryable=False) is After.NEVER


async def test_a_fresh_token_is_worth_one_try() -> None:
    async def fetch() -> str:
        return "fresh"

    credentials = Credentials(fetch, None)
    assert await credentials.fields() == {"token": "fresh"}
    assert [credentials.may_try_again() for _ in range(2)] == [True, False]
    credentials.accepted()
    assert credentials.may_try_again()
    assert not Credentials("the only one", None).may_try_again()


def test_a_client_is_either_trusted_or_has_a_token() -> None:
    for token, participant in ((None, None), ("token", "user_1"), (None, "nobody")):
        with pytest.raises(ValueError, match=r"client needs|user_123"):
            Credentials(token, participant)


def test_fields_that_are_none_are_left_out_and_unknown_ones_ignored() -> None:
    assert encode_frame({"type": "history", "before": None, "limit": 5}) == b'{"type":"history","limit":5}'
    frame = (
        b'{"type":"new_message","conversation_id":1,"seq":2,"message_id":3,"sender_type":"user","sender_id":4,'
        b'"sender_name":"Ann","content":"hi","created_at":"2026","mood":"new"}'
    )
    label = label_of(frame)
    assert label is not None
    event = decode_event(frame, label)
    assert isinstance(event, NewMessage)
    assert event.sender == "user_4"


@pytest.mark.parametrize(
    ("frame", "kind"),
    [
        (b'{"type":"poll_opened","conversation_id":1,"seq":2}', UnknownDurableEvent),
        (b'{"type":"message_edited","conversation_id":1,"seq":2,"words":"otherwise"}', UnknownDurableEvent),
        (b'{"type":"weather","sun":true}', UnknownEvent),
    ],
)
def test_an_event_of_a_newer_server_keeps_its_place(frame: bytes, kind: type) -> None:
    label = label_of(frame)
    assert label is not None
    assert type(decode_event(frame, label)) is kind


@pytest.mark.parametrize("frame", [b"", b"\xff", b"[]", b'{"no":"type"}', b'{"type":5}', b'"text"'])
def test_what_is_no_frame_is_ignored(frame: bytes) -> None:
    assert label_of(frame) is None


def test_errors_become_exceptions_of_their_own_class() -> None:
    error = b'{"type":"error","code":"rate_limited","message":"Slow down.","retryable":true,"retry_after":2.5}'
    with pytest.raises(RateLimited, match="Slow down") as raised:
        decode_reply(error, Ok)
    assert (raised.value.retryable, raised.value.retry_after) == (True, 2.5)
    with pytest.raises(Fault) as unknown:
        decode_reply(b'{"type":"error","code":"brand_new","message":"?"}', Ok)
    assert (type(unknown.value), unknown.value.code) == (Fault, "brand_new")
    with pytest.raises(Unreadable):
        decode_reply(b'{"type":"surprise"}', Ok)
