"""A WebSocket client that keeps what it hears."""

import asyncio
import itertools
import json
from typing import Any, Self

import aiohttp

HEAR_WITHIN_S = 60.0
"""As long as whoever comes back after several attempts may take; a client of ours waits for up to 15 s between two."""

Frame = dict[str, Any]

_numbers = itertools.count(1)


class Closed(Exception):
    """The server closed the connection, with this code."""

    def __init__(self, code: int | None) -> None:
        self.code = code
        super().__init__(f"closed with {code}")


class Client:
    """One connection. Frames that nobody asked for yet wait in `unheard`."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse[bool], session: aiohttp.ClientSession) -> None:
        self.socket = socket
        self.unheard: list[Frame] = []
        self._session = session

    @classmethod
    async def connect(cls, url: str, **options: Any) -> Self:
        """Raises aiohttp.WSServerHandshakeError where the server refuses."""
        session = aiohttp.ClientSession()
        try:
            socket = await session.ws_connect(url, **options)
        except BaseException:
            await session.close()
            raise
        return cls(socket, session)

    async def close(self) -> None:
        await self.socket.close()
        await self._session.close()

    async def send(self, **frame: Any) -> None:
        await self.socket.send_str(json.dumps(frame))

    async def hear(self, kind: str | None, **fields: Any) -> Frame:
        """The next frame of that type (None: any) with those fields; the others keep waiting.

        Raises TimeoutError, Closed.
        """

        def fits(frame: Frame) -> bool:
            return kind in (None, frame["type"]) and all(frame.get(name) == value for name, value in fields.items())

        for at, frame in enumerate(self.unheard):
            if fits(frame):
                return self.unheard.pop(at)
        try:
            async with asyncio.timeout(HEAR_WITHIN_S):
                while not fits(frame := await self.next_frame()):
                    self.unheard.append(frame)
        except TimeoutError:
            raise TimeoutError(f"no {kind} {fields}; heard: {self.unheard}") from None
        return frame

    async def ask(self, reply: str | None, **frame: Any) -> Frame:
        """Sends a request and waits for its reply; None: for whatever answers it."""
        request_id = f"ask-{next(_numbers)}"
        await self.send(**frame, request_id=request_id)
        return await self.hear(reply, request_id=request_id)

    async def auth(self, user_id: str, **fields: Any) -> Frame:
        """Signs in as the first protocol does, without a token."""
        kind, _, number = user_id.rpartition("_")
        return await self.ask("auth_success", type="auth", participant_type=kind, participant_id=int(number), **fields)

    async def everything_so_far(self) -> list[Frame]:
        """What came and was not asked for, up to the answer to a ping sent now."""
        await self.ask("pong", type="ping")
        heard, self.unheard = self.unheard, []
        return heard

    async def close_code(self) -> int | None:
        """Reads until the server closes; the code."""
        try:
            async with asyncio.timeout(HEAR_WITHIN_S):
                while True:
                    self.unheard.append(await self.next_frame())
        except Closed as end:
            return end.code

    async def next_frame(self) -> Frame:
        """Whatever comes next. Raises Closed."""
        message = await self.socket.receive()
        if message.type is not aiohttp.WSMsgType.TEXT:
            raise Closed(self.socket.close_code)
        frame: Frame = json.loads(message.data)
        return frame
