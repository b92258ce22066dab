"""Plots of the results, as SVG without a library: bars, one plot a scenario."""

from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape

from bench.contestants import OURS
from bench.results import Results

Json = dict[str, Any]

WIDTH, LABELS, ROW, TOP = 720, 110, 26, 64
SERVER, DATABASE, THEIRS, THEIR_DATABASE = "#1f6feb", "#8fb8f6", "#6e7781", "#b7bdc4"


@dataclass(frozen=True)
class Bar:
    """One line of a plot; its parts stand end to end."""

    label: str
    parts: tuple[tuple[float, str], ...]
    note: str

    @property
    def length(self) -> float:
        return sum(length for length, _ in self.parts)


def draw(results: Results) -> None:
    """Writes an SVG beside the file of results for each scenario in it that has contestants."""
    for name, found in results.scenarios.items():
        if found.get("figures"):
            results.path.with_name(f"{results.path.stem}-{name}.svg").write_text(plot(name, found))


def plot(name: str, found: Json) -> str:
    """The CPU time a unit, and memory where connections are what counts."""
    if found["unit"] == "second":
        title, bars = "memory of a connection, KiB", [_memory_bar(who, f) for who, f in found["figures"].items()]
    else:
        title = f"CPU a {found['unit']}, microseconds: server (dark) and database (light)"
        bars = [_cpu_bar(who, f) for who, f in found["figures"].items()]
    return _svg(f"{name}: {found['what']}", title, bars)


def _cpu_bar(who: str, figures: Json) -> Bar:
    dark, light = (SERVER, DATABASE) if who in OURS else (THEIRS, THEIR_DATABASE)
    server, database = figures["server_us"], figures["database_us"]
    note = f"{server + database:.3g} us, {figures['per_s']:,.0f}/s, p99 {figures['p99_ms']:.3g} ms"
    return Bar(who, ((server, dark), (database, light)), note)


def _memory_bar(who: str, figures: Json) -> Bar:
    colour = SERVER if who in OURS else THEIRS
    return Bar(who, ((figures["memory_kib"], colour),), f"{figures['memory_kib']:.1f} KiB")


def _svg(heading: str, title: str, bars: list[Bar]) -> str:
    height = TOP + ROW * len(bars) + 8
    longest = max((bar.length for bar in bars), default=0) or 1
    scale = (WIDTH - LABELS - 250) / longest
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif"'
        ' font-size="13">',
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="12" y="24" font-size="15" font-weight="bold">{escape(heading)}</text>',
        f'<text x="12" y="46" fill="#57606a">{escape(title)}</text>',
    ]
    for at, bar in enumerate(bars):
        y = TOP + at * ROW
        lines.append(f'<text x="{LABELS - 8}" y="{y + 14}" text-anchor="end">{escape(bar.label)}</text>')
        x = float(LABELS)
        for length, colour in bar.parts:
            lines.append(f'<rect x="{x:.1f}" y="{y}" width="{length * scale:.1f}" height="18" fill="{colour}"/>')
            x += length * scale
        lines.append(f'<text x="{x + 8:.1f}" y="{y + 14}" fill="#57606a">{escape(bar.note)}</text>')
    return "\n".join([*lines, "</svg>", ""])
