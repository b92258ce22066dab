"""`python -m tests.faults.soak`: traffic and faults until the time is up, then a table of what became of them."""

import argparse
import asyncio
import contextlib
import sys
import tempfile
from pathlib import Path

from tests.faults.checker import Kind
from tests.faults.run import Report, run
from tests.servers import running_mariadb

MUST_BE_ZERO = (Kind.LOST, Kind.DOUBLED, Kind.REORDERED)


def main() -> int:
    """The exit status: 1 if the promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="how long, over all databases")
    parser.add_argument("--seed", type=int, default=1, help="decides the schedule of faults")
    parser.add_argument("--database", choices=("sqlite", "mariadb", "both"), default="both")
    asked = parser.parse_args()
    databases = ("sqlite", "mariadb") if asked.database == "both" else (asked.database,)
    reports = [_soak(database, asked.seed, asked.minutes / len(databases)) for database in databases]
    for report in reports:
        print(table(report), flush=True)
    return 1 if any(report.violations for report in reports) else 0


def _soak(database: str, seed: int, minutes: float) -> Report:
    print(f"soaking on {database} for {minutes:g} minutes, seed {seed}", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="bihak-soak-"))
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(running_mariadb(folder / "mariadb")) if database == "mariadb" else None
        report = asyncio.run(run(seed, folder, server, minutes=minutes))
    if report.violations:
        print(f"the clients' journal and the server's log are in {folder}", flush=True)
    return report


def table(report: Report) -> str:
    """What was done and what came of it, for people."""
    rows = [(name, count) for name, count in sorted(report.faults.items())]
    rows += [("faults in all", report.faults.total()), ("messages acknowledged", report.acknowledged)]
    rows += [("times a device had to ask for events", report.gaps)]
    rows += [(kind.value, report.count(kind)) for kind in Kind if kind in MUST_BE_ZERO or report.count(kind)]
    lines = [f"{report.database}, seed {report.seed}, {report.seconds:.0f} s"]
    lines += [f"  {name:<40}{count:>8}" for name, count in rows]
    lines += [f"  {violation}" for violation in report.violations[:50]]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
