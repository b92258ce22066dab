"""What every kind of test may ask for."""

import asyncio
import functools
import inspect
import os
import shutil
import signal
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tests.event_loops import check_callers
from tests.redis_servers import Redis, running_redis
from tests.servers import MariaDb, running_mariadb

MEMORY = Path("/dev/shm")  # noqa: S108 -- pytest makes a folder in it that is its user's alone
ENOUGH_BYTES = 4 << 30
HUNG_AFTER_S = 300.0
"""Far longer than any test takes, and less than `faulthandler_timeout`, which says less of what it ends."""


def pytest_configure() -> None:
    """Puts the tests' folders into memory if there is enough: a database on a disk mostly waits for the disk."""
    check_callers()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where a script began this with `&`
    settings.register_profile("without a time limit", deadline=None)
    settings.load_profile("without a time limit")
    if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ENOUGH_BYTES:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


def pytest_report_header() -> list[str]:
    """What is left out because somebody wants it so."""
    return ["IO_URING=off: what needs io_uring is not tested"] if os.environ.get("IO_URING") == "off" else []


def pytest_itemcollected(item: pytest.Item) -> None:
    """A test that waits for what never comes fails, where it waits, instead of holding up the whole run for good."""
    if isinstance(item, pytest.Function) and inspect.iscoroutinefunction(item.obj):
        item.obj = _fails_if_hung(item.obj)


def _fails_if_hung(test: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    @functools.wraps(test)
    async def limited(*arguments: Any, **named: Any) -> None:
        task, loop = asyncio.current_task(), asyncio.get_running_loop()
        assert task is not None
        # By a clock of its own: a test may have moved the loop's.
        timer = threading.Timer(HUNG_AFTER_S, loop.call_soon_threadsafe, [task.cancel, "this test hangs"])
        timer.daemon = True
        timer.start()
        try:
            await test(*arguments, **named)
        finally:
            timer.cancel()

    return limited


@pytest.fixture(scope="session")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaDb]:
    """One private MariaDB for the whole run; each test makes a database of its own in it."""
    with running_mariadb(tmp_path_factory.mktemp("mariadb")) as server:
        yield server


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    """One private Redis for all tests that leave it as it was; each keeps to a prefix of its own."""
    with running_redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(params=["sqlite", "mariadb"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """DATABASE_URL of a new, empty database, once for each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'bihak.db'}"
        return
    server: MariaDb = request.getfixturevalue("mariadb")
    name = server.create_database()
    yield server.url(name)
    server.drop_database(name)
