"""Takes in what tests without a socket ask for."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from bihak.core.broadcast import Broadcast
from bihak.core.ring import SendRing
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


@pytest.fixture
def ring() -> Iterator[SendRing]:
    """Where the system has io_uring, and allows it; what is wrong with ours there is a fault."""
    try:
        made = SendRing()
    except OSError as fault:
        if "io_uring_setup" not in str(fault):
            raise
        pytest.skip(str(fault))
    yield made
    made.close()


@pytest.fixture(params=["together", "one by one"])
def broadcast(request: pytest.FixtureRequest) -> Iterator[Broadcast]:
    """With io_uring, and without."""
    if request.param == "together":
        request.getfixturevalue("ring")
    made = Broadcast(uses_ring=request.param == "together")
    made.open()
    yield made
    made.close()
