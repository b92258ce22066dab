"""Servers for the tests in this folder."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.e2e.client import Client
from tests.faults.process import Bihak
from tests.servers import MariaDb, running_mariadb

Connect = Callable[[str], Awaitable[Client]]


@pytest.fixture(scope="session")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaDb]:
    """Of the tests in this folder alone: they kill and freeze it."""
    with running_mariadb(tmp_path_factory.mktemp("mortal")) as server:
        yield server


@pytest.fixture
def server(database_url: str, tmp_path: Path) -> Iterator[Bihak]:
    """The demo's people and conversations on each kind of database; not started yet."""
    made = Bihak(tmp_path, database_url, "--demo")
    yield made
    made.kill()


@pytest_asyncio.fixture
async def connect(server: Bihak) -> AsyncIterator[Connect]:
    """Opens connections to `server`, signed in, and closes them afterwards."""
    opened: list[Client] = []

    async def connect(user_id: str) -> Client:
        client = await Client.connect(server.ws_url)
        opened.append(client)
        await client.auth(user_id)
        return client

    yield connect
    for client in opened:
        await client.close()
