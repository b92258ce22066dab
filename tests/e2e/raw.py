"""A WebSocket client that sends any bytes, right or wrong, and tells what came back."""

import asyncio
import base64
import contextlib
import json
import struct
from collections.abc import AsyncIterator
from typing import Any

from tests.e2e.server import ServerProcess

HEAR_WITHIN_S = 60.0

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
MASK = b"\x11\x22\x33\x44"

Frame = tuple[int, bytes]


def frame(
    opcode: int,
    body: bytes = b"",
    *,
    fin: bool = True,
    reserved: int = 0,
    masked: bool = True,
    length_bytes: int | None = None,
    claimed: int | None = None,
) -> bytes:
    """One frame (RFC 6455 §5.2). `length_bytes`: 0, 2 or 8, not the fewest; `claimed`: a length that is a lie."""
    length = len(body) if claimed is None else claimed
    if length_bytes is None:
        length_bytes = 0 if length < 126 else 2 if length < 65536 else 8
    mark = {0: length, 2: 126, 8: 127}[length_bytes]
    head = bytes((fin << 7 | reserved << 4 | opcode, masked << 7 | mark))
    if length_bytes:
        head += length.to_bytes(length_bytes)
    if not masked:
        return head + body
    key = MASK * (len(body) // 4 + 1)
    return head + MASK + bytes(a ^ b for a, b in zip(body, key, strict=False))


def close_frame(code: int, reason: bytes = b"") -> bytes:
    return frame(CLOSE, struct.pack("!H", code) + reason)


class RawSocket:
    """One TCP connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        assert isinstance(writer.transport, asyncio.ReadTransport)
        self._reading: asyncio.ReadTransport = writer.transport

    async def send(self, data: bytes) -> None:
        """Raises nothing where the other side has closed: what it said last is still to be read."""
        with contextlib.suppress(ConnectionError):
            self._writer.write(data)
            await self._writer.drain()

    def push(self, data: bytes) -> None:
        """Sends as much as the other side takes, and keeps the rest."""
        self._writer.write(data)

    @property
    def unsent_bytes(self) -> int:
        return self._writer.transport.get_write_buffer_size()

    def freeze(self) -> None:
        """Reads nothing any more."""
        self._reading.pause_reading()

    def thaw(self) -> None:
        self._reading.resume_reading()

    def send_end(self) -> None:
        """Sends nothing more; the answer still comes."""
        with contextlib.suppress(OSError):  # the other side was quicker
            self._writer.write_eof()

    async def status(self) -> int:
        """Of the HTTP response that comes next, whose head is read."""
        head = await self._within(self._reader.readuntil(b"\r\n\r\n"))
        return int(head.split(b" ", 2)[1])

    async def everything(self) -> bytes:
        """What comes until the other side closes, also where a reset follows."""
        found: bytes = await self._within(self._read_to_end())
        return found

    async def _read_to_end(self) -> bytes:
        found = b""
        with contextlib.suppress(ConnectionError):
            while piece := await self._reader.read(1 << 16):
                found += piece
        return found

    async def frame(self) -> Frame:
        """The next frame: opcode and body. Raises IncompleteReadError where the connection ends without one."""
        first, mark = await self._within(self._reader.readexactly(2))
        assert mark < 0x80, "a server masks nothing"
        if mark == 126:
            (mark,) = struct.unpack("!H", await self._within(self._reader.readexactly(2)))
        elif mark == 127:
            (mark,) = struct.unpack("!Q", await self._within(self._reader.readexactly(8)))
        return first & 0x0F, await self._within(self._reader.readexactly(mark))

    async def reply(self) -> dict[str, Any]:
        """The next text frame's fields."""
        while (heard := await self.frame())[0] != TEXT:
            pass
        fields: dict[str, Any] = json.loads(heard[1])
        return fields

    async def close_code(self) -> int | None:
        """What the server closes with; None where it says nothing."""
        try:
            while True:
                opcode, body = await self.frame()
                if opcode == CLOSE:
                    return struct.unpack("!H", body[:2])[0] if body else 1005
        except (asyncio.IncompleteReadError, ConnectionError):
            return None

    def close(self) -> None:
        self._writer.transport.abort()

    async def _within(self, reading: Any) -> Any:
        async with asyncio.timeout(HEAR_WITHIN_S):
            return await reading


def handshake(server: ServerProcess, path: str = "/", /, **headers: str | None) -> bytes:
    """An upgrade request; `headers` in place of the usual ones, with `_` for `-`; None: without."""
    usual: dict[str, str | None] = {
        "Host": f"localhost:{server.port}",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(bytes(16)).decode(),
    }
    usual |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = "".join(f"{name}: {value}\r\n" for name, value in usual.items() if value is not None)
    return f"GET {path} HTTP/1.1\r\n{lines}\r\n".encode()


@contextlib.asynccontextmanager
async def connected(server: ServerProcess) -> AsyncIterator[RawSocket]:
    """A TCP connection on which nothing was said."""
    socket = RawSocket(*await asyncio.open_connection("127.0.0.1", server.port))
    try:
        yield socket
    finally:
        socket.close()


@contextlib.asynccontextmanager
async def upgraded(server: ServerProcess, /, **headers: str | None) -> AsyncIterator[RawSocket]:
    """A WebSocket connection."""
    async with connected(server) as socket:
        await socket.send(handshake(server, **headers))
        assert await socket.status() == 101
        yield socket
