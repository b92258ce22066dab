"""People talk while everything around them breaks; the checker then finds the promise kept."""

import os
import random
from pathlib import Path

import pytest

from tests.faults.run import run
from tests.faults.soak import table
from tests.servers import MariaDb


@pytest.fixture(scope="session")
def seed() -> int:
    """Decides the schedule of faults; BIHAK_SEED repeats one."""
    return int(os.environ.get("BIHAK_SEED") or random.randrange(1 << 32))


@pytest.mark.parametrize("database", ["sqlite", "mariadb"])
async def test_nothing_acknowledged_is_lost_doubled_or_out_of_order(
    database: str, seed: int, tmp_path: Path, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    server: MariaDb | None = request.getfixturevalue("mariadb") if database == "mariadb" else None
    report = await run(seed, tmp_path, server, rounds=1)
    with capsys.disabled():
        print(f"\n{table(report)}\n  BIHAK_SEED={seed} repeats it")
    assert not report.violations, "\n".join(map(str, report.violations[:20])) + f"\n{report.log[-4000:]}"
    assert report.acknowledged > 0
