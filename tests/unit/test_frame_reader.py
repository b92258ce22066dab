"""A client's frames become messages, however the network cuts them, and what is wrong ends the reading."""

import itertools

from hypothesis import example, given
from hypothesis import strategies as st

from bihak.protocol.reader import MAX_FRAGMENTS, FrameFault, FrameReader, Message, short_messages
from tests.e2e.raw import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, close_frame, frame

MOST = 70_000

GOOD: list[tuple[bytes, list[Message]]] = [
    (frame(TEXT, b"hello"), [(TEXT, b"hello")]),
    (frame(TEXT, b""), [(TEXT, b"")]),
    (frame(BINARY, b"x" * 126), [(BINARY, b"x" * 126)]),
    (frame(TEXT, b"x" * 65_536), [(TEXT, b"x" * 65_536)]),
    (frame(PING, b"p") + frame(PONG), [(PING, b"p"), (PONG, b"")]),
    (
        frame(TEXT, b"a", fin=False) + frame(PING) + frame(CONTINUATION, fin=False) + frame(CONTINUATION, b"b"),
        [(PING, b""), (TEXT, b"ab")],
    ),
    (close_frame(1000, b"bye"), [(CLOSE, b"\x03\xe8bye")]),
]
BAD = [
    (frame(TEXT, b"x", masked=False), 1002),
    (frame(PING, masked=False), 1002),
    (frame(TEXT, b"x", length_bytes=2), 1002),
    (frame(TEXT, b"x" * 200, length_bytes=8), 1002),
    (frame(CONTINUATION, b"x"), 1002),
    (frame(TEXT, fin=False) + frame(TEXT, b"x"), 1002),
    (frame(PING, b"x", fin=False), 1002),
    (frame(TEXT, b"x", reserved=4), 1002),
    (close_frame(1005), 1002),
    (close_frame(1000, b"\xff"), 1007),
    (frame(TEXT, claimed=MOST + 1), 1009),
    (frame(TEXT, b"x" * MOST, fin=False) + frame(CONTINUATION, b"x"), 1009),
    (frame(TEXT, fin=False) + frame(CONTINUATION, fin=False) * MAX_FRAGMENTS, 1009),
]


def read(stream: bytes, cuts: list[int]) -> tuple[list[Message], int]:
    """What comes of the stream when it comes in these pieces, and the code that it fails with; 0: it does not."""
    reader, found = FrameReader(MOST), []
    edges = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    try:
        for a, b in itertools.pairwise(edges):
            reader.feed(stream[a:b])
            while (message := reader.next()) is not None:
                found.append(message)
    except FrameFault as fault:
        return found, fault.code
    return found, 0


cuts = st.lists(st.integers(0, 70_000), max_size=8)


@given(sent=st.lists(st.sampled_from(GOOD), max_size=6), cuts=cuts)
def test_what_is_right_is_read_however_it_is_cut(sent: list[tuple[bytes, list[Message]]], cuts: list[int]) -> None:
    stream = b"".join(frames for frames, _ in sent)
    assert read(stream, cuts) == ([message for _, messages in sent for message in messages], 0)


@given(before=st.sampled_from(GOOD), bad=st.sampled_from(BAD), cuts=cuts)
def test_what_is_wrong_ends_the_reading_with_its_code(
    before: tuple[bytes, list[Message]], bad: tuple[bytes, int], cuts: list[int]
) -> None:
    assert read(before[0] + bad[0] + GOOD[0][0], cuts) == (before[1], bad[1])


@given(st.binary(max_size=300), cuts)
def test_any_bytes_are_read_the_same_however_they_are_cut(stream: bytes, cuts: list[int]) -> None:
    assert read(stream, cuts) == read(stream, [])


@given(st.binary(max_size=300))
@example(b"x" * 126)
@example(b"x" * 65_535)
@example(b"x" * 65_536)
def test_the_short_way_reads_what_the_long_way_does_or_nothing(body: bytes) -> None:
    sent = frame(TEXT, body)
    is_short = 0 < len(body) < 65_536
    found = [(body, len(sent)), (body, 2 * len(sent))] if is_short else []
    assert list(short_messages(sent + sent)) == found
    assert list(short_messages(sent + sent[:-1])) == found[:1]
    if len(body) < 126:
        assert not list(short_messages(frame(TEXT, body, length_bytes=2)))
    for other in (sent[:-1], frame(BINARY, body), frame(TEXT, body, masked=False), frame(TEXT, body, fin=False)):
        assert not list(short_messages(other))
        assert list(short_messages(sent + other)) == found[:1]


def test_a_reader_holds_nothing_between_messages() -> None:
    reader = FrameReader(MOST)
    reader.feed(frame(TEXT, b"a", fin=False))
    assert reader.next() is None
    assert not reader.is_between
    reader.feed(frame(CONTINUATION, b"b") + b"\x81")
    assert reader.next() == (TEXT, b"ab")
    assert not reader.is_between
    reader.feed(frame(TEXT, b"c")[1:])
    assert reader.next() == (TEXT, b"c")
    assert reader.next() is None
    assert reader.is_between
