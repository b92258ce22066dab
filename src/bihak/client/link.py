"""One WebSocket from opening to end, which notices when it is dead. Knows only `ping` of the protocol."""

import contextlib
from collections.abc import AsyncIterator

import aiohttp

from bihak.client.faults import disconnected

MAX_FRAME_BYTES = 1 << 26
"""More than the largest page of history there can be."""
PING = b'{"type":"ping"}'


class Link:
    """`quiet_s`: after so long without a frame it asks if the server is there; it gives up `answer_within_s` later."""

    def __init__(self, url: str, *, quiet_s: float, answer_within_s: float) -> None:
        self._url = url
        self._quiet_s = quiet_s
        self._answer_within_s = answer_within_s
        self._session: aiohttp.ClientSession | None = None
        self._socket: aiohttp.ClientWebSocketResponse[bool] | None = None

    async def open(self) -> None:
        """Raises aiohttp.ClientError, OSError."""
        # A closing handshake with a dead network is not worth waiting for.
        timeout = aiohttp.ClientWSTimeout(ws_close=1.0)
        self._session = aiohttp.ClientSession()
        try:
            self._socket = await self._session.ws_connect(self._url, max_msg_size=MAX_FRAME_BYTES, timeout=timeout)
        except BaseException:
            await self._session.close()
            raise

    async def close(self) -> None:
        if self._socket is not None:
            with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError):
                await self._socket.close()
        if self._session is not None:
            await self._session.close()

    @property
    def close_code(self) -> int | None:
        """The code that it was closed with, if it was."""
        return None if self._socket is None else self._socket.close_code

    async def send(self, frame: bytes) -> None:
        """Hands it to the operating system, or waits until that takes more. Raises Disconnected."""
        if self._socket is None or self._socket.closed:
            raise disconnected()
        try:
            await self._socket.send_frame(frame, aiohttp.WSMsgType.TEXT)
        except (aiohttp.ClientError, ConnectionError):
            raise disconnected() from None

    async def frames(self) -> AsyncIterator[bytes]:
        """What comes, until the socket ends, is closed, or is found dead. Raises Disconnected."""
        assert self._socket is not None
        asked = False
        while True:
            try:
                received = await self._socket.receive(timeout=self._answer_within_s if asked else self._quiet_s)
            except TimeoutError:
                if asked:
                    return
                asked = True
                await self.send(PING)
                continue
            if received.type is not aiohttp.WSMsgType.TEXT:
                return
            asked = False
            yield received.data.encode()
