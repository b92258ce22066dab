"""Stands between a connection and aiohttp's protocol, and sees every byte that a client sends."""

import asyncio
from collections.abc import Callable

from bihak.protocol.frames import ClientFrames

HEAD_END = b"\r\n\r\n"


class Gate(asyncio.Protocol):
    """Passes everything on, and after an upgrade only what RFC 6455 allows a client."""

    def __init__(self, inner: asyncio.Protocol) -> None:
        self._inner = inner
        self._frames: ClientFrames | None = None
        self._tail = b""
        self.chunks = 0
        """How often something came."""
        self._on_lost: Callable[[], None] = lambda: None

    @classmethod
    def of(cls, transport: asyncio.Transport) -> "Gate":
        """The one that a connection came through."""
        gate = transport.get_protocol()
        assert isinstance(gate, cls)
        return gate

    @property
    def ends_with_a_head(self) -> bool:
        """Whether nothing was sent behind the headers of a request without a body."""
        return self._tail == HEAD_END

    def expect_frames(self, on_lost: Callable[[], None]) -> None:
        """Whatever comes from now on is WebSocket frames. `on_lost` is called when the connection is gone."""
        self._frames = ClientFrames()
        self._on_lost = on_lost

    def data_received(self, data: bytes) -> None:
        self.chunks += 1
        if self._frames is None:
            self._tail = (self._tail + data[-len(HEAD_END) :])[-len(HEAD_END) :]
            self._inner.data_received(data)
        elif passed := self._frames.receive(data):
            self._inner.data_received(passed)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._inner.connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._on_lost()
        self._inner.connection_lost(exc)

    def eof_received(self) -> bool | None:
        return self._inner.eof_received()

    def pause_writing(self) -> None:
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._inner.resume_writing()
