"""Server frames byte for byte (RFC 6455 §5.2)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bihak.protocol.frames import text_frame
from tests.harness import read_frames


@pytest.mark.parametrize(
    ("size", "header"),
    [
        (0, b"\x81\x00"),
        (1, b"\x81\x01"),
        (125, b"\x81\x7d"),
        (126, b"\x81\x7e\x00\x7e"),
        (65535, b"\x81\x7e\xff\xff"),
        (65536, b"\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00"),
    ],
)
def test_a_length_takes_as_few_bytes_as_it_can(size: int, header: bytes) -> None:
    body = b"x" * size
    assert text_frame(body) == header + body


@given(st.lists(st.binary(max_size=300)))
def test_frames_behind_each_other_are_read_one_by_one(bodies: list[bytes]) -> None:
    assert read_frames(b"".join(text_frame(body) for body in bodies)) == bodies
