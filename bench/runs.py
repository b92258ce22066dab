"""Runs a scenario's contestants in turn, and makes figures of what was counted."""

import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import psutil

from bench import contestants, cores, load
from bench.clocks import cpu_s
from bench.databases import Databases
from bench.load import Outcome
from bench.scenarios import Scenario, Unit

Told = Callable[[str], None]

AT_REST_S = 8
"""A server that does next to nothing for so long is done: what it puts off waits for up to five seconds."""
AT_REST_SHARE = 0.15
"""Of a processor, with its database: three times what both take when nothing happens, and a third of when it works."""
DONE_WITHIN_S = 300


@dataclass(frozen=True)
class Figures:
    """Of one run, or the medians of several. CPU in microseconds a unit."""

    per_s: float
    """Operations a second; in a room, deliveries."""
    server_us: float
    database_us: float
    load_us: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    delivery_p99_ms: float
    opened_per_s: float
    """Of the first time that everybody signs in, with the server's CPU for each."""
    open_us: float
    memory_mib: float
    memory_kib: float
    """What a connection adds to the server."""
    questions: float
    """Statements to MariaDB per unit, in a storm."""


@dataclass(frozen=True)
class Result:
    """A scenario's figures by contestant, and what was wrong or not there."""

    scenario: Scenario
    figures: Mapping[str, Figures]
    faults: Mapping[str, str]
    absent: Mapping[str, str]
    rounds: int

    def as_json(self) -> dict[str, Any]:
        return {
            "what": self.scenario.what,
            "unit": self.scenario.unit,
            "people": self.scenario.seed.people,
            "rounds": self.rounds,
            "measured": time.strftime("%Y-%m-%d %H:%M", time.gmtime()),
            "figures": {name: asdict(figures) for name, figures in self.figures.items()},
            "faults": dict(self.faults),
            "absent": dict(self.absent),
        }


def compare(scenario: Scenario, databases: Databases, rounds: int, told: Told) -> Result:
    """Medians of `rounds` runs of each contestant, one after the other in each round. `told` hears what begins."""
    runs: dict[str, list[Figures]] = {name: [] for name in scenario.contestants}
    faults: dict[str, str] = {}
    absent: dict[str, str] = {}
    for at in range(rounds):
        for name in scenario.contestants:
            told(f"{scenario.name}: {name}, round {at + 1} of {rounds}")
            if name in absent:
                continue
            try:
                figures, fault = measure(scenario, name, databases)
            except contestants.NotHere as reason:
                absent[name] = str(reason)
                continue
            except (load.LoadFailed, RuntimeError) as failure:
                faults[name] = str(failure)
                continue
            runs[name].append(figures)
            if fault:
                faults[name] = fault
    return Result(scenario, {name: median(found) for name, found in runs.items() if found}, faults, absent, rounds)


def measure(scenario: Scenario, name: str, databases: Databases) -> tuple[Figures, str]:
    """One run against a server started for it, and what was wrong with it. Raises NotHere and LoadFailed."""
    with ExitStack() as stack:
        server = stack.enter_context(contestants.running(name, scenario.seed, databases))
        watched = [*server.processes, *server.stores]
        if scenario.goes_ahead:
            stack.enter_context(cores.ahead(watched))
        memory = [_memory_bytes(server.processes)]
        questions: list[int] = []
        before: list[float] = []

        def opened() -> None:
            time.sleep(scenario.load["settle"] / 2)
            memory.append(_memory_bytes(server.processes))
            questions.append(databases.questions())
            before.extend(map(cpu_s, watched))

        options = {**scenario.load, **scenario.other_load.get(name, {})}
        outcome = load.run(server.port, options, watched, opened, places=server.places)
        asked = databases.questions() - questions[0] if scenario.name == "storm" and server.stores else 0
        memory.append(_memory_bytes(server.processes))
        if scenario.counts_deferred:
            spent = [after - at_first for after, at_first in zip(_when_at_rest(watched), before, strict=True)]
            if left := databases.deferred(server.database_url):
                raise load.LoadFailed(f"the server was at rest, and behind in {left} conversations")
            outcome = replace(outcome, cpu_s=[each * outcome.operations / outcome.sent for each in spent])
        figures = figures_of(scenario, outcome, len(server.processes), memory, asked)
    return figures, outcome.fault


def _when_at_rest(watched: Sequence[int]) -> list[float]:
    """The CPU that each process had used when it was done, seconds. Raises LoadFailed."""
    spent = [cpu_s(pid) for pid in watched]
    rested_s = 0
    for _ in range(DONE_WITHIN_S):
        time.sleep(1)
        now = [cpu_s(pid) for pid in watched]
        if sum(now) - sum(spent) < AT_REST_SHARE * (rested_s + 1):
            rested_s += 1
            if rested_s == AT_REST_S:
                return spent
        else:
            spent, rested_s = now, 0
    raise load.LoadFailed(f"the server was not done after {DONE_WITHIN_S} seconds")


def median(found: list[Figures]) -> Figures:
    return Figures(*(statistics.median(getattr(run, field.name) for run in found) for field in fields(Figures)))


def machine() -> str:
    """What this was measured on."""
    memory_gib = psutil.virtual_memory().total / (1 << 30)
    return (
        f"{psutil.cpu_count()} cores ({platform.machine()}), {memory_gib:.0f} GiB, Python {platform.python_version()}"
    )


def figures_of(
    scenario: Scenario, outcome: Outcome, processes: int = 0, memory: Sequence[int] = (0, 0), asked: int = 0
) -> Figures:
    """`processes` of the watched are the server's; `memory` in bytes before, with all connections, and at the end."""
    units = _units(scenario.unit, outcome)
    people = scenario.seed.people
    times = outcome.open if scenario.name == "storm" else outcome.reply
    return Figures(
        per_s=(outcome.deliveries if scenario.unit == "delivery" else outcome.operations) / outcome.seconds,
        server_us=sum(outcome.cpu_s[:processes]) / units * 1e6,
        database_us=sum(outcome.cpu_s[processes:]) / units * 1e6,
        load_us=outcome.load_cpu_s / units * 1e6,
        p50_ms=times.p50_ms,
        p95_ms=times.p95_ms,
        p99_ms=times.p99_ms,
        delivery_p99_ms=outcome.delivery.p99_ms,
        opened_per_s=people / outcome.opening_s,
        open_us=sum(outcome.opening_cpu_s[:processes]) / people * 1e6,
        memory_mib=memory[-1] / (1 << 20),
        memory_kib=(memory[1] - memory[0]) / people / 1024,
        questions=asked / units,
    )


def _units(unit: Unit, outcome: Outcome) -> float:
    found = {"delivery": outcome.deliveries, "second": outcome.seconds}.get(unit, outcome.operations)
    return max(float(found), 1.0)


def _memory_bytes(processes: tuple[int, ...]) -> int:
    return sum(int(psutil.Process(pid).memory_info().rss) for pid in processes)
