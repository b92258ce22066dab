"""Prints the tables. Nothing here judges: figures depend on the machine, so read the ratios."""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import sqlalchemy as sa
from rich.console import Console
from rich.table import Table

from bench import history, writer
from bihak.storage.dialect import Database
from bihak.storage.mysql import open_mysql
from bihak.storage.sqlite import open_sqlite
from tests.servers import running_mariadb

console = Console(file=sys.stdout, width=110)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("tables", nargs="*", choices=["writer", "history", []], help="which; all without any")
    wanted = parser.parse_args().tables or ["writer", "history"]
    with databases() as found:
        for name, (database, server) in found.items():
            if "writer" in wanted:
                _print_writer(name, database, server)
            if "history" in wanted:
                _print_history(name, database)


@contextmanager
def databases() -> Iterator[dict[str, tuple[Database, psutil.Process | None]]]:
    """A new SQLite file and a private MariaDB with its defaults, both with tables."""
    with tempfile.TemporaryDirectory() as folder, running_mariadb(Path(folder) / "mariadb") as server:
        console.print("starting a private MariaDB with its defaults", style="dim")
        url = sa.make_url(server.url(server.create_database()))
        opened = {
            "SQLite": (open_sqlite(Path(folder) / "bench.db"), None),
            "MariaDB": (open_mysql(url, accept_unsafe=False), psutil.Process(server.pid)),
        }
        for database, _ in opened.values():
            writer.prepare(database)
        try:
            yield opened
        finally:
            for database, _ in opened.values():
                database.close()


def _print_writer(name: str, database: Database, server: psutil.Process | None) -> None:
    table = Table(title=f"{name}: a stored message, microseconds (medians of {writer.ROUNDS} interleaved rounds)")
    for column in ("batch of", "CPU of Python", "of the database", "wall", "bare: Python", "database", "wall", "ratio"):
        table.add_column(column, justify="right")
    console.print(f"{name}: storing", style="dim")
    for size, (ours, bare) in writer.compare(database, server).items():
        cells = [f"{value:.0f}" for value in (*ours, *bare)]
        table.add_row(str(size), *cells, f"{ours.wall_us / bare.wall_us:.2f}")
    console.print(table)


def _print_history(name: str, database: Database) -> None:
    console.print(f"{name}: writing conversations of {', '.join(f'{n:,}' for n in history.LENGTHS)}", style="dim")
    history.fill(database)
    table = Table(title=f"{name}: a page of 50 messages, microseconds")
    for column in ("messages in all", "latest page", "page in the middle", "over the shortest"):
        table.add_column(column, justify="right")
    costs = history.page_costs(database)
    shortest = costs[min(costs)]
    for length, cost in costs.items():
        ratios = " / ".join(f"{cost[page] / shortest[page]:.2f}" for page in cost)
        table.add_row(f"{length:,}", f"{cost['latest']:.0f}", f"{cost['middle']:.0f}", ratios)
    console.print(table)


if __name__ == "__main__":
    main()
