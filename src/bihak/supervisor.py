"""`bihak serve --workers N`: several processes on one port, each replaced when it dies."""

import asyncio
import contextlib
import os
import signal
import socket as sockets
import sys
import tempfile
from collections.abc import Sequence

import structlog

from bihak.app import READY, greeting
from bihak.errors import SettingsError
from bihak.listeners import bind
from bihak.settings import Settings, require_keys, require_shared

log = structlog.stdlib.get_logger("bihak")

REFUSED = 2
"""The exit status of a worker whose settings are wrong; it has said what is wrong."""
RESTART_AFTER_S = (0.5, 30.0)
"""The first wait before a worker is replaced that died soon after its start, and the longest."""
STEADY_AFTER_S = 30.0


class Supervisor:
    """Starts workers, replaces those that die, and ends them all when it is told to.

    The workers listen on the port themselves (SO_REUSEPORT). Each drains when its standard input ends, so none of
    them outlives its supervisor.
    """

    def __init__(self, settings: Settings, arguments: Sequence[str], workers: int) -> None:
        """`arguments`: those of `bihak serve`, without --workers and --port. Raises SettingsError."""
        require_shared(settings, workers)
        require_keys(settings)
        if not hasattr(sockets, "SO_REUSEPORT"):
            raise SettingsError("--workers is not available on this system; start one process for each port instead")
        self._settings = settings
        self._arguments = arguments
        self._workers = workers
        self._running: dict[int, asyncio.subprocess.Process] = {}
        self._ready: dict[int, str] = {}
        self._stopping = asyncio.Event()
        self._exit_status = 0
        self._port = 0
        self._folder = ""

    async def serve(self) -> int:
        """Until SIGTERM or SIGINT; a second one ends all workers at once. The exit status."""
        host, port = self._settings.ws_host, self._settings.ws_port
        for probe in bind(host, port):
            probe.close()  # it is nobody else's: with SO_REUSEPORT one would not be told
        held = bind(host, port, shared=True)
        self._port = held[0].getsockname()[1]
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop, number)
        with tempfile.TemporaryDirectory(prefix="bihak-") as self._folder:
            async with asyncio.TaskGroup() as group:
                for worker in range(1, self._workers + 1):
                    group.create_task(self._keep(worker))
        for each in held:
            each.close()
        log.info("stopped", workers=self._workers)
        return self._exit_status

    def _stop(self, number: int) -> None:
        name = signal.Signals(number).name
        if self._stopping.is_set():
            log.warning("stopped at once", signal=name)
        else:
            log.info("draining", signal=name, workers=len(self._running))
        self._stopping.set()
        for process in self._running.values():
            process.send_signal(signal.SIGTERM)

    async def _keep(self, worker: int) -> None:
        """Runs that worker, again and again."""
        loop = asyncio.get_running_loop()
        wait_s = RESTART_AFTER_S[0]
        while not self._stopping.is_set():
            started = loop.time()
            status = await self._run(worker)
            if self._stopping.is_set():
                self._exit_status = self._exit_status or max(0, status)
                return
            if status == REFUSED and worker not in self._ready:
                self._exit_status = REFUSED
                self._stop(signal.SIGTERM)
                return
            lived_s = loop.time() - started
            if lived_s > STEADY_AFTER_S:
                wait_s = RESTART_AFTER_S[0]
            log.error("worker died", worker=worker, status=status, lived_s=round(lived_s, 1), replaced_in_s=wait_s)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._stopping.wait()
            wait_s = min(2 * wait_s, RESTART_AFTER_S[1])

    async def _run(self, worker: int) -> int:
        """One life of a worker; its exit status."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bihak", "serve", *self._arguments),
            *("--port", str(self._port), "--as-worker", str(worker), "--figures", self._folder),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            # Ctrl+C is for the supervisor, which tells them: a second signal would end them at once.
            start_new_session=True,
        )
        self._running[worker] = process
        keep_to_a_core(process.pid, worker, self._workers)
        if self._stopping.is_set():
            process.send_signal(signal.SIGTERM)
        assert process.stdout is not None
        async for line in process.stdout:
            word, _, database = line.decode().strip().partition(" ")
            if word == READY:
                self._is_ready(worker, database, process.pid)
        status = await process.wait()
        del self._running[worker]
        return status

    def _is_ready(self, worker: int, database: str, pid: int) -> None:
        is_first_life = worker not in self._ready
        self._ready[worker] = database
        log.info("worker serves", worker=worker, pid=pid)
        if is_first_life and len(self._ready) == self._workers:
            print(greeting(self._settings, self._port, database, self._workers), flush=True)


def keep_to_a_core(pid: int, worker: int, workers: int) -> None:
    """Where each core has as many workers as any other: gives that one a core of its own, to share with other programs.

    Threads of Python take turns, so a process needs one core at most, and what they hand each other is in its cache.
    """
    if not hasattr(os, "sched_setaffinity"):
        return
    cores = sorted(os.sched_getaffinity(0))
    if workers % len(cores) == 0:
        with contextlib.suppress(OSError):  # it has ended, or the system does not let us: it serves all the same
            os.sched_setaffinity(pid, {cores[(worker - 1) % len(cores)]})


def stop_with_supervisor() -> None:
    """In a worker: SIGTERM to this process when the supervisor is gone. For the event loop."""
    loop = asyncio.get_running_loop()

    def gone() -> None:
        loop.remove_reader(sys.stdin.fileno())
        os.kill(os.getpid(), signal.SIGTERM)

    loop.add_reader(sys.stdin.fileno(), gone)
