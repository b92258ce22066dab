"""Server processes that begin where `python -m bihak` is once it has imported everything: two seconds of CPU less each.

One process imports the server and serves nobody; each server is forked off it and is as much a process of its own as
any: with its own arguments, environment, folder, output, signals and end.
"""

import atexit
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import IO, Any

_MOST_BYTES = 1 << 17
_WARM = (
    "bihak.cli.serve",
    "bihak.storage.migrations.steps",
    "redis.asyncio",
    "sqlalchemy.dialects.mysql.pymysql",
    "sqlalchemy.dialects.sqlite",
    "uvloop",
)
"""What a server imports; the last ones only when it runs."""


class Forked:
    """One of these servers; what subprocess.Popen would be."""

    def __init__(self, source: "_Source", pid: int) -> None:
        self._source = source
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None:
            self.returncode = self._source.ask({"ended": self.pid})
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """The exit status. Raises subprocess.TimeoutExpired."""
        if self.poll() is None:
            ends = os.pidfd_open(self.pid)
            try:
                select.select([ends], [], [], timeout)
            finally:
                os.close(ends)
        if (status := self.poll()) is None:
            raise subprocess.TimeoutExpired("bihak", timeout or 0)
        return status

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


Process = Forked | subprocess.Popen[bytes]


def start_bihak(
    arguments: Sequence[str], cwd: Path, env: Mapping[str, str], stdout: IO[bytes], stderr: IO[bytes]
) -> Process:
    """`bihak` with `arguments`, at once."""
    if sys.platform != "linux":
        return start_bihak_anew(arguments, cwd, env, stdout, stderr)
    source = _source()
    asked = {"arguments": [*arguments], "cwd": str(cwd), "env": dict(env)}
    return Forked(source, source.ask(asked, [stdout.fileno(), stderr.fileno()]))


def start_bihak_anew(
    arguments: Sequence[str], cwd: Path, env: Mapping[str, str], stdout: IO[bytes], stderr: IO[bytes]
) -> Process:
    """`bihak` with `arguments`, by `python -m`."""
    return subprocess.Popen([sys.executable, "-m", "bihak", *arguments], cwd=cwd, env=env, stdout=stdout, stderr=stderr)


class _Source:
    """The process that is forked from. When this one ends, so does it, and what still runs of what it has started."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._one_at_a_time = threading.Lock()
        with theirs:
            command = [sys.executable, "-m", "tests.ready", str(theirs.fileno())]
            root = Path(__file__).parent.parent
            self._process = subprocess.Popen(command, cwd=root, pass_fds=[theirs.fileno()], stdout=subprocess.DEVNULL)
        atexit.register(self._end)

    def _end(self) -> None:
        self._socket.close()
        self._process.wait()

    def ask(self, what: dict[str, Any], fds: Sequence[int] = ()) -> Any:
        with self._one_at_a_time:
            socket.send_fds(self._socket, [json.dumps(what).encode()], fds)
            return json.loads(self._socket.recv(_MOST_BYTES))


@cache
def _source() -> _Source:
    return _Source()


def _fork_when_asked(control: socket.socket) -> dict[str, Any] | None:
    """Answers until nobody asks any more: None. In a process that was forked: what it is to be."""
    running: set[int] = set()
    while True:
        body, fds, _, _ = socket.recv_fds(control, _MOST_BYTES, 2)
        if not body:
            for pid in running:
                os.kill(pid, signal.SIGKILL)
            return None
        asked = json.loads(body)
        if "ended" in asked:
            pid, status = os.waitpid(asked["ended"], os.WNOHANG)
            running.discard(pid)
            control.send(json.dumps(os.waitstatus_to_exitcode(status) if pid else None).encode())
            continue
        pid = os.fork()
        if pid == 0:
            for number, fd in enumerate(fds, start=1):
                os.dup2(fd, number)
        for fd in fds:
            os.close(fd)
        if pid == 0:
            return dict(asked)
        running.add(pid)
        control.send(json.dumps(pid).encode())


def _main() -> None:
    for name in _WARM:
        __import__(name)
    with socket.socket(fileno=int(sys.argv[1])) as control:
        asked = _fork_when_asked(control)
    if asked is not None:
        os.chdir(asked["cwd"])
        os.environ.clear()
        os.environ.update(asked["env"])
        sys.argv[1:] = asked["arguments"]
        runpy.run_module("bihak", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _main()
