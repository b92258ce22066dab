"""Measures, prints tables, writes JSON and plots. Nothing here judges: read the ratios of one run."""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from bench import cluster, history, page, plots, runs, tables, visit, writer
from bench.databases import opened
from bench.results import Results
from bench.scenarios import FULL, QUICK, Scenario, Size, scenarios
from bench.targets import judge
from bihak.storage.mysql import open_mysql
from bihak.storage.sqlite import open_sqlite
from tests.redis_servers import running_redis
from tests.servers import running_mariadb

console = Console(file=sys.stdout, width=130)

INSIDE = ("history", "writer", "cluster")
"""Tables that need no server."""


def main() -> None:
    groups = dict.fromkeys(scenario.group for scenario in scenarios(FULL))
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("words", nargs="*", metavar="WORD", help=f"{', '.join([*groups, *INSIDE])}; or all")
    parser.add_argument("--quick", action="store_true", help="small and short, once: to see that it runs")
    parser.add_argument("--rounds", type=int, help="interleaved runs of each (3)")
    parser.add_argument("--seconds", type=float, help="how long each run measures (4)")
    parser.add_argument("--url", help="ws://host:port of a server that runs already; it is visited by new people")
    parser.add_argument("--secret", help="with --url: AUTH_SECRET, to sign tokens with; without it, trusted mode")
    parser.add_argument("--page", action="store_true", help="only fill docs/performance.md from the results")
    given = parser.parse_args()
    size = QUICK if given.quick else FULL
    changed = {name: value for name, value in (("rounds", given.rounds), ("seconds", given.seconds)) if value}
    size = Size(**{**vars(size), **changed})
    results = Results("quick" if given.quick else "latest")
    if given.page:
        page.fill(results)
        return
    words = given.words or [*groups, *INSIDE]
    wanted = [s for s in scenarios(size) if s.group in words or s.name in words]
    if unknown := set(words) - {s.name for s in wanted} - {s.group for s in wanted} - set(INSIDE):
        parser.error(f"there is no {', '.join(sorted(unknown))}")
    if given.url:
        sys.exit(visit_all(given.url, given.secret, wanted))
    sys.exit(measure_all(results, wanted, [word for word in words if word in INSIDE], size, is_quick=given.quick))


def visit_all(url: str, secret: str | None, wanted: Sequence[Scenario]) -> int:
    """The exit status: 1 if something was lost, doubled or refused."""
    found = []
    for scenario in wanted:
        with console.status(f"{scenario.name}: {url}"):
            result = visit.measure(scenario, url, secret)
        console.print(tables.scenario_table(scenario.name, result.as_json()))
        found.append(result)
    return int(any(result.faults for result in found))


def measure_all(
    results: Results, wanted: Sequence[Scenario], inside: Sequence[str], size: Size, *, is_quick: bool
) -> int:
    """The exit status: 1 if a server lost, doubled or refused something."""
    faults = False
    results.machine = runs.machine()
    with tempfile.TemporaryDirectory() as folder, _progress(wanted, size) as advance:
        with opened(Path(folder)) as databases:
            for scenario in wanted:
                result = runs.compare(scenario, databases, size.rounds, advance)
                faults = faults or bool(result.faults)
                results.put(scenario.name, result.as_json())
                results.save()
                console.print(tables.scenario_table(scenario.name, result.as_json()), "")
        if inside:
            _measure_inside(results, inside, Path(folder), is_quick=is_quick)
    results.save()
    plots.draw(results)
    console.print(tables.target_table(judge(results.scenarios)))
    console.print(f"[dim]{results.machine}. Written: {results.path} and the plots beside it")
    return int(faults)


@contextmanager
def _progress(wanted: Sequence[Scenario], size: Size) -> Iterator[runs.Told]:
    """A bar with what is being measured."""
    total = sum(len(scenario.contestants) for scenario in wanted) * size.rounds
    columns = (TextColumn("{task.description:<40}"), BarColumn(), TextColumn("{task.completed}/{task.total}"))
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as progress:
        bar = progress.add_task("starting MariaDB", total=total, completed=-1)

        def advance(what: str) -> None:
            progress.update(bar, description=what, advance=1)

        yield advance


def _measure_inside(results: Results, words: Sequence[str], folder: Path, *, is_quick: bool) -> None:
    with running_mariadb(folder / "inside") as server:
        url = sa.make_url(server.url(server.create_database()))
        databases = {"SQLite": open_sqlite(folder / "inside.db"), "MariaDB": open_mysql(url, accept_unsafe=False)}
        for database in databases.values():
            writer.prepare(database)
        if "writer" in words:
            pids = {"MariaDB": server.pid}
            costs = {n: writer.compare(d, pids.get(n)) for n, d in databases.items()}
            for name, cost in costs.items():
                console.print(tables.writer_table(name, cost), "")
            results.put("writer", writer.as_json(costs))
        if "history" in words:
            lengths = history.QUICK_LENGTHS if is_quick else history.LENGTHS
            pages = {name: history.page_costs(database, lengths) for name, database in databases.items()}
            for name, found in pages.items():
                console.print(tables.history_table(name, found), "")
            results.put("history", history.as_json(pages))
        if "cluster" in words:
            sweep = cluster.sweep_cost(databases["MariaDB"], server.pid)
            with running_redis(folder / "redis") as redis:
                publishing = cluster.publishing_costs(redis.url, redis.pid)
            console.print(tables.cluster_table(publishing, sweep), "")
            results.put("cluster", cluster.as_json(publishing, sweep))
        for database in databases.values():
            database.close()


if __name__ == "__main__":
    main()
