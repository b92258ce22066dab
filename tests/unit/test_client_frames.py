"""What of a client's frames goes on to the reader, however the network cuts them."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from bihak.protocol.frames import MAX_FRAGMENTS, ClientFrames
from tests.e2e.raw import BINARY, CONTINUATION, PING, PONG, TEXT, frame

GOOD = [
    frame(TEXT, b"hello"),
    frame(TEXT, b""),
    frame(BINARY, b"x" * 126),
    frame(TEXT, b"x" * 65_536),
    frame(PING, b"p") + frame(PONG),
    frame(TEXT, b"a", fin=False) + frame(PING) + frame(CONTINUATION, fin=False) + frame(CONTINUATION, b"b"),
]
BAD = [
    frame(TEXT, b"x", masked=False),
    frame(PING, masked=False),
    frame(TEXT, b"x", length_bytes=2),
    frame(TEXT, b"x" * 200, length_bytes=8),
    frame(CONTINUATION, b"x"),
    frame(TEXT, fin=False) + frame(TEXT, b"x"),
    frame(TEXT, fin=False) + frame(CONTINUATION, fin=False) * MAX_FRAGMENTS,
]


def fed(stream: bytes, cuts: list[int]) -> bytes:
    """What passes when the stream comes in these pieces."""
    frames = ClientFrames()
    edges = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    return b"".join(frames.receive(stream[a:b]) for a, b in itertools.pairwise(edges))


cuts = st.lists(st.integers(0, 70_000), max_size=8)


@given(frames=st.lists(st.sampled_from(GOOD), max_size=6), cuts=cuts)
def test_what_is_right_passes_unchanged(frames: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(frames)
    assert fed(stream, cuts) == stream


@given(before=st.lists(st.sampled_from(GOOD), max_size=3), bad=st.sampled_from(BAD), cuts=cuts)
def test_what_is_wrong_ends_the_stream(before: list[bytes], bad: bytes, cuts: list[int]) -> None:
    stream = b"".join(before)
    passed = fed(stream + bad + GOOD[0], cuts)
    assert passed.startswith(stream)
    whole = fed(stream + bad + GOOD[0], [])
    assert passed == whole
    assert not passed.endswith(GOOD[0])


@given(st.binary(max_size=300), cuts)
def test_any_bytes_pass_the_same_however_they_are_cut(stream: bytes, cuts: list[int]) -> None:
    whole, pieces = fed(stream, []), fed(stream, cuts)
    assert pieces == whole
