"""The tables that are printed."""

from collections.abc import Callable
from typing import Any

from rich.table import Table

from bench import cluster, history, writer
from bench.contestants import OURS
from bench.targets import Judged

Json = dict[str, Any]


def scenario_table(name: str, found: Json) -> Table:
    """One scenario, a row for each contestant."""
    columns = _columns(name, found)
    table = Table(title=f"{name}: {found['what']}", title_justify="left", title_style="bold", min_width=100)
    table.add_column("")
    for title in columns:
        table.add_column(title, justify="right")
    for contestant, figures in found["figures"].items():
        fault = found["faults"].get(contestant)
        style = "red" if fault else "" if contestant in OURS else "dim"
        table.add_row(contestant, *(show(figures) for show in columns.values()), style=style)
    problems = {**found["faults"], **{who: f"not measured: {why}" for who, why in found["absent"].items()}}
    if problems:
        table.caption = "\n".join(f"{who}: {why}" for who, why in problems.items())
    return table


def target_table(judged: list[Judged]) -> Table:
    """The targets, and what was reached."""
    table = Table(title="Targets", title_justify="left", title_style="bold")
    for title in ("work", "at least", "aim", "measured", ""):
        table.add_column(title, justify="left" if title in {"work", ""} else "right")
    for row in judged:
        style = {"missed": "red", "reached": "green", "aim": "green"}.get(row.verdict, "dim")
        table.add_row(row.target.work, row.target.limits("least"), row.target.limits("aim"), row.shown, row.verdict)
        table.rows[-1].style = style
    return table


def writer_table(name: str, found: dict[int, tuple[writer.Cost, writer.Cost]]) -> Table:
    """What a stored message costs inside, by the size of the batch."""
    table = Table(title=f"{name}: a stored message, microseconds (medians of {writer.ROUNDS} interleaved rounds)")
    for column in ("batch of", "CPU of Python", "of the database", "wall", "bare: Python", "database", "wall", "ratio"):
        table.add_column(column, justify="right")
    for size, (ours, bare) in found.items():
        cells = [f"{value:.0f}" for value in (*ours, *bare)]
        table.add_row(str(size), *cells, f"{ours.wall_us / bare.wall_us:.2f}")
    return table


def cluster_table(publishing: dict[int, cluster.Publishing], sweep: cluster.Cost) -> Table:
    """What being one of several nodes costs inside."""
    table = Table(title="a cluster: CPU in microseconds")
    for column in ("of", "ours", "of Redis, or the database"):
        table.add_column(column, justify="right")
    for size, found in publishing.items():
        for what, cost in (("a publication", found.sent), ("each node that hears it", found.heard)):
            table.add_row(f"{what}, {size} at once", *(f"{value:.2f}" for value in cost))
    table.add_row("a changed conversation, in one sweep", *(f"{value:.2f}" for value in sweep))
    return table


def history_table(name: str, costs: history.Costs) -> Table:
    """What a page costs inside, by the length of the conversation."""
    table = Table(title=f"{name}: a page of 50 messages, microseconds")
    for column in ("messages in all", "latest page", "page in the middle", "over the shortest"):
        table.add_column(column, justify="right")
    shortest = costs[min(costs)]
    for length, cost in costs.items():
        ratios = " / ".join(f"{cost[page] / shortest[page]:.2f}" for page in cost)
        table.add_row(f"{length:,}", f"{cost['latest']:.0f}", f"{cost['middle']:.0f}", ratios)
    return table


def _columns(name: str, found: Json) -> dict[str, Callable[[Json], str]]:
    unit = found["unit"]
    per_s = {"delivery": "deliveries/s", "connection": "sessions/s", "operation": "replies/s"}.get(unit, "messages/s")
    if unit == "second":
        return {
            "memory a connection": lambda f: f"{f['memory_kib']:.1f} KiB",
            "server in all": lambda f: f"{f['memory_mib']:.0f} MiB",
            "CPU a second": lambda f: f"{f['server_us'] / 1000:.1f} ms",
            "to sign in": lambda f: f"{f['open_us']:.0f} us",
            "signed in/s": lambda f: f"{f['opened_per_s']:,.0f}",
        }
    columns: dict[str, Callable[[Json], str]] = {
        per_s: lambda f: f"{f['per_s']:,.0f}",
        f"CPU a {unit}: server": lambda f: _us(f["server_us"]),
        "database": lambda f: _us(f["database_us"]),
        "(generator)": lambda f: f"({f['load_us']:.2f} us)",
        "p50": lambda f: f"{f['p50_ms']:.2f} ms",
        "p95": lambda f: f"{f['p95_ms']:.2f} ms",
        "p99": lambda f: f"{f['p99_ms']:.2f} ms",
    }
    if unit == "connection":
        columns["queries"] = lambda f: f"{f['questions']:.2f}"
    else:
        columns["delivery p99"] = lambda f: f"{f['delivery_p99_ms']:.2f} ms"
    columns["memory"] = lambda f: f"{f['memory_mib']:.0f} MiB"
    return columns


def _us(value: float) -> str:
    return f"{value:.2f} us" if value else ""
