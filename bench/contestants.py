"""The servers that are measured: ours, and what it is held against. Each is started anew for each run."""

import re
import subprocess
import sys
import threading
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

START_WITHIN_S = 60.0
LISTENING = re.compile(rb"listening\s+\S*?(\d+)\s*$", re.MULTILINE)
OURS = ("MariaDB", "SQLite", "one worker", "two workers")
PLACES = {"one worker": cores.ON_ONE, "two workers": cores.ON_TWO}
STORES = {"MariaDB": "mariadb", "SQLite": "sqlite", "Node": "node", "one worker": "mariadb", "two workers": "mariadb"}


class NotHere(RuntimeError):
    """This contestant cannot run on this machine, or not yet; the text says why."""


@dataclass(frozen=True)
class Server:
    """One that listens."""

    port: int
    processes: tuple[int, ...]
    stores: tuple[int, ...]
    """Its database server and its Redis, where it has them and not inside."""
    places: cores.Places
    database_url: str
    """Empty where it has none."""


@contextmanager
def running(name: str, seed: Seed, databases: Databases) -> Iterator[Server]:
    """The contestant of that name, over a database that has what `seed` says. Raises NotHere."""
    url = databases.planted(STORES[name], seed) if name in STORES else ""
    stores = [databases.mariadb_pid] if STORES.get(name) in ("mariadb", "node") else []
    places = PLACES.get(name, cores.APART)
    with ExitStack() as stack:
        redis_url = ""
        if name == "two workers":
            redis, redis_url = stack.enter_context(_redis())
            stores.append(redis)
        for pid in stores:
            cores.pin(pid, places.others)
            stack.callback(cores.pin, pid, set(cores.CORES))
        command, settings = _start(name, url, redis_url)
        process, port = stack.enter_context(_launched(command, settings, databases.folder))
        workers = psutil.Process(process.pid).children(recursive=True)
        processes = (process.pid, *(worker.pid for worker in workers))
        for pid in processes:
            cores.confine(pid, places.server)
        yield Server(port, processes, tuple(stores), places, url)


def _start(name: str, url: str, redis_url: str) -> tuple[list[str], Mapping[str, str]]:
    if name == "Node":
        return ["node", str(programs.node_reference())], {"DATABASE_URL": url}
    if name == "C":
        return [str(programs.send_reference())], {}
    if name == "websockets":
        return [sys.executable, str(programs.HERE / "references" / "broadcast.py")], {}
    command = [sys.executable, "-m", "bihak", "serve", "--port", "0"]
    settings = {
        "WS_HOST": "127.0.0.1",
        "AUTH_MODE": "trusted",
        "DATABASE_URL": url,
        "RATE_LIMIT_MESSAGES": "off",
        "MAX_CONNECTIONS": "1000000",
        "LOG_LEVEL": "warning",
    }
    if redis_url:
        settings["REDIS_URL"] = redis_url
        # Workers share a port, so that it cannot be any free one of each.
        command = [*command[:-1], str(free_port()), "--workers", "2"]
    return command, settings


@contextmanager
def _redis() -> Iterator[tuple[int, str]]:
    """A Redis of our own: its process and its URL. Raises NotHere."""
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
        yield process.pid, f"redis://127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.communicate()


@contextmanager
def _launched(
    command: list[str], settings: Mapping[str, str], folder: Path
) -> Iterator[tuple["subprocess.Popen[bytes]", int]]:
    """A process of our own and the port that it says it listens on."""
    environment = clean_environment({**settings, "PYTHONUNBUFFERED": "1"})
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=log)
    assert process.stdout is not None
    too_late = threading.Timer(START_WITHIN_S, process.kill)
    too_late.start()
    try:
        for line in process.stdout:
            if said := LISTENING.search(line):
                too_late.cancel()
                yield process, int(said[1])
                return
        raise RuntimeError(f"{' '.join(command)} did not start:\n{(folder / 'server.log').read_text()[-2000:]}")
    finally:
        too_late.cancel()
        process.terminate()
        process.communicate()
