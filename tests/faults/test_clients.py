"""The devices that judge the server are no trouble themselves."""

import asyncio
import itertools
import random
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.faults.clients import Device, Frame
from tests.faults.journal import Journal

GIVES_UP_AFTER = 100


async def test_a_connection_that_closes_while_history_is_fetched_leaves_the_others_their_turn(
    tmp_path: Path,
) -> None:
    """It once asked on the closing connection for ever, which held up the whole event loop."""
    asked, came_back = 0, asyncio.Event()

    async def serve(request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        await ws.receive()
        await ws.send_json({"type": "auth_success", "heads": [{"conversation_id": 1, "last_seq": 5}]})
        connections.append(ws)
        if len(connections) == 2:
            came_back.set()
        await ws.close()
        return ws

    class Impatient(Device):
        async def ask(self, **frame: Any) -> Frame:
            nonlocal asked
            asked += 1
            if asked > GIVES_UP_AFTER:
                came_back.set()
                raise AssertionError("asks without end")
            return await super().ask(**frame)

    connections: list[web.WebSocketResponse] = []
    app = web.Application()
    app.router.add_get("/ws", serve)
    with Journal(tmp_path / "journal.jsonl") as journal:
        async with TestServer(app) as server:
            device = Impatient("user_1", "d1", itertools.repeat(str(server.make_url("/ws"))), journal, random.Random(1))
            running = asyncio.create_task(device.run())
            await came_back.wait()
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
    assert 0 < asked < GIVES_UP_AFTER
