"""WebSocket connections: frames in, to the dispatcher; outboxes out, in whole frames."""

import asyncio
from functools import partial

import structlog
from aiohttp import WSMsgType, web

from bihak.core.limits import Limit
from bihak.core.node import Node
from bihak.core.session import Session
from bihak.errors import CloseCode, InvalidFrame, RateLimited, TooLarge
from bihak.protocol.frames import PING_FRAME, close_frame, pong_frame
from bihak.transports.admission import Admission
from bihak.transports.gate import Gate
from bihak.transports.heartbeat import Heartbeat

log = structlog.stdlib.get_logger("bihak")

HARD_LIMIT_BYTES = 1 << 20
"""A frame past MAX_FRAME_BYTES gets an error; past this (or four times the former) the connection is closed."""
AUTH_WITHIN_S = 10.0
CLOSE_WITHIN_S = 3.0
MAX_UNANSWERED = 128
"""Requests of one connection that are not answered yet; past that its frames are left unread."""
MAX_BAD_FRAMES = 100
"""Frames that are no requests, one after another, before the connection is closed."""
FRAMES_A_TURN = 64
"""Frames of one connection before the others get a turn of the event loop."""


_FRAMES = (WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.PING, WSMsgType.PONG)


class AiohttpWire:
    """Implements `Wire` over aiohttp's transport, which takes whole frames."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._abort: asyncio.TimerHandle | None = None
        self.code: CloseCode | None = None
        """What we closed the connection with; None: we did not."""
        self.reason = ""

    def write(self, frames: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(frames)

    def buffered_bytes(self) -> int:
        return 0 if self._transport.is_closing() else self._transport.get_write_buffer_size()

    def close(self, code: CloseCode, reason: str) -> None:
        """Says so; who does not answer in time (RFC 6455 §7.1.1), or reads nothing, is cut off."""
        if self.code is None:
            self.code, self.reason = code, reason
            self.write(close_frame(code, reason))
            self._abort = asyncio.get_running_loop().call_later(CLOSE_WITHIN_S, self._transport.abort)

    def hang_up(self) -> None:
        """Both sides have said that they close."""
        if self._abort is not None:
            self._abort.cancel()
        self._transport.close()

    def abort(self, reason: str) -> None:
        """Ends the connection without a word, since nobody hears it."""
        self.reason = reason
        self._transport.abort()


class WebSocketEndpoint:
    """Accepts connections for a node."""

    def __init__(self, node: Node, admission: Admission) -> None:
        self._node = node
        self._admission = admission

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """One connection, from its upgrade to its end."""
        refused = self._admission.refusal(request)
        if refused is not None:
            return refused
        address = self._admission.enter(request)
        try:
            return await self._serve(request, address)
        finally:
            self._admission.leave(address)

    async def _serve(self, request: web.Request, address: str) -> web.StreamResponse:
        options = self._node.options
        socket = web.WebSocketResponse(
            compress=False,  # a compressed frame would differ for each recipient
            max_msg_size=max(HARD_LIMIT_BYTES, 4 * options.max_frame_bytes),
            decode_text=False,
            timeout=CLOSE_WITHIN_S,
            autoping=False,
            autoclose=False,
        )
        try:
            await socket.prepare(request)
        except ConnectionError:
            return web.Response()  # lost during the handshake
        transport = request.transport
        if transport is None:
            return socket  # lost during the handshake
        wire = AiohttpWire(transport)
        session = Session(wire, self._node.outboxes, address)
        Gate.of(transport).expect_frames(session.left)
        self._node.sessions.add(session)
        log.info("connected", session=session.number, address=session.address)
        heartbeat = Heartbeat(transport, lambda: session.send(PING_FRAME), partial(wire.abort, "no answer to a ping"))
        deadline = asyncio.get_running_loop().call_later(AUTH_WITHIN_S, _require_auth, session)
        try:
            await self._read(socket, session)
        finally:
            deadline.cancel()
            heartbeat.stop()
            wire.hang_up()  # or aiohttp would say again that it closes, with 1000
            self._node.session_lost(session)
            log.info(
                "disconnected",
                session=session.number,
                user_id=session.user_id or None,
                code=int(wire.code or socket.close_code or CloseCode.LOST),
                reason=wire.reason or _reason(socket),
            )
        return socket

    async def _read(self, socket: "web.WebSocketResponse[bool]", session: Session) -> None:
        progress = asyncio.Event()
        session.lane.on_progress = progress.set
        bad = frames = 0
        while True:
            while len(session.lane) >= MAX_UNANSWERED and not session.closed:
                progress.clear()
                await progress.wait()
            while session.is_full and not session.closed:
                await asyncio.sleep(0.05)  # what it asks for it must also read
            message = await socket.receive()
            if session.closed and message.type in _FRAMES:
                pass  # sent before they heard that we close
            elif message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                bad = 0 if self.receive(session, message.type, message.data) else bad + 1
                if bad > MAX_BAD_FRAMES:
                    session.close(CloseCode.POLICY, "too many bad frames")
            elif message.type in (WSMsgType.PING, WSMsgType.PONG):
                self._control(session, message.type, message.data)
            else:
                if message.type is WSMsgType.CLOSE and not session.closed:
                    session.flush()
                    await socket.close(code=_answer_to_close(message.data), drain=False)
                return  # closed, or broken
            frames += 1
            if frames % FRAMES_A_TURN == 0:
                await asyncio.sleep(0)

    def receive(self, session: Session, kind: WSMsgType, body: bytes) -> bool:
        """Serves one message of a connection; False if it was no valid request."""
        dispatcher, max_bytes = self._node.dispatcher, self._node.options.max_frame_bytes
        if kind is WSMsgType.BINARY:
            dispatcher.refuse(session, InvalidFrame("Frames must be text."))
            return False
        if not self.is_text(session, body):
            return False
        if len(body) > max_bytes:
            error = TooLarge(f"A frame has at most {max_bytes} bytes.")
            dispatcher.refuse(session, error, dispatcher.decoder.echo(body))
            return False
        return dispatcher.receive(session, body)

    def is_text(self, session: Session, body: bytes) -> bool:
        """Whether it is UTF-8; otherwise the connection is closed (RFC 6455 §8.1)."""
        try:
            if not body.isascii():
                body.decode()
        except UnicodeDecodeError:
            session.close(CloseCode.INVALID_PAYLOAD, "text that is not UTF-8")
            return False
        return True

    def _control(self, session: Session, kind: WSMsgType, body: bytes) -> None:
        try:
            self._node.limits.require(Limit.REQUESTS, f"#{session.number}")
        except RateLimited:
            session.close(CloseCode.POLICY, "too many pings")
        if kind is WSMsgType.PING:
            session.send(pong_frame(body))


def _answer_to_close(code: int) -> CloseCode | int:
    """The same (RFC 6455 §5.5.1), unless it is one that must not be sent (§7.4.1)."""
    return CloseCode.PROTOCOL if code == CloseCode.LOST else code or CloseCode.NORMAL


def _require_auth(session: Session) -> None:
    if session.actor is None:
        session.close(CloseCode.POLICY, "not authenticated in time")


def _reason(socket: "web.WebSocketResponse[bool]") -> str:
    fault = socket.exception()
    if fault is not None:
        return str(fault)
    return "connection lost" if socket.close_code in (None, CloseCode.LOST) else "closed by the client"
