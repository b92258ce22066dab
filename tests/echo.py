"""The production WebSocket code on a route that sends back whatever comes: for conformance suites."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path

from aiohttp import web

from bihak.app import make_node, open_database
from bihak.core.session import Session
from bihak.protocol.frames import text_frame
from bihak.protocol.reader import TEXT
from bihak.settings import load_settings
from bihak.storage.migrate import upgrade
from bihak.transports.admission import Admission
from bihak.transports.auth import Origins, TrustedAuthenticator
from bihak.transports.gate import Gate
from bihak.transports.proxies import TrustedProxies
from bihak.transports.websocket import WebSocketEndpoint


class Echo(WebSocketEndpoint):
    """Connections as they are served, but for what is done with a message."""

    def receive(self, session: Session, opcode: int, body: bytes) -> bool:
        if opcode == TEXT and not self.is_text(session, body):
            return False
        frame = text_frame(body)
        session.send(frame if opcode == TEXT else b"\x82" + frame[1:])
        return True


@contextlib.asynccontextmanager
async def echoing(folder: Path) -> AsyncIterator[int]:
    """Serves inside; the port."""
    settings = load_settings(None, database_url=f"sqlite:///{folder / 'echo.db'}", rate_limit_messages="off")
    database = open_database(settings)
    upgrade(database)
    node = make_node(settings, database, TrustedAuthenticator())
    await node.start()
    proxies = TrustedProxies([])
    endpoint = Echo(
        node, Admission(node, Origins([], trust_loopback=True), proxies, max_connections=100, max_per_address=0)
    )
    app = web.Application()
    app.add_routes([web.get("/", endpoint.serve)])
    runner = web.AppRunner(app)
    await runner.setup()
    accept = runner.server
    assert accept is not None
    listener = socket.create_server(("127.0.0.1", 0))
    server = await asyncio.get_running_loop().create_server(lambda: Gate(accept, endpoint), sock=listener)
    try:
        yield listener.getsockname()[1]
    finally:
        server.close()
        await node.drain()
        await runner.cleanup()
        database.close()
