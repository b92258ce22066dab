"""WebSocket connections: let in, given a session, and served by the node's dispatcher."""

import asyncio
import logging

import structlog
from aiohttp import web

from bihak.core.limits import Limit
from bihak.core.node import Node
from bihak.core.session import Session
from bihak.errors import CloseCode, InvalidFrame, RateLimited, TooLarge
from bihak.protocol.frames import pong_frame
from bihak.protocol.reader import BINARY, PING, TEXT
from bihak.transports.admission import Admission, Refusal
from bihak.transports.connection import Connection
from bihak.transports.gate import Gate
from bihak.transports.heartbeat import Watch
from bihak.transports.upgrade import Upgrade, switching_protocols

log = structlog.stdlib.get_logger("bihak")

HARD_LIMIT_BYTES = 1 << 20
"""A frame past MAX_FRAME_BYTES gets an error; past this (or four times the former) the connection is closed."""
MAX_BAD_FRAMES = 100
"""Frames that are no requests, one after another, before the connection is closed."""


class WebSocketEndpoint:
    """Accepts connections for a node. Implements `Door` for whole upgrades, and `Served`."""

    def __init__(self, node: Node, admission: Admission) -> None:
        self.watch = Watch()
        self.most_bytes = max(HARD_LIMIT_BYTES, 4 * node.options.max_frame_bytes)
        self._node = node
        self._admission = admission
        self._tells = log.is_enabled_for(logging.INFO)

    def let_in(self, request: Upgrade, transport: asyncio.Transport) -> Connection | None:
        address = self._admission.enter(request)
        return None if isinstance(address, Refusal) else self._open(request, transport, address)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """An upgrade that came through aiohttp, from its answer to the end of the connection."""
        address = self._admission.enter(request)
        if isinstance(address, Refusal):
            return address.as_response()
        transport = request.transport
        assert transport is not None
        lost = asyncio.get_running_loop().create_future()
        gate = Gate.of(transport)
        self.watch.add(self._open(request, transport, address, _Before(gate, lost)))
        await lost
        return web.Response()  # to nobody

    def _open(
        self,
        request: Upgrade | web.Request,
        transport: asyncio.Transport,
        address: str,
        before: asyncio.Protocol | None = None,
    ) -> Connection:
        connection = Connection(transport, self, before=before)
        session = connection.session = Session(connection, self._node.outboxes, address)
        transport.set_protocol(connection)
        transport.write(switching_protocols(request.headers["Sec-WebSocket-Key"]))
        self._node.sessions.add(session)
        if self._tells:
            log.info("connected", session=session.number, address=address)
        return connection

    def ended(self, connection: Connection) -> None:
        session = connection.session
        self.watch.drop(connection)
        self._admission.leave(session.address)
        self._node.session_lost(session)
        if self._tells:
            log.info(
                "disconnected",
                session=session.number,
                user_id=session.user_id or None,
                code=int(connection.code or CloseCode.LOST),
                reason=connection.reason,
            )

    def take(self, connection: Connection, opcode: int, body: bytes) -> None:
        session = connection.session
        if opcode > BINARY:
            self._control(session, opcode, body)
        elif self.receive(session, opcode, body):
            connection.bad_frames = 0
        else:
            connection.bad_frames += 1
            if connection.bad_frames > MAX_BAD_FRAMES:
                session.close(CloseCode.POLICY, "too many bad frames")

    def receive(self, session: Session, opcode: int, body: bytes) -> bool:
        """Serves one message of a connection; False if it was no valid request."""
        dispatcher, max_bytes = self._node.dispatcher, self._node.options.max_frame_bytes
        if opcode != TEXT:
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

    def _control(self, session: Session, opcode: int, body: bytes) -> None:
        try:
            self._node.limits.require(Limit.REQUESTS, f"#{session.number}")
        except RateLimited:
            session.close(CloseCode.POLICY, "too many pings")
        if opcode == PING:
            session.send(pong_frame(body))


class _Before(asyncio.Protocol):
    """Has aiohttp hear that a connection it read the handshake of is lost, and the request's handler end."""

    def __init__(self, gate: Gate, lost: "asyncio.Future[None]") -> None:
        self._gate = gate
        self._lost = lost

    def connection_lost(self, exc: Exception | None) -> None:
        self._gate.connection_lost(exc)
        if not self._lost.done():
            self._lost.set_result(None)
