"""What tests without a socket ask for; their folders' conftest.py take these in."""

import logging
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
import stamina
import structlog

from tests.harness import Cluster, Place, running_cluster
from tests.servers import MariaDb


@pytest.fixture(autouse=True, scope="session")
def quiet_logs() -> None:
    """Only what is wrong is printed."""
    stamina.set_testing(True, attempts=1000, cap=True)  # as many attempts as ever, without the waits between them
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        processors=[structlog.processors.format_exc_info, structlog.processors.KeyValueRenderer()],
    )


@pytest.fixture(scope="session")
def sqlite_place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """One file for the whole run: emptying it takes a hundredth of making one."""
    place = Place(f"sqlite:///{tmp_path_factory.mktemp('sqlite') / 'bihak.db'}")
    yield place
    place.close()


@pytest.fixture(scope="session")
def mariadb_place(mariadb: MariaDb) -> Iterator[Place]:
    """One database on MariaDB for the whole run."""
    name = mariadb.create_database()
    place = Place(f"{mariadb.url(name)}?ssl_disabled=true")  # reading the system's certificates takes as long as a test
    yield place
    place.close()
    mariadb.drop_database(name)


@pytest.fixture(params=["sqlite", "mariadb"])
def place(request: pytest.FixtureRequest) -> Place:
    """A migrated database, once of each kind."""
    found: Place = request.getfixturevalue(f"{request.param}_place")
    return found


@pytest_asyncio.fixture
async def cluster(place: Place) -> AsyncIterator[Cluster]:
    """Two nodes on one database."""
    async with running_cluster(place) as two_nodes:
        yield two_nodes
