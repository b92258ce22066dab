"""A server process that faults happen to."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from bihak.failpoints import VARIABLE
from tests.e2e.server import clean_environment
from tests.ready import Process, start_bihak
from tests.servers import free_port

START_WITHIN_S = 60.0
STOP_WITHIN_S = 30.0

# Not libfaketime: with it, waiting for a lock with a timeout never ends in Python 3.11.
_CLOCK_AHEAD = (
    "import runpy, time; right = time.time; time.time = lambda: right() + {}; "
    "runpy.run_module('bihak', run_name='__main__', alter_sys=True)"
)


class Bihak:
    """`bihak serve` on a port that stays the same; may be killed, ended and started again.

    `wrapper` is a command that runs the server's in its own place, such as strace.
    """

    def __init__(
        self, folder: Path, database_url: str, *arguments: str, wrapper: Sequence[str] = (), **environment: str
    ) -> None:
        self.port = free_port()
        self._folder = folder
        self._log = folder / "bihak.log"
        self._wrapper = wrapper
        self._arguments = ["serve", "--host", "127.0.0.1", "--port", str(self.port), *arguments]
        limits = {"RATE_LIMIT_MESSAGES": "off", "RATE_LIMIT_REQUESTS": "off"}
        settings = {"AUTH_MODE": "trusted", "LOG_LEVEL": "warning", **limits}
        self._environment = clean_environment(settings | {"DATABASE_URL": database_url} | environment)
        self._process: Process | None = None

    @property
    def ws_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ws"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    async def start(self, failpoint: str | None = None, *, clock_ahead_s: float = 0.0) -> None:
        """Starts it, armed with that failpoint if there is one, and waits until it serves."""
        self.launch(failpoint, clock_ahead_s=clock_ahead_s)
        deadline = time.monotonic() + START_WITHIN_S
        while not await self._serves():
            if not self.is_running or time.monotonic() > deadline:
                if failpoint is not None and self._process is not None and self._process.poll() == -signal.SIGKILL:
                    return  # it died of its failpoint before it could be asked
                raise RuntimeError(f"the server did not start: {self.log()}")
            await asyncio.sleep(0.02)

    def launch(self, failpoint: str | None = None, *, clock_ahead_s: float = 0.0) -> None:
        """Starts it and does not wait. `clock_ahead_s`: by how much its wall clock is wrong."""
        environment = self._environment | ({VARIABLE: failpoint} if failpoint else {})
        with self._log.open("ab") as log, Path(os.devnull).open("wb") as nowhere:
            if not self._wrapper and not clock_ahead_s:
                self._process = start_bihak(self._arguments, self._folder, environment, nowhere, log)
                return
            program = ["-c", _CLOCK_AHEAD.format(clock_ahead_s)] if clock_ahead_s else ["-m", "bihak"]
            command = [*self._wrapper, sys.executable, *program, *self._arguments]
            self._process = subprocess.Popen(command, cwd=self._folder, env=environment, stdout=nowhere, stderr=log)

    async def _serves(self) -> bool:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        try:
            async with asyncio.timeout(5):
                writer.write(b"GET /health HTTP/1.0\r\n\r\n")
                return b" 200 " in await reader.readline()
        except (OSError, TimeoutError):
            return False
        finally:
            writer.transport.abort()

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    async def ended(self, within_s: float = STOP_WITHIN_S) -> int:
        """Waits for its end; the exit status. Raises TimeoutError."""
        assert self._process is not None
        async with asyncio.timeout(within_s):
            while (status := self._process.poll()) is None:
                await asyncio.sleep(0.01)
        return status

    def send_signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    async def stop(self) -> int:
        """SIGTERM, and the wait for the end; the exit status. Raises TimeoutError."""
        self.send_signal(signal.SIGTERM)
        return await self.ended()

    def kill(self) -> None:
        """SIGKILL, if it still runs."""
        if self._process is not None and self._process.poll() is None:
            os.kill(self._process.pid, signal.SIGCONT)
            self._process.kill()
            self._process.wait()

    def log(self) -> str:
        """What it has logged, warnings and worse."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""
