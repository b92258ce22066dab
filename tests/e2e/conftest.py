"""Servers, clients and people for the tests in this folder."""

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.e2e.browser import People, running_chromium
from tests.e2e.client import Client
from tests.e2e.server import ServerProcess

StartServer = Callable[..., ServerProcess]
Connect = Callable[..., Awaitable[Client]]

_numbers = itertools.count(1001)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All tests here run in one event loop, that of the browser."""
    in_one_loop = pytest.mark.asyncio(loop_scope="session")
    for item in items:
        if Path(__file__).parent in item.path.parents and pytest_asyncio.is_async_test(item):
            item.add_marker(in_one_loop, append=False)


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """The demo, for all tests that leave it as usable as it was; each brings people of its own."""
    server = ServerProcess(tmp_path_factory.mktemp("demo"), "--demo", LOG_FORMAT="json")
    server.start()
    yield server
    assert server.is_running(), server.log_lines()[-20:]
    status = server.stop()
    assert status == 0


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[StartServer]:
    """Starts servers that are the test's own; whatever still runs afterwards is killed."""
    started: list[ServerProcess] = []

    def start(*arguments: str, folder: Path = tmp_path, anew: bool = False, **environment: str) -> ServerProcess:
        server = ServerProcess(folder, *arguments, **environment)
        server.anew = anew
        started.append(server)
        server.start()
        return server

    yield start
    for server in started:
        server.kill()


@pytest_asyncio.fixture(loop_scope="session")
async def connect() -> AsyncIterator[Connect]:
    """Opens connections, signed in where a `user_id` is given, and closes them afterwards."""
    clients: list[Client] = []

    async def connect(server: ServerProcess, user_id: str | None = None, **options: Any) -> Client:
        client = await Client.connect(server.ws_url, **options)
        clients.append(client)
        if user_id is not None:
            await client.auth(user_id)
        return client

    yield connect
    for client in clients:
        await client.close()


@pytest_asyncio.fixture(loop_scope="session")
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def person() -> Callable[[], str]:
    """Makes the `user_id` of somebody that no other test knows."""
    return lambda: f"user_{next(_numbers)}"


@pytest_asyncio.fixture(loop_scope="session")
async def pair(demo: ServerProcess, http: aiohttp.ClientSession, person: Callable[[], str]) -> tuple[str, str, int]:
    """Two people that only this test knows, and the direct conversation between them."""
    ann, bob = person(), person()
    return ann, bob, await make_conversation(demo, http, ann, bob)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium() -> AsyncIterator[Browser]:
    """One for the whole run: to start it takes longer than most tests in it."""
    async with running_chromium() as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="session")
async def browser(chromium: Browser) -> AsyncIterator[Browser]:
    """The system's Chromium; the profiles that a test makes in it are gone afterwards."""
    yield chromium
    for profile in chromium.contexts:
        await profile.close()


@pytest_asyncio.fixture(loop_scope="session")
async def people(browser: Browser) -> AsyncIterator[People]:
    """People with a browser each; whatever their pages complain of fails the test."""
    people = People(browser)
    yield people
    assert [person.complaints for person in people.all] == [[] for _ in people.all]


async def post_message(
    server: ServerProcess, http: aiohttp.ClientSession, author: str, conversation_id: int, content: str
) -> None:
    """In trusted mode."""
    url, headers = f"{server.url}/api/conversations/{conversation_id}/messages", {"X-Participant": author}
    async with http.post(url, json={"content": content}, headers=headers) as response:
        assert response.status == 201, await response.text()


async def make_conversation(
    server: ServerProcess, http: aiohttp.ClientSession, founder: str, *others: str, kind: str = "direct"
) -> int:
    """Opens a conversation in trusted mode, where everyone is known once they have asked for anything."""
    for user_id in (founder, *others):
        async with http.get(f"{server.url}/api/conversations", headers={"X-Participant": user_id}) as response:
            assert response.status == 200
    asked = {"conversation_type": kind, "participants": list(others)}
    headers = {"X-Participant": founder}
    async with http.post(f"{server.url}/api/conversations", json=asked, headers=headers) as response:
        assert response.status == 201, await response.text()
        found: int = (await response.json())["conversation"]["conversation_id"]
        return found
