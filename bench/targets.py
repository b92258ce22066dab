"""What is aimed at, as ratios of figures from one run on one machine; and whether it was reached."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]
Find = Callable[[Json], float]


@dataclass(frozen=True)
class Target:
    work: str
    least: float
    aim: float
    find: Find
    is_more_better: bool = False
    is_ratio: bool = True

    def limits(self, which: str) -> str:
        return self.show(self.least if which == "least" else self.aim)

    def show(self, value: float) -> str:
        digits = f"{value:.3g}"
        return f"{digits}x" if self.is_ratio else digits

    def is_met(self, value: float, limit: float) -> bool:
        return value >= limit if self.is_more_better else value <= limit


@dataclass(frozen=True)
class Judged:
    target: Target
    value: float | None
    """None: not measured."""

    @property
    def shown(self) -> str:
        return "" if self.value is None else self.target.show(self.value)

    @property
    def verdict(self) -> str:
        if self.value is None:
            return "not measured"
        if self.target.is_met(self.value, self.target.aim):
            return "aim"
        return "reached" if self.target.is_met(self.value, self.target.least) else "missed"


def judge(results: Mapping[str, Json]) -> list[Judged]:
    """Each target with what `results`, as they stand in the file, say of it."""
    return [Judged(target, _value(target, dict(results))) for target in TARGETS]


def _value(target: Target, results: Json) -> float | None:
    try:
        return target.find(results)
    except (KeyError, ZeroDivisionError):
        return None


def _figure(results: Json, scenario: str, who: str, figure: str) -> float:
    return float(results[scenario]["figures"][who][figure])


def _cpu(results: Json, scenario: str, who: str) -> float:
    return _figure(results, scenario, who, "server_us") + _figure(results, scenario, who, "database_us")


def _over(scenario: str, figure: str, ours: str = "MariaDB", theirs: str = "Node") -> Find:
    return lambda r: _figure(r, scenario, ours, figure) / _figure(r, scenario, theirs, figure)


def _delivery_cpu(scenario: str, theirs: str) -> Find:
    return lambda r: _cpu(r, scenario, "MariaDB") / _cpu(r, scenario, theirs)


def _growth(scenario: str) -> Find:
    return lambda r: _cpu(r, scenario, "MariaDB") / _cpu(r, "growth-few", "MariaDB")


def _page_growth(results: Json) -> float:
    """The worst of both pages on both databases."""
    return max(float(ratio) for ratio in results["history"]["growth"].values())


TARGETS = (
    Target("pairs, 100 x 8 in flight: acknowledged/s", 5, 7, _over("pairs-8", "per_s"), is_more_better=True),
    Target(
        "pairs, 100 x 1: CPU of server and database a message",
        *(0.3, 0.2),
        lambda r: _cpu(r, "pairs-1", "MariaDB") / _cpu(r, "pairs-1", "Node"),
    ),
    Target("rate, 300/s: send to acknowledgement, p50", 1.2, 1.0, _over("rate", "p50_ms")),
    Target("rate, 300/s: send to acknowledgement, p99", 0.8, 0.5, _over("rate", "p99_ms")),
    Target("room, 1 in flight: CPU a delivery", 0.7, 0.6, _delivery_cpu("room-1", "Node")),
    Target("room, 1 in flight: CPU a delivery, over C", 1.25, 1.1, _delivery_cpu("room-1", "C")),
    Target("room, 16 in flight: CPU a delivery", 0.12, 0.08, _delivery_cpu("room-16", "Node")),
    Target("idle: memory a connection", 1.2, 0.8, _over("idle", "memory_kib")),
    Target("storm: resumed/s, over Node's plain authentications", 2, 2.7, _over("storm", "per_s"), is_more_better=True),
    Target("storm: queries a resume", 3, 1, lambda r: _figure(r, "storm", "MariaDB", "questions"), is_ratio=False),
    Target(
        "SQLite, pairs 100 x 8: acknowledged/s, over our own MariaDB",
        *(0.8, 1),
        _over("pairs-8", "per_s", "SQLite", "MariaDB"),
        is_more_better=True,
    ),
    Target("a message where there are 100,000 conversations, over 10: CPU", 1.2, 1.05, _growth("growth-beside")),
    Target("the same, said in all of them in turn", 1.2, 1.05, _growth("growth-many")),
    Target("a page at 1,000,000 messages, over 1,000: time", 1.2, 1.05, _page_growth),
    Target(
        "two workers on two cores, over one on one: acknowledged/s",
        *(1.6, 1.9),
        _over("workers", "per_s", "two workers", "one worker"),
        is_more_better=True,
    ),
    Target(
        "19,000 connections, 200 messages/s: delivery p99, over 1,000",
        *(3, 1.5),
        lambda r: (
            _figure(r, "crowd-most", "MariaDB", "delivery_p99_ms")
            / _figure(r, "crowd-few", "MariaDB", "delivery_p99_ms")
        ),
    ),
)
