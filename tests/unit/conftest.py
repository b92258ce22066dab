"""Takes in what tests without a socket ask for."""

import asyncio
from collections.abc import AsyncIterator

import pytest_asyncio

from tests.fixtures import cluster, mariadb_place, place, quiet_logs, sqlite_place
from tests.harness import Clock

__all__ = ["cluster", "mariadb_place", "place", "quiet_logs", "sqlite_place"]


@pytest_asyncio.fixture
async def clock() -> AsyncIterator[Clock]:
    """That of the test's event loop."""
    clock = Clock(asyncio.get_running_loop())
    clock.stand()
    yield clock
    clock.restore()
