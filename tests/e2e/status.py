"""What a server process takes of the machine: memory, file descriptors, tasks."""

import os
import urllib.request
from pathlib import Path

from tests.e2e.server import ServerProcess


def memory_bytes(server: ServerProcess) -> int:
    """Resident at this moment (proc(5), statm)."""
    pages = int(Path(f"/proc/{server.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def open_files(server: ServerProcess) -> int:
    """File descriptors, sockets included."""
    return sum(1 for _ in Path(f"/proc/{server.pid}/fd").iterdir())


def open_sockets(server: ServerProcess) -> int:
    """File descriptors that are sockets: others come and go with the readers of the database."""
    links = (str(link.readlink()) for link in Path(f"/proc/{server.pid}/fd").iterdir() if link.is_symlink())
    return sum(1 for link in links if link.startswith("socket:"))


def metric(server: ServerProcess, name: str) -> float:
    """A figure of /metrics."""
    with urllib.request.urlopen(f"{server.url}/metrics", timeout=10) as response:  # noqa: S310 - our own server
        for line in response.read().decode().splitlines():
            label, _, value = line.partition(" ")
            if label == name:
                return float(value)
    raise KeyError(name)
