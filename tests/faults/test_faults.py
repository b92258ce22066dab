"""People talk while everything around them breaks; the checker then finds the promise kept."""

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.cluster_nemesis import ON_CLUSTER
from tests.faults.nemesis import ON_ANY, ON_MARIADB, Fault, kill_the_database, kill_the_server
from tests.faults.run import run
from tests.faults.soak import table
from tests.redis_servers import RedisPair, running_redis_pair
from tests.servers import MariaDb


@pytest.fixture(scope="session")
def seed() -> int:
    """Decides the schedule of faults; BIHAK_SEED repeats one."""
    return int(os.environ.get("BIHAK_SEED") or random.randrange(1 << 32))


@pytest.fixture(scope="session")
def redis_pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisPair]:
    with running_redis_pair(tmp_path_factory.mktemp("redis")) as pair:
        yield pair


ONCE: dict[str, tuple[Fault, ...]] = {
    "sqlite": ON_ANY,
    "mariadb": ON_ANY + ON_MARIADB,
    # What happens to each node by itself is the same as above.
    "cluster": (kill_the_server, kill_the_database, *ON_CLUSTER),
}


@pytest.mark.parametrize("place", ONCE)
async def test_nothing_acknowledged_is_lost_doubled_or_out_of_order(
    place: str, seed: int, tmp_path: Path, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    mariadb: MariaDb | None = request.getfixturevalue("mariadb") if place != "sqlite" else None
    redis: RedisPair | None = request.getfixturevalue("redis_pair") if place == "cluster" else None
    report = await run(seed, tmp_path, mariadb, redis, faults=ONCE[place])
    with capsys.disabled():
        print(f"\n{table(report)}\n  BIHAK_SEED={seed} repeats it")
    assert not report.violations, "\n".join(map(str, report.violations[:20])) + f"\n{report.log[-4000:]}"
    assert report.acknowledged > 0
