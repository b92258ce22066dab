"""Fills the tables of docs/performance.md from the file of results."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.results import Results
from bench.targets import judge

Json = dict[str, Any]
DOCS = Path(__file__).parent.parent / "docs"
PAGE = DOCS / "performance.md"


def fill(results: Results, path: Path = PAGE) -> None:
    """Writes the tables of docs/performance.md anew."""
    replace_parts(path, {"machine": results.machine + ".", "targets": _targets(results), "figures": _figures(results)})


def replace_parts(path: Path, parts: Mapping[str, str]) -> None:
    """Writes what stands between each pair of marks anew: `<!-- name -->` ... `<!-- end -->`."""
    text = path.read_text()
    for name, part in parts.items():
        marks = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        if (place := marks.search(text)) is None:
            raise ValueError(f"{path.name} has no place for its {name}")
        text = f"{text[: place.start()]}{place[1]}{part}\n{place[2]}{text[place.end() :]}"
    path.write_text(text)


def _targets(results: Results) -> str:
    rows = [
        (row.target.work, row.target.limits("least"), row.target.limits("aim"), row.shown, row.verdict)
        for row in judge(results.scenarios)
    ]
    return markdown_table(("work", "at least", "aim", "measured", ""), rows)


def _figures(results: Results) -> str:
    rows = [
        (name if at == 0 else "", who, *_cells(found["unit"], figures))
        for name, found in results.scenarios.items()
        for at, (who, figures) in enumerate(found.get("figures", {}).items())
    ]
    titles = ("scenario", "", "per second", "CPU: server", "database", "p50", "p99", "delivery p99", "memory")
    return markdown_table(titles, rows)


def _cells(unit: str, figures: Json) -> tuple[str, ...]:
    if unit == "second":
        cpu = f"{figures['server_us'] / 1000:.1f} ms a second"
        return ("", cpu, "", "", "", "", f"{figures['memory_kib']:.1f} KiB a connection")
    times = (f"{figures[name]:.2f} ms" for name in ("p50_ms", "p99_ms", "delivery_p99_ms"))
    costs = (f"{figures[name]:.2f} us" for name in ("server_us", "database_us"))
    return (f"{figures['per_s']:,.0f}", *costs, *times, f"{figures['memory_mib']:.0f} MiB")


def markdown_table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
