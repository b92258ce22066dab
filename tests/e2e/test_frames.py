"""RFC 6455, frame by frame, against the running server: what must be taken, and what must fail the connection."""

import asyncio
import json
import struct
import zlib

import pytest

from bihak.errors import CloseCode
from tests.e2e.raw import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    close_frame,
    frame,
    upgraded,
)
from tests.e2e.server import ServerProcess
from tests.e2e.status import memory_bytes

ASK = json.dumps({"type": "ping", "request_id": "Kigali é ✓ 🛶"}, ensure_ascii=False).encode()
HALF = len(ASK) // 2
MULTIBYTE = ASK.index("🛶".encode()) + 2

TAKEN = {
    "one frame": frame(TEXT, ASK),
    "an empty frame first": frame(TEXT, fin=False) + frame(CONTINUATION, ASK),
    "an empty frame last": frame(TEXT, ASK, fin=False) + frame(CONTINUATION),
    "two fragments": frame(TEXT, ASK[:HALF], fin=False) + frame(CONTINUATION, ASK[HALF:]),
    "a fragment for each byte": frame(TEXT, fin=False)
    + b"".join(frame(CONTINUATION, ASK[at : at + 1], fin=False) for at in range(len(ASK)))
    + frame(CONTINUATION),
    "fragments that cut a character": frame(TEXT, ASK[:MULTIBYTE], fin=False) + frame(CONTINUATION, ASK[MULTIBYTE:]),
    "a ping between fragments": frame(TEXT, ASK[:HALF], fin=False)
    + frame(PING, b"between")
    + frame(CONTINUATION, ASK[HALF:]),
    "a pong that nobody asked for": frame(PONG, b"unasked") + frame(TEXT, ASK),
    "a length of 126 in two bytes": frame(TEXT, ASK.ljust(126)),
    "a length of 65536 in eight bytes": frame(TEXT, ASK.ljust(65536)),
    "a body of 125 bytes": frame(TEXT, ASK.ljust(125)),
    "the largest ping": frame(PING, b"p" * 125) + frame(TEXT, ASK),
}


@pytest.mark.parametrize("sent", TAKEN.values(), ids=TAKEN)
async def test_what_the_standard_allows_is_taken_whole_and_byte_by_byte(demo: ServerProcess, sent: bytes) -> None:
    for pieces in ([sent], [sent[at : at + 1] for at in range(min(len(sent), 400))] + [sent[400:]]):
        async with upgraded(demo) as socket:
            for piece in pieces:
                await socket.send(piece)
            reply = await socket.reply()
            assert (reply["type"], reply["request_id"]) == ("pong", "Kigali é ✓ 🛶")


async def test_a_ping_is_answered_with_its_own_body(demo: ServerProcess) -> None:
    async with upgraded(demo) as socket:
        for body in (b"", b"hello", bytes(range(125))):
            await socket.send(frame(PING, body))
            assert await socket.frame() == (PONG, body)


PROTOCOL, PAYLOAD, TOO_LARGE = 1002, 1007, 1009

REFUSED = {
    "no mask": (frame(TEXT, ASK, masked=False), PROTOCOL),
    "a ping without a mask": (frame(PING, masked=False), PROTOCOL),
    "a close without a mask": (frame(CLOSE, masked=False), PROTOCOL),
    "no mask behind a frame with one": (frame(PING) + frame(TEXT, ASK, masked=False), PROTOCOL),
    "reserved bit 1": (frame(TEXT, ASK, reserved=4), PROTOCOL),
    "reserved bit 2": (frame(TEXT, ASK, reserved=2), PROTOCOL),
    "reserved bit 3": (frame(PING, reserved=1), PROTOCOL),
    **{f"reserved opcode {code:#x}": (frame(code), PROTOCOL) for code in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)},
    "a length of 5 in two bytes": (frame(TEXT, b"12345", length_bytes=2), PROTOCOL),
    "a length of 126 in eight bytes": (frame(TEXT, b"x" * 126, length_bytes=8), PROTOCOL),
    "a control frame of 126 bytes": (frame(PING, b"x" * 126), PROTOCOL),
    "a fragmented ping": (frame(PING, b"x", fin=False), PROTOCOL),
    "a fragmented close": (frame(CLOSE, fin=False), PROTOCOL),
    "a continuation of nothing": (frame(CONTINUATION, b"x"), PROTOCOL),
    "an unfinished continuation of nothing": (frame(CONTINUATION, b"x", fin=False), PROTOCOL),
    "a message within a message": (frame(TEXT, b"x", fin=False) + frame(TEXT, b"y"), PROTOCOL),
    "a message within an empty beginning": (frame(TEXT, fin=False) + frame(TEXT, ASK), PROTOCOL),
    "a fragment that begins another": (frame(TEXT, b"x", fin=False) + frame(BINARY, b"y", fin=False), PROTOCOL),
    "text that is not UTF-8": (frame(TEXT, b"\xff\xfe"), PAYLOAD),
    "half a character": (frame(TEXT, "é".encode()[:1]), PAYLOAD),
    "a surrogate": (frame(TEXT, b"\xed\xa0\x80"), PAYLOAD),
    "an overlong slash": (frame(TEXT, b"\xc0\xaf"), PAYLOAD),
    "past U+10FFFF": (frame(TEXT, b"\xf4\x90\x80\x80"), PAYLOAD),
    "bad UTF-8 over two fragments": (frame(TEXT, b"a\xce", fin=False) + frame(CONTINUATION, b"\xff"), PAYLOAD),
    "a length past the hard limit": (frame(TEXT, claimed=(1 << 20) + 1), TOO_LARGE),
    "a length of 2^63": (frame(TEXT, claimed=1 << 63), TOO_LARGE),
    "fragments past the hard limit": (
        frame(TEXT, b"x" * 600_000, fin=False) + frame(CONTINUATION, b"x" * 600_000),
        TOO_LARGE,
    ),
    "a flood of empty fragments": (frame(TEXT, fin=False) + frame(CONTINUATION, fin=False) * 5000, TOO_LARGE),
    "a flood of small fragments": (frame(TEXT, fin=False) + frame(CONTINUATION, b"x", fin=False) * 5000, TOO_LARGE),
    "a close frame of one byte": (frame(CLOSE, b"\x03"), PROTOCOL),
    "a close reason that is not UTF-8": (close_frame(1000, b"\xff"), PAYLOAD),
    **{
        f"the close code {code}": (close_frame(code), PROTOCOL)
        for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999)
    },
}


