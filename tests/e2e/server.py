"""A real server process, as an operator starts it."""

import asyncio
import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp

from bihak.settings import Settings
from tests.ready import Process, start_bihak, start_bihak_anew

START_WITHIN_S = 30.0
STOP_WITHIN_S = 30.0

SECRET = "an-end-to-end-secret-of-40-bytes-or-more"


def clean_environment(extra: Mapping[str, str]) -> dict[str, str]:
    """This process's environment without any setting of the server's, and `extra`."""
    names = {name.upper() for name in Settings.model_fields}
    return {key: value for key, value in os.environ.items() if key.upper() not in names} | dict(extra)


def run_bihak(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """`bihak` with `arguments`, to its end."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = start_bihak(arguments, folder, clean_environment(environment), out, err)
        try:
            status = process.wait(START_WITHIN_S)
        finally:
            process.kill()
        said = []
        for file in (out, err):
            file.seek(0)
            said.append(file.read().decode())
    return subprocess.CompletedProcess([*arguments], status, *said)


class ServerProcess:
    """`bihak serve` in a folder of its own, on a free port."""

    anew = False
    """Whether it is started as an operator does it, imports and all."""

    def __init__(self, folder: Path, *arguments: str, **environment: str) -> None:
        self.folder = folder
        self._arguments = arguments
        self._environment = clean_environment(environment)
        self._process: Process | None = None
        self.port = 0

    def start(self) -> None:
        """Starts it and waits until it says where it listens; once it was ended, again on the same port."""
        self.launch()
        self.wait()

    def launch(self) -> None:
        """Starts it."""
        arguments = ["serve", "--port", str(self.port), *self._arguments]
        with self._out.open("wb") as out, self._err.open("ab") as err:
            start = start_bihak_anew if self.anew else start_bihak
            self._process = start(arguments, self.folder, self._environment, out, err)

    def wait(self) -> None:
        """Waits until it says where it listens."""
        assert self._process is not None
        deadline = time.monotonic() + START_WITHIN_S
        while (address := self._said("listening")) is None or self._said("open") is None:
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"the server did not start: {self._err.read_text()}")
            time.sleep(0.02)
        self.port = int(address.rpartition(":")[2])

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    @property
    def ws_url(self) -> str:
        return f"ws://localhost:{self.port}"

    def said(self) -> str:
        """Its start-up lines."""
        return self._out.read_text()

    def log_lines(self) -> list[str]:
        """What it has logged so far."""
        return self._err.read_text().splitlines()

    def log_events(self, name: str | None = None) -> list[dict[str, Any]]:
        """With LOG_FORMAT=json: the lines read, those of that event only if one is named."""
        events = [json.loads(line) for line in self.log_lines()]
        return [event for event in events if name in (None, event["event"])]

    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Sends the signal and waits for the end; the exit status."""
        assert self._process is not None
        self._process.send_signal(number)
        return self._process.wait(STOP_WITHIN_S)

    def kill(self) -> None:
        """Ends it at once, if it still runs."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    @property
    def _out(self) -> Path:
        return self.folder / "stdout.txt"

    @property
    def _err(self) -> Path:
        return self.folder / "stderr.txt"

    def _said(self, word: str) -> str | None:
        for line in self._out.read_text().splitlines():
            label, _, rest = line.strip().partition(" ")
            if label == word:
                return rest.strip()
        return None


async def until_found(server: ServerProcess, http: aiohttp.ClientSession, user_id: str, query: str) -> None:
    """The index follows a moment behind what was said."""
    async with asyncio.timeout(15):
        while True:
            headers = {"X-Participant": user_id}
            async with http.get(f"{server.url}/api/search", params={"q": query}, headers=headers) as response:
                if (await response.json())["messages"]:
                    return
            await asyncio.sleep(0.05)
