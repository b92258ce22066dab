"""`python -m tests.faults.soak`: traffic and faults until the time is up, then a table of what became of them."""

import argparse
import asyncio
import contextlib
import sys
import tempfile
from pathlib import Path

from tests.faults.checker import Kind
from tests.faults.cluster_nemesis import ON_CLUSTER
from tests.faults.nemesis import ON_ANY, ON_MARIADB, Fault
from tests.faults.run import Report, run
from tests.redis_servers import running_redis_pair
from tests.servers import running_mariadb

FAULTS: dict[str, tuple[Fault, ...]] = {
    "sqlite": ON_ANY,
    "mariadb": ON_ANY + ON_MARIADB,
    "cluster": ON_ANY + ON_MARIADB + ON_CLUSTER,
}
MUST_BE_ZERO = (Kind.LOST, Kind.DOUBLED, Kind.REORDERED)


def main() -> int:
    """The exit status: 1 if the promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="how long, over all places")
    parser.add_argument("--seed", type=int, default=1, help="decides the schedule of faults")
    parser.add_argument("--place", choices=(*FAULTS, "all"), default="all", help="cluster: three nodes, Redis, MariaDB")
    asked = parser.parse_args()
    places = tuple(FAULTS) if asked.place == "all" else (asked.place,)
    reports = [_soak(place, asked.seed, asked.minutes / len(places)) for place in places]
    for report in reports:
        print(table(report), flush=True)
    return 1 if any(report.violations for report in reports) else 0


def _soak(place: str, seed: int, minutes: float) -> Report:
    print(f"soaking: {place}, {minutes:g} minutes, seed {seed}", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="bihak-soak-"))
    with contextlib.ExitStack() as stack:
        mariadb = stack.enter_context(running_mariadb(folder / "mariadb")) if place != "sqlite" else None
        redis = stack.enter_context(running_redis_pair(folder / "redis")) if place == "cluster" else None
        report = asyncio.run(run(seed, folder, mariadb, redis, faults=FAULTS[place], minutes=minutes))
    if report.violations:
        print(f"the clients' journal and the server's log are in {folder}", flush=True)
    return report


def table(report: Report) -> str:
    """What was done and what came of it, for people."""
    rows: list[tuple[object, ...]] = [("fault", "times", "longest without service")]
    rows += [(name, n, f"{report.without_service_s.get(name, 0):.1f} s") for name, n in sorted(report.faults.items())]
    rows += [("faults in all", report.faults.total()), ("messages acknowledged", report.acknowledged)]
    rows += [("times a device had to ask for events", report.gaps)]
    rows += [(kind.value, report.count(kind)) for kind in Kind if kind in MUST_BE_ZERO or report.count(kind)]
    lines = [f"{report.place}, seed {report.seed}, {report.seconds:.0f} s"]
    lines += [f"  {name:<40}{number:>8}{''.join(f'{more:>26}' for more in rest)}" for name, number, *rest in rows]
    lines += [f"  {violation}" for violation in report.violations[:50]]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