@pytest.mark.parametrize(("sent", "code"), REFUSED.values(), ids=REFUSED)
async def test_what_the_standard_forbids_ends_the_connection_with_the_right_code(
    demo: ServerProcess, sent: bytes, code: int
) -> None:
    async with upgraded(demo) as socket:
        await socket.send(sent)
        assert await socket.close_code() == code
        await socket.send(close_frame(code))
        assert await socket.everything() == b"", "nothing may follow a close frame"


@pytest.mark.parametrize("code", [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999])
async def test_a_close_is_answered_with_the_same_code(demo: ServerProcess, code: int) -> None:
    async with upgraded(demo) as socket:
        await socket.send(close_frame(code, b"bye") + frame(TEXT, ASK))
        opcode, body = await socket.frame()
        assert (opcode, struct.unpack("!H", body[:2])[0]) == (CLOSE, code)
        assert await socket.everything() == b""


@pytest.mark.parametrize("kind", [PING, PONG])
async def test_a_flood_of_pings_ends_the_connection_of_whoever_is_signed_in_too(demo: ServerProcess, kind: int) -> None:
    async with upgraded(demo) as socket:
        await socket.send(frame(TEXT, b'{"type": "auth", "participant_type": "user", "participant_id": 4}'))
        assert (await socket.reply())["type"] == "auth_success"
        await socket.send(frame(kind, b"x") * 5000)
        assert await socket.close_code() == 1008


async def test_a_close_without_a_code_is_answered(demo: ServerProcess) -> None:
    async with upgraded(demo) as socket:
        await socket.send(frame(CLOSE))
        assert await socket.close_code() == 1000


async def test_compression_is_not_agreed_on_so_a_bomb_is_a_wrong_frame(demo: ServerProcess) -> None:
    async with upgraded(demo, Sec_WebSocket_Extensions="permessage-deflate; client_max_window_bits") as socket:
        packer = zlib.compressobj(9, wbits=-15)
        bomb = packer.compress(b"[" * 50_000_000) + packer.flush(zlib.Z_SYNC_FLUSH)
        await socket.send(frame(TEXT, bomb[:-4], reserved=4))
        assert await socket.close_code() == PROTOCOL


async def test_messages_that_are_never_finished_take_no_more_than_their_limit(demo: ServerProcess) -> None:
    """1 MiB is taken of each before its connection is closed: twice that, for the copy that is being put together."""
    before = memory_bytes(demo)
    async with upgraded(demo) as one, upgraded(demo) as another:
        for socket in (one, another):
            await socket.send(frame(TEXT, b"[" * 65_536, fin=False))
            for _ in range(14):
                await socket.send(frame(CONTINUATION, b"[" * 65_536, fin=False))
            await socket.send(frame(PING, b"still there?"))
            assert await socket.frame() == (PONG, b"still there?")
        assert memory_bytes(demo) - before < 32 << 20
        await one.send(frame(CONTINUATION, b"[" * 262_144))
        assert await one.close_code() == TOO_LARGE


async def test_a_close_waits_for_the_other_sides_answer(demo: ServerProcess) -> None:
    async with upgraded(demo) as socket:
        await socket.send(frame(TEXT, json.dumps({"type": "auth", "token": "no.such.token"}).encode()))
        assert await socket.close_code() == CloseCode.TOKEN
        # Were the connection ended at once, a client would answer into nothing, and take that for the reason.
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(socket.frame(), 0.3)
        await socket.send(close_frame(CloseCode.TOKEN))
        assert await socket.everything() == b""
