"""Real servers that the tests start for themselves, on free ports and in folders of their own."""

import os
import shutil
import signal
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pymysql

START_WITHIN_S = 60.0


class MissingProgram(RuntimeError):
    """A program that the tests need is not installed; the text says which, and how to get it."""


def free_port() -> int:
    """A TCP port of loopback that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def require_program(name: str, package: str) -> str:
    """The path of a program. Raises MissingProgram: a test that needs it must fail, not be skipped."""
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if path is None:
        raise MissingProgram(f"{name} is not installed; `make test` installs it, or: apt-get install {package}")
    return path


class MariaDb:
    """A private mariadbd with the defaults it ships with; may be killed, frozen and started again."""

    def __init__(self, folder: Path, time_zone: str = "UTC") -> None:
        self._folder = folder
        self._data = folder / "data"
        # In a shared one, each server that starts removes the temporary tables of all others.
        self._environment = {**os.environ, "TMPDIR": str(folder), "TZ": time_zone}
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None

    def install(self) -> None:
        """Makes the data folder."""
        self._folder.mkdir(parents=True, exist_ok=True)
        command = [require_program("mariadb-install-db", "mariadb-server"), "--no-defaults", f"--datadir={self._data}"]
        command += ["--auth-root-authentication-method=normal", "--skip-test-db", *self._as_user()]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=self._environment)

    def start(self) -> None:
        """Starts the server and waits until it answers."""
        self.port = self.port or free_port()  # not before: to install takes seconds, in which others take ports
        command = [require_program("mariadbd", "mariadb-server"), "--no-defaults", f"--datadir={self._data}"]
        command += [f"--port={self.port}", "--bind-address=127.0.0.1", f"--socket={self._folder / 'sock'}"]
        command += [f"--pid-file={self._folder / 'pid'}", "--character-set-server=utf8mb4", *self._as_user()]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env=self._environment)
        deadline = time.monotonic() + START_WITHIN_S
        while True:
            try:
                self.connect().close()
                return
            except pymysql.err.OperationalError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(
                        f"mariadbd did not start: {(self._folder / 'log').read_text()[-2000:]}"
                    ) from None
                time.sleep(0.05)

    def connect(self, database: str | None = None) -> "pymysql.connections.Connection[pymysql.cursors.Cursor]":
        return pymysql.connect(
            host="127.0.0.1", port=self.port, user="root", database=database, charset="utf8mb4", autocommit=True
        )

    def create_database(self) -> str:
        """The name of a new, empty database."""
        name = f"bihak_{uuid.uuid4().hex[:12]}"
        with self.connect() as connection, connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
        return name

    def drop_database(self, name: str) -> None:
        with self.connect() as connection, connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS {name}")

    def url(self, database: str, port: int | None = None) -> str:
        """As DATABASE_URL; `port` in place of the server's own, for a proxy in front of it."""
        return f"mysql://root@127.0.0.1:{port or self.port}/{database}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def send_signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        """SIGKILL; `start` brings it back with what it had committed."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGCONT)
            self._process.terminate()
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()

    @staticmethod
    def _as_user() -> list[str]:
        return ["--user=root"] if os.name == "posix" and os.geteuid() == 0 else []


@contextmanager
def running_mariadb(folder: Path, time_zone: str = "UTC") -> Iterator[MariaDb]:
    """A private MariaDB, ended and forgotten afterwards. Its time zone as in the environment variable TZ."""
    server = MariaDb(folder, time_zone)
    server.install()
    server.start()
    try:
        yield server
    finally:
        server.stop()
