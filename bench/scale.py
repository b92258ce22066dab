"""Prints what so many people need: `python -m bench.scale`; with `--page` it fills docs/scale.md instead."""

import argparse
from collections.abc import Callable, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.capacity import CLUSTER_SOURCES, SOURCES, Constants, Scale, measured_gain, predicted_gain
from bench.page import DOCS, markdown_table, replace_parts
from bench.results import Results

Json = Mapping[str, Any]
STEPS = (
    (10_000, True),
    (100_000, True),
    (1_000_000, True),
    (1_000_000, False),
    (100_000_000, True),
    (100_000_000, False),
)
"""People, and whether the cluster is as it is built."""


def _rows(scales: list[Scale]) -> list[list[str]]:
    always: list[tuple[str, Callable[[Scale], str]]] = [
        ("connections at the peak", lambda s: f"{s.connections:,.0f}"),
        ("messages a second at the peak", lambda s: f"{s.messages_a_second:,.0f}"),
        ("deliveries a second, signals among them", lambda s: f"{s.deliveries_a_second:,.0f}"),
        ("to the clients, Mbit/s", lambda s: f"{s.megabits:,.1f}"),
        ("stored in a year, GiB", lambda s: f"{s.gib_a_year:,.0f}"),
        ("cores of work that nodes share", lambda s: f"{s.shared_cores:,.2f}"),
        ("cores that each node spends on being one", lambda s: f"{s.own_cores:,.2f}"),
    ]
    with_nodes: list[tuple[str, Callable[[Scale], str]]] = [
        ("nodes (processes, a core each)", lambda s: f"{s.nodes:,}"),
        ("memory of the nodes, GiB", lambda s: f"{s.memory_gib:,.1f}"),
        ("Redis: cores, servers", lambda s: f"{s.redis_cores:,.2f}, {s.redises}"),
        ("MariaDB: cores, servers of 16", lambda s: f"{s.database_cores:,.2f}, {s.databases}"),
        ("all reconnect at once: back within, s", lambda s: f"{s.storm_s:,.1f}"),
    ]
    rows = [[title, *(show(scale) for scale in scales)] for title, show in always]
    return rows + [[title, *(show(s) if s.nodes else "-" for s in scales)] for title, show in with_nodes]


def _constants_table(constants: Constants) -> str:
    sources = {field: f"{scenario}, {figure}" for field, scenario, figure in SOURCES}
    of_cluster = {f"{prefix}{name}": "cluster" for prefix in ("", "busy_") for name, *_ in CLUSTER_SOURCES}
    sources |= of_cluster | {"sweep_us": "cluster", "sweep_store_us": "cluster"}
    rows = [(name, f"{value:.3g}", sources.get(name, "")) for name, value in vars(constants).items()]
    return markdown_table(("constant", "value", "scenario, figure"), rows)


def _gain(scenarios: Json, constants: Constants) -> str:
    measured = measured_gain(scenarios)
    held = (
        "not measured yet" if measured is None else "measured: {:.2f}x, and {:.2f}x by the CPU time".format(*measured)
    )
    return f"Predicted: {predicted_gain(constants):.2f}x; {held}."


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.scale", description=__doc__)
    parser.add_argument("--page", action="store_true", help="fill docs/scale.md")
    given = parser.parse_args()
    results = Results("latest")
    constants = Constants.measured(results.scenarios)
    titles = ["people", *(f"{people:,}{'' if is_built else ', extended'}" for people, is_built in STEPS)]
    rows = _rows([Scale(people, is_built, constants=constants) for people, is_built in STEPS])
    gain = _gain(results.scenarios, constants)
    if given.page:
        parts = {"needs": markdown_table(titles, rows), "constants": _constants_table(constants), "gain": gain}
        replace_parts(DOCS / "scale.md", parts)
        return
    table = Table(*titles)
    for row in rows:
        table.add_row(*row)
    Console().print(table, gain)


if __name__ == "__main__":
    main()
