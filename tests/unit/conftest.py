"""Takes in what tests without a socket ask for."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from bihak.core import broadcast as broadcasts
from bihak.core.broadcast import Broadcast
from bihak.core.ring import SendRing
from tests.fixtures import cluster, mariadb_place, place, quiet_logs, sqlite_place
from tests.harness import Clock

__all__ = ["cluster", "mariadb_place", "place", "quiet_logs", "sqlite_place"]

WITHOUT_RING = os.environ.get("IO_URING") == "off"


@pytest_asyncio.fixture
async def clock() -> AsyncIterator[Clock]:
    """That of the test's event loop."""
    clock = Clock(asyncio.get_running_loop())
    clock.stand()
    yield clock
    clock.restore()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """`IO_URING=off` leaves out what needs it; the heading says so."""
    if WITHOUT_RING:
        left_out = [item for item in items if "ring" in getattr(item, "fixturenames", ())]
        items[:] = [item for item in items if item not in left_out]
        config.hook.pytest_deselected(items=left_out)


@pytest.fixture
def ring() -> Iterator[SendRing]:
    try:
        made = SendRing()
    except OSError as fault:
        pytest.fail(
            f"{fault}: this test takes a Linux from 6.1 on that allows io_uring, which most containers do not. "
            "`make test IO_URING=off` leaves out what cannot be tested then."
        )
    yield made
    made.close()


@pytest.fixture(params=["one by one"] if WITHOUT_RING else ["one by one", "together"])
def broadcast(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Broadcast]:
    """Without io_uring, and with it for however few."""
    monkeypatch.setattr(broadcasts, "WORTH_A_RING", 1)
    if request.param == "together":
        request.getfixturevalue("ring")
    made = Broadcast(uses_ring=request.param == "together")
    made.open()
    yield made
    made.close()
