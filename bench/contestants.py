"""The servers that are measured: ours, and what it is held against. Each is started anew for each run."""

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench import cores, programs
from bench.databases import Databases
from bench.seeds import Seed
from tests.e2e.server import clean_environment
from tests.servers import free_port

LISTENING = re.compile(rb"listening\s+\S*?(\d+)\s*$", re.MULTILINE)
OURS = ("MariaDB", "SQLite", "one worker", "two workers")
STORES = {"MariaDB": "mariadb", "SQLite": "sqlite", "Node": "node", "one worker": "mariadb", "two workers": "mariadb"}


class NotHere(RuntimeError):
    """This contestant cannot run on this machine, or not yet; the text says why."""


@dataclass(frozen=True)
class Server:
    """One that listens."""

    port: int
    processes: tuple[int, ...]
    database: int | None
    """Its database server; None where it has none, or has it inside."""


@contextmanager
def running(name: str, seed: Seed, databases: Databases) -> Iterator[Server]:
    """The contestant of that name, over a database that has what `seed` says. Raises NotHere."""
    url = databases.planted(STORES[name], seed) if name in STORES else ""
    database = databases.mariadb_pid if STORES.get(name) in ("mariadb", "node") else None
    with ExitStack() as stack:
        command, settings, where = _start(name, url, stack)
        process, port = stack.enter_context(_launched(command, settings, databases.folder, where))
        workers = psutil.Process(process.pid).children(recursive=True)
        for worker in workers:
            cores.pin(worker.pid, where)
        yield Server(port, (process.pid, *(worker.pid for worker in workers)), database)


def _start(name: str, url: str, stack: ExitStack) -> tuple[list[str], Mapping[str, str], set[int]]:
    if name == "Node":
        return ["node", str(programs.node_reference())], {"DATABASE_URL": url}, cores.SERVER
    if name == "C":
        return [str(programs.send_reference())], {}, cores.SERVER
    if name == "websockets":
        return [sys.executable, str(programs.HERE / "references" / "broadcast.py")], {}, cores.SERVER
    command = [sys.executable, "-m", "bihak", "serve", "--port", "0"]
    settings = {
        "WS_HOST": "127.0.0.1",
        "AUTH_MODE": "trusted",
        "DATABASE_URL": url,
        "RATE_LIMIT_MESSAGES": "off",
        "MAX_CONNECTIONS": "1000000",
        "LOG_LEVEL": "warning",
    }
    if name == "two workers":
        settings["REDIS_URL"] = stack.enter_context(_redis())
        # Workers share a port, so that it cannot be any free one of each.
        command = [*command[:-1], str(free_port()), "--workers", "2"]
        return command, settings, cores.BOTH
    return command, settings, cores.SERVER


@contextmanager
def _redis() -> Iterator[str]:
    shown = subprocess.run(
        [sys.executable, "-m", "bihak", "serve", "--help"], capture_output=True, text=True, check=True
    )
    if "--workers" not in shown.stdout:
        raise NotHere("this version has no `bihak serve --workers`")
    try:
        program = programs.require("redis-server")
    except programs.MissingProgram as missing:
        raise NotHere(str(missing)) from missing
    port = free_port()
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        if not any(b"Ready to accept connections" in line for line in process.stdout):
            raise NotHere("redis-server did not start")
        cores.pin(process.pid, cores.OTHERS)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.communicate()


@contextmanager
def _launched(
    command: list[str], settings: Mapping[str, str], folder: Path, where: set[int]
) -> Iterator[tuple["subprocess.Popen[bytes]", int]]:
    """A process of our own and the port that it says it listens on."""
    environment = clean_environment({**settings, "PYTHONUNBUFFERED": "1"})
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=log)
    assert process.stdout is not None
    try:
        for line in process.stdout:
            if said := LISTENING.search(line):
                cores.pin(process.pid, where)
                yield process, int(said[1])
                return
        raise RuntimeError(f"{' '.join(command)} did not start:\n{(folder / 'server.log').read_text()[-2000:]}")
    finally:
        process.terminate()
        process.communicate()
