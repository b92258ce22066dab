"""Ids, names and times, each constrained once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bihak.protocol.types import MAX_ID, Participant, format_time, is_web_address, time_or_none


@given(kind=st.from_regex(r"[a-z]{1,16}", fullmatch=True), number=st.integers(1, MAX_ID))
def test_a_user_id_names_the_participant_it_was_made_from(kind: str, number: int) -> None:
    who = Participant(kind, number)
    assert Participant.parse(who.user_id) == who


@pytest.mark.parametrize(
    "text",
    [
        "",
        "user",
        "user_",
        "_1",
        "user_0",
        "user_01",
        "user_-1",
        "user_+1",
        "user_1_1",
        "user_1 ",
        " user_1",
        "user_1\n",
        "User_1",
        "us er_1",
        "user_1.0",
        "user_\u0661",
        "usér_1",
        f"user_{MAX_ID + 1}",
        "user_99999999999999999",
        f"{'x' * 17}_1",
    ],
)
def test_anything_else_names_nobody(text: str) -> None:
    with pytest.raises(ValueError, match="not a user_id"):
        Participant.parse(text)


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (1, "1970-01-01T00:00:00.001Z"),
        (999, "1970-01-01T00:00:00.999Z"),
        (1_769_860_800_000, "2026-01-31T12:00:00.000Z"),
        (951_782_400_050, "2000-02-29T00:00:00.050Z"),
    ],
)
def test_times_are_utc_with_milliseconds(ms: int, text: str) -> None:
    assert format_time(ms) == text
    assert time_or_none(ms) == text


def test_no_time_stays_none() -> None:
    assert time_or_none(None) is None


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("https://a.example/é.png?size=1#x", True),
        ("HTTP://[::1]:8080/x", True),
        *(
            (text, False)
            for text in ("https://", "javascript:alert(1)", "//a.example", "data:image/png,x", "https://a b")
        ),
        *(
            (text, False)
            for text in ('https://a/"onerror=x', "https://a/<b>", "https://a/\n", "xhttps://a", "file://a")
        ),
    ],
)
def test_only_http_and_https_are_addresses_of_the_web(text: str, is_one: bool) -> None:
    assert is_web_address(text) == is_one
