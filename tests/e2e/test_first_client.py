"""A client of the first protocol, unchanged: its script under Node and in a browser's own page."""

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.e2e.browser import Person, running_chromium
from tests.e2e.conftest import Connect, StartServer
from tests.e2e.server import ServerProcess
from tests.servers import require_program

HERE = Path(__file__).parent
SHOWN_WITHIN_S = 45.0

Pair = tuple[str, str, int]


class FirstClient(Protocol):
    """A first client at work, wherever it runs."""

    async def do(self, name: str, *arguments: object) -> None:
        """Calls a method of the script's."""
        ...

    async def shown(self) -> list[list[str]]:
        """What it has shown so far: kind and text."""
        ...


Open = Callable[[ServerProcess, str], Any]


async def sees(client: FirstClient, kind: str, text: str, times: int = 1) -> None:
    """Waits until it has shown that so many times."""
    try:
        async with asyncio.timeout(SHOWN_WITHIN_S):
            while (await client.shown()).count([kind, text]) < times:
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"not shown: {kind} {text!r}; shown: {await client.shown()}") from None
    if kind != "pong":  # the server's own heartbeat is one too, and comes when it comes
        assert (await client.shown()).count([kind, text]) == times


class InNode:
    """Implements `FirstClient` with a process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._shown: list[list[str]] = []
        self.reading = asyncio.create_task(self._read())

    async def do(self, name: str, *arguments: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([name, *arguments]).encode() + b"\n")
        await self._process.stdin.drain()

    async def shown(self) -> list[list[str]]:
        return self._shown

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            self._shown.append(json.loads(line))


@asynccontextmanager
async def in_node(server: ServerProcess, user_id: str, *flags: str) -> AsyncIterator[InNode]:
    script = str(HERE / "first_client_in_node.mjs")
    process = await asyncio.create_subprocess_exec(
        require_program("node", "nodejs"),
        *flags,
        script,
        server.ws_url,
        *user_id.split("_"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    client = InNode(process)
    try:
        yield client
        assert process.stdin is not None
        process.stdin.close()
        assert await asyncio.wait_for(process.wait(), SHOWN_WITHIN_S) == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        await client.reading


@asynccontextmanager
async def in_node_as_it_comes(server: ServerProcess, user_id: str) -> AsyncIterator[InNode]:
    """With Node's own WebSocket, where this Node has one."""
    async with in_node(server, user_id, *_websocket_flags()) as client:
        yield client


def _websocket_flags() -> list[str]:
    node = require_program("node", "nodejs")
    asked = [node, "-p", "process.allowedNodeEnvironmentFlags.has('--experimental-websocket')"]
    known = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip() == "true"
    return ["--experimental-websocket"] if known else []


@asynccontextmanager
async def in_plain_node(server: ServerProcess, user_id: str) -> AsyncIterator[InNode]:
    """With a WebSocket of our own, which shares no code with any library."""
    async with in_node(server, user_id, "--import", str(HERE / "forget_websocket.mjs")) as client:
        yield client


class InBrowser:
    """Implements `FirstClient` with a page."""

    def __init__(self, person: Person) -> None:
        self._page = person.page

    async def do(self, name: str, *arguments: object) -> None:
        await self._page.evaluate("([name, rest]) => window.client[name](...rest)", [name, list(arguments)])

    async def shown(self) -> list[list[str]]:
        found: list[list[str]] = await self._page.evaluate("window.shown")
        return found


_PAGE = """<!doctype html>
<title>A page of the platform</title>
<script type="module">
  import { FirstClient } from "./first_client.mjs";
  const [url, participantType, participantId] = location.hash.slice(1).split(",");
  window.shown = [];
  const show = (kind, text) => window.shown.push([kind, text]);
  window.client = new FirstClient(url, participantType, Number(participantId), show);
</script>
"""


