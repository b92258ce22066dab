"""One run of the load generator, and what it found."""

import json
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import cores, programs


class LoadFailed(RuntimeError):
    """The generator gave up; the text says why."""


@dataclass(frozen=True)
class Times:
    """Milliseconds, within 1 %."""

    p50_ms: float
    p95_ms: float
    p99_ms: float


@dataclass(frozen=True)
class Outcome:
    """What the generator counted in the measured part, and over the whole run."""

    seconds: float
    operations: int
    """Replies; in a storm, sessions."""
    sent: int
    """Messages of the whole run, the measured part and what is around it."""
    deliveries: int
    reply: Times
    delivery: Times
    open: Times
    cpu_s: Sequence[float]
    """Of each watched process in the measured part."""
    opening_s: float
    opening_cpu_s: Sequence[float]
    """How long it took to sign everybody in at first, and the CPU of each watched process for it."""
    load_cpu_s: float
    fault: str
    """What was counted that should not be, or was not; empty if nothing."""


def run(
    port: int,
    options: Mapping[str, Any],
    watched: Sequence[int] = (),
    on_open: Callable[[], None] = lambda: None,
    *,
    places: cores.Places = cores.APART,
    host: str = "127.0.0.1",
    path: str = "/",
) -> Outcome:
    """Runs it to its end; `on_open` is called when everybody is signed in. Raises LoadFailed."""
    command = [str(programs.load_generator()), "--host", host, "--port", str(port), "--path", path, *_flags(options)]
    command += [part for pid in watched for part in ("--watch", str(pid))]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    cores.pin(process.pid, places.others)
    found: dict[str, Any] = {}
    assert process.stdout is not None
    for line in process.stdout:
        found |= json.loads(line)
        if "result" not in found:
            on_open()
    _, said = process.communicate()
    if process.returncode != 0:
        raise LoadFailed(said.strip())
    return _outcome(found["result"], found["open"], said.strip())


def write_tokens(path: Path, tokens: Sequence[str]) -> Path:
    """The file that the option `tokens` names: one for each connection, in their order."""
    path.write_text("\n".join(tokens) + "\n")
    return path


def _flags(options: Mapping[str, Any]) -> list[str]:
    flags = []
    for name, value in options.items():
        if value is True:
            flags.append(f"--{name}")
        elif value is not False:
            flags += [f"--{name}", str(value)]
    return flags


def _outcome(result: dict[str, Any], opening: dict[str, Any], said: str) -> Outcome:
    return Outcome(
        seconds=result["seconds"],
        operations=result["operations"],
        sent=result["sent"],
        deliveries=result["deliveries"],
        reply=_times(result["reply"]),
        delivery=_times(result["delivery"]),
        open=_times(result["open"]),
        cpu_s=result["cpu_s"],
        opening_s=opening["seconds"],
        opening_cpu_s=opening["cpu_s"],
        load_cpu_s=result["load_cpu_s"],
        fault=_fault(result, said),
    )


def _times(found: dict[str, float]) -> Times:
    return Times(found["p50_ms"], found["p95_ms"], found["p99_ms"])


def _fault(result: dict[str, Any], said: str) -> str:
    wrong = []
    if result["acknowledged"] != result["sent"]:
        wrong.append(f"{result['sent']} messages were sent and {result['acknowledged']} acknowledged")
    arrived = result["delivered"] + result["replayed"]
    if arrived != result["expected"]:
        wrong.append(f"{arrived} deliveries instead of {result['expected']}")
    if result["errors"]:
        wrong.append(f"{result['errors']} errors")
    if result["lost"]:
        wrong.append(f"{result['lost']} connections lost")
    return "; ".join([*wrong, said] if wrong and said else wrong)
