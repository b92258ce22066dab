"""The figures of `/metrics`: of this process, and of the other workers on its port where there are any."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from bihak.core.node import Node
from bihak.errors import ALL_ERRORS

SHARE_EVERY_S = 2.0

TEXTS = {
    "bihak_connections": "Open WebSocket connections.",
    "bihak_participants": "Participants with a connection here.",
    "bihak_rooms": "Conversations with a connection here.",
    "bihak_tasks": "Tasks of the event loop.",
    "bihak_write_queue": "Requests that wait for the writer.",
    "bihak_backplane_connected": "Whether Redis carries events between nodes.",
    "bihak_publications_total": "Events that came from this and other nodes.",
    "bihak_batches_total": "Transactions committed.",
    "bihak_batch_seconds_total": "How long the transactions took, those that failed as well.",
    "bihak_writes_total": "Requests that went through the writer.",
    "bihak_presumed_total": "Transactions that presumed the heads of their conversations in place of asking.",
    "bihak_presumed_wrong_total": "Transactions that presumed so, and were run again since somebody else had written.",
}
"""Those that end with `total` only grow."""
ERRORS = "bihak_errors_total"
CODES = sorted({error.code for error in ALL_ERRORS})


class Figures(msgspec.Struct):
    """Of one process."""

    values: dict[str, float]
    """By the names in `TEXTS`."""
    errors: dict[str, int]
    """By code; none is left out, so that the first of its kind shows as an increase."""


@dataclass(frozen=True)
class Worker:
    """One of several processes on a port."""

    number: int
    folder: Path
    """Where they leave their figures for each other."""

    def write(self, figures: Figures) -> None:
        """Replaces what this worker left there."""
        fresh = self.folder / f"{self.number}.new"
        fresh.write_bytes(msgspec.json.encode(figures))
        fresh.replace(self.folder / f"{self.number}.json")

    def read_all(self) -> dict[str, Figures]:
        """By number; what a worker that died left stays until it is replaced."""
        found = sorted(self.folder.glob("*.json"), key=lambda path: int(path.stem))
        return {path.stem: msgspec.json.decode(path.read_bytes(), type=Figures) for path in found}


class NodeFigures(Collector):
    """Reads the figures when they are asked for, so that serving a message costs nothing for them."""

    def __init__(self, node: Node, worker: Worker | None = None) -> None:
        self._node = node
        self._worker = worker

    def collect(self) -> Iterable[Metric]:
        mine = self._read()
        if self._worker is None:
            return _metrics({"": mine}, [])
        self._worker.write(mine)
        return _metrics(self._worker.read_all(), ["worker"])

    async def share(self) -> None:
        """Leaves this worker's figures for the others, until it is cancelled."""
        while self._worker is not None:
            self._worker.write(self._read())
            await asyncio.sleep(SHARE_EVERY_S)

    def _read(self) -> Figures:
        node, dispatcher = self._node, self._node.dispatcher
        writer, heads, errors = dispatcher.writer, dispatcher.heads, dispatcher.errors
        values = {
            "bihak_connections": len(node.sessions),
            "bihak_participants": len(node.hub.participants),
            "bihak_rooms": len(node.hub.rooms),
            "bihak_tasks": len(asyncio.all_tasks()),
            "bihak_write_queue": writer.queue_length,
            "bihak_backplane_connected": float(node.backplane.is_connected),
            "bihak_publications_total": node.hub.received,
            "bihak_batches_total": writer.batches,
            "bihak_batch_seconds_total": writer.seconds,
            "bihak_writes_total": writer.jobs,
            "bihak_presumed_total": heads.presumed,
            "bihak_presumed_wrong_total": heads.wrong,
        }
        return Figures(values, {code: errors[code] for code in CODES})


def _metrics(figures: Mapping[str, Figures], labels: list[str]) -> Iterable[Metric]:
    """Of the processes by number; with no labels of the only one."""
    for name, text in TEXTS.items():
        kind = CounterMetricFamily if name.endswith("_total") else GaugeMetricFamily
        family = kind(name, text, labels=labels)
        for number, of_one in figures.items():
            family.add_metric([number] * len(labels), of_one.values[name])
        yield family
    errors = CounterMetricFamily(ERRORS, "Errors that clients were told of.", labels=[*labels, "code"])
    for number, of_one in figures.items():
        for code, count in of_one.errors.items():
            errors.add_metric([number] * len(labels) + [code], count)
    yield errors