@asynccontextmanager
async def in_browser(server: ServerProcess, user_id: str) -> AsyncIterator[InBrowser]:
    """On a page of the platform's own, from another port of this machine."""
    kind, _, number = user_id.rpartition("_")

    async def page(_request: web.Request) -> web.Response:
        return web.Response(text=_PAGE, content_type="text/html")

    async def script(_request: web.Request) -> web.Response:
        return web.Response(text=(HERE / "first_client.mjs").read_text(), content_type="text/javascript")

    platform = web.Application()
    platform.add_routes([web.get("/", page), web.get("/first_client.mjs", script)])
    async with TestServer(platform, host="localhost") as pages, running_chromium() as browser:
        person = await Person.arrive(browser)
        await person.page.goto(f"http://localhost:{pages.port}/#{server.ws_url},{kind},{number}")
        await person.page.wait_for_function("window.client")
        client = InBrowser(person)
        yield client
        await client.do("end")


EVERYWHERE = pytest.mark.parametrize("open_client", [in_node_as_it_comes, in_browser], ids=["node", "chromium"])
"""In each place that a first client runs in."""


@pytest.mark.parametrize(
    "open_client", [in_node_as_it_comes, in_plain_node, in_browser], ids=["node", "plain", "chromium"]
)
async def test_it_talks_with_somebody(demo: ServerProcess, connect: Connect, pair: Pair, open_client: Open) -> None:
    ann, bob, conversation_id = pair
    other = await connect(demo, bob)
    async with open_client(demo, ann) as client:
        await sees(client, "connected", f"{ann}: {conversation_id}")
        await client.do("say", conversation_id, "Muraho!")
        await sees(client, "message", f"{conversation_id} {ann}: Muraho!")
        await sees(client, "sent", "temp_1 is number")
        await other.hear("new_message", content="Muraho!")

        await other.send(type="message", conversation_id=conversation_id, content="Ni meza 👋 " + "é" * 300)
        await sees(client, "message", f"{conversation_id} {bob}: Ni meza 👋 " + "é" * 300)

        await client.do("typing", conversation_id, True)
        await other.hear("user_typing", is_typing=True)
        await client.do("typing", conversation_id, False)
        await other.hear("user_typing", is_typing=False)
        await other.send(type="typing_start", conversation_id=conversation_id)
        await sees(client, "typing", f"{bob.replace('_', ' ')} true")

        await client.do("ping")
        await sees(client, "pong", "")
        assert "error" not in [kind for kind, _ in await client.shown()]


@EVERYWHERE
async def test_it_sees_others_come_and_go_and_is_seen(
    demo: ServerProcess, connect: Connect, pair: Pair, open_client: Open
) -> None:
    ann, bob, _ = pair
    watcher = await connect(demo, bob)
    async with open_client(demo, ann) as client:
        await watcher.hear("status_change", user_id=ann, status="online")
        await watcher.close()
        await sees(client, "status", f"{bob} offline")
        await connect(demo, bob)
        await sees(client, "status", f"{bob} online")
    watcher = await connect(demo, bob)
    await watcher.hear("status_change", user_id=ann, status="offline")


@EVERYWHERE
async def test_it_is_told_what_went_wrong(demo: ServerProcess, pair: Pair, open_client: Open) -> None:
    ann, _, conversation_id = pair
    async with open_client(demo, ann) as client:
        await sees(client, "connected", f"{ann}: {conversation_id}")
        await client.do("request", {"type": "subscribe"})
        await sees(client, "error", "Unknown message type")
        await client.do("ping")
        await sees(client, "pong", "")


@EVERYWHERE
async def test_it_comes_back_after_a_restart(start_server: StartServer, connect: Connect, open_client: Open) -> None:
    server = start_server("--demo")
    async with open_client(server, "user_1") as client:
        await sees(client, "connected", "user_1: 1 2")
        assert server.stop() == 0
        await asyncio.to_thread(server.start)
        mentor = await connect(server, "mentor_1")
        await sees(client, "connected", "user_1: 1 2", times=2)
        await mentor.send(type="message", conversation_id=1, content="back again")
        await sees(client, "message", "1 Grace Mukamana: back again")
