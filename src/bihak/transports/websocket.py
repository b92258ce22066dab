"""WebSocket connections: frames in, to the dispatcher; outboxes out, in whole frames."""

import asyncio
from http import HTTPStatus

import structlog
from aiohttp import WSMsgType, web

from bihak.core.node import Node
from bihak.core.session import OUTBOX_BYTES, Session
from bihak.errors import CloseCode, InvalidFrame, TooLarge
from bihak.transports.auth import Origins
from bihak.transports.proxies import TrustedProxies

log = structlog.stdlib.get_logger("bihak")

HARD_LIMIT_BYTES = 1 << 20
"""A frame past MAX_FRAME_BYTES gets an error; past this (or four times the former) the connection is closed."""
PING_EVERY_S = 30.0
AUTH_WITHIN_S = 10.0
CLOSE_WITHIN_S = 3.0
MAX_UNANSWERED = 128
"""Requests of one connection that are not answered yet; past that its frames are left unread."""
MAX_BAD_FRAMES = 100
"""Frames that are no requests, one after another, before the connection is closed."""


class AiohttpWire:
    """Implements `Wire` over aiohttp. Pre-built frames go straight to the transport."""

    def __init__(self, socket: "web.WebSocketResponse[bool]", transport: asyncio.Transport) -> None:
        self._socket = socket
        self._transport = transport
        self._closing: asyncio.Task[None] | None = None
        self.reason = ""

    def write(self, frames: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(frames)

    def buffered_bytes(self) -> int:
        return 0 if self._transport.is_closing() else self._transport.get_write_buffer_size()

    def close(self, code: CloseCode, reason: str) -> None:
        self.reason = reason
        if self._closing is None:
            self._closing = asyncio.ensure_future(self._close(code, reason))

    async def closed(self) -> None:
        """Waits for a close that is under way: aiohttp ends the connection, with 1000, when its handler returns."""
        if self._closing is not None:
            await asyncio.shield(self._closing)

    async def _close(self, code: CloseCode, reason: str) -> None:
        try:
            async with asyncio.timeout(CLOSE_WITHIN_S):
                await self._socket.close(code=int(code), message=reason.encode()[:120], drain=False)
        except (TimeoutError, ConnectionError):
            pass
        finally:
            # Whoever reads nothing does not read the close frame either.
            if not self._transport.is_closing():
                self._transport.abort()


class WebSocketEndpoint:
    """Accepts connections for a node."""

    def __init__(self, node: Node, origins: Origins, proxies: TrustedProxies, *, max_connections: int) -> None:
        self._node = node
        self._origins = origins
        self._proxies = proxies
        self._max_connections = max_connections

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """One connection, from its upgrade to its end."""
        refused = self._refusal(request)
        if refused is not None:
            return refused
        options = self._node.options
        socket = web.WebSocketResponse(
            heartbeat=PING_EVERY_S,
            compress=False,  # a compressed frame would differ for each recipient
            max_msg_size=max(HARD_LIMIT_BYTES, 4 * options.max_frame_bytes),
            decode_text=False,
            timeout=CLOSE_WITHIN_S,
        )
        try:
            await socket.prepare(request)
        except ConnectionError:
            return web.Response()  # lost during the handshake
        transport = request.transport
        if transport is None:
            return socket  # lost during the handshake
        wire = AiohttpWire(socket, transport)
        session = Session(wire, self._node.outboxes, self._proxies.client_address(request))
        self._node.sessions.add(session)
        log.info("connected", session=session.number, address=session.address)
        deadline = asyncio.get_running_loop().call_later(AUTH_WITHIN_S, _require_auth, session)
        try:
            await self._read(socket, session)
        finally:
            deadline.cancel()
            await wire.closed()
            self._node.session_lost(session)
            log.info(
                "disconnected",
                session=session.number,
                user_id=session.user_id or None,
                code=int(socket.close_code or CloseCode.LOST),
                reason=wire.reason or _reason(socket),
            )
        return socket

    def _refusal(self, request: web.Request) -> web.Response | None:
        origin = request.headers.get("Origin")
        if not self._origins.allows(origin, request.host, self._proxies.scheme(request)):
            log.warning("origin refused", origin=origin, address=self._proxies.client_address(request))
            text = f"Pages from {origin!r} may not connect; ALLOWED_ORIGINS lists those that may.\n"
            return web.Response(status=HTTPStatus.FORBIDDEN, text=text)
        if self._node.draining or len(self._node.sessions) >= self._max_connections:
            return web.Response(
                status=HTTPStatus.SERVICE_UNAVAILABLE, headers={"Retry-After": "2"}, text="Try again in a moment.\n"
            )
        return None

    async def _read(self, socket: "web.WebSocketResponse[bool]", session: Session) -> None:
        dispatcher = self._node.dispatcher
        max_bytes = self._node.options.max_frame_bytes
        progress = asyncio.Event()
        session.lane.on_progress = progress.set
        bad = 0
        while not session.closed:
            while len(session.lane) >= MAX_UNANSWERED and not session.closed:
                progress.clear()
                await progress.wait()
            while session.unread_bytes() > OUTBOX_BYTES and not session.closed:
                await asyncio.sleep(0.05)  # what it asks for it must also read
            message = await socket.receive()
            if message.type is WSMsgType.TEXT:
                if len(message.data) > max_bytes:
                    error = TooLarge(f"A frame has at most {max_bytes} bytes.")
                    dispatcher.refuse(session, error, dispatcher.decoder.echo(message.data))
                    bad += 1
                elif dispatcher.receive(session, message.data):
                    bad = 0
                else:
                    bad += 1
            elif message.type is WSMsgType.BINARY:
                dispatcher.refuse(session, InvalidFrame("Frames must be text."))
                bad += 1
            else:
                return  # closed, or broken
            if bad > MAX_BAD_FRAMES:
                session.close(CloseCode.POLICY, "too many bad frames")


def _require_auth(session: Session) -> None:
    if session.actor is None:
        session.close(CloseCode.POLICY, "not authenticated in time")


def _reason(socket: "web.WebSocketResponse[bool]") -> str:
    fault = socket.exception()
    if fault is not None:
        return str(fault)
    return "connection lost" if socket.close_code in (None, CloseCode.LOST) else "closed by the client"
