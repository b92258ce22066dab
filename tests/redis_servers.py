"""Private Redis servers, alone or with a replica and a Sentinel."""

import contextlib
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis

from tests.servers import START_WITHIN_S, free_port, require_program

SERVICE = "chat"
NEVER_MS = 600_000
SOON_MS = 500


class Redis:
    """A redis-server that keeps nothing on disk; may be killed, frozen and started again."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.port = free_port()
        self._folder = folder
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def url(self) -> str:
        """As REDIS_URL."""
        return f"redis://127.0.0.1:{self.port}"

    def start(self, *options: str) -> None:
        """Starts it and waits until it answers."""
        self._folder.mkdir(parents=True, exist_ok=True)
        command = [require_program("redis-server", "redis-server"), *self._arguments(), *self._options, *options]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, cwd=self._folder, stdout=log, stderr=log)
        deadline = time.monotonic() + START_WITHIN_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"redis-server did not start: {(self._folder / 'log').read_text()[-2000:]}")
            time.sleep(0.01)

    def _arguments(self) -> list[str]:
        return ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    @contextmanager
    def client(self) -> Iterator["redis.Redis"]:
        """A client of the tests' own."""
        client = redis.Redis(port=self.port, socket_timeout=5, decode_responses=True, protocol=2)
        try:
            yield client
        finally:
            client.close()

    def send_signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        """SIGKILL, if it still runs; `start` brings it back, empty."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()


class Sentinel(Redis):
    """A Sentinel that is alone, so its word is enough. It promotes a replica only when it is asked to `watch`."""

    def __init__(self, folder: Path, master: Redis) -> None:
        super().__init__(folder)
        self._master = master

    def _arguments(self) -> list[str]:
        configuration = self._folder / "sentinel.conf"
        configuration.write_text(
            f"port {self.port}\nbind 127.0.0.1\n"
            f"sentinel monitor {SERVICE} 127.0.0.1 {self._master.port} 1\n"
            f"sentinel down-after-milliseconds {SERVICE} {NEVER_MS}\n"
            f"sentinel failover-timeout {SERVICE} 3000\n"
        )
        return [str(configuration), "--sentinel"]

    def master_port(self) -> int:
        with self.client() as client:
            _, port = client.execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE)
            return int(port)

    def watch(self, *, closely: bool) -> None:
        """Whether a master that does not answer for half a second is taken to be dead."""
        with self.client() as client:
            after_ms = SOON_MS if closely else NEVER_MS
            client.execute_command("SENTINEL", "SET", SERVICE, "down-after-milliseconds", after_ms)


class RedisPair:
    """Two Redis servers, one of them the other's replica, and a Sentinel that knows which."""

    def __init__(self, folder: Path) -> None:
        self._servers = (Redis(folder / "a"), Redis(folder / "b"))
        self.sentinel = Sentinel(folder / "sentinel", self._servers[0])

    def start(self) -> None:
        first, second = self._servers
        first.start()
        second.start("--replicaof", "127.0.0.1", str(first.port))
        self.sentinel.start()
        with self.sentinel.client() as client:
            while not client.execute_command("SENTINEL", "REPLICAS", SERVICE):
                time.sleep(0.05)

    @property
    def ports(self) -> tuple[int, ...]:
        return tuple(server.port for server in self._servers)

    def master(self) -> Redis:
        port = self.sentinel.master_port()
        return next(server for server in self._servers if server.port == port)

    def fail_over(self) -> None:
        """Kills the master, waits for the other to take its place, and starts it again as a replica."""
        before = self.master()
        self.sentinel.watch(closely=True)
        before.kill()
        deadline = time.monotonic() + START_WITHIN_S
        while (after := self.sentinel.master_port()) == before.port:
            if time.monotonic() > deadline:
                raise RuntimeError("the Sentinel did not promote the replica")
            time.sleep(0.05)
        before.start("--replicaof", "127.0.0.1", str(after))
        self.sentinel.watch(closely=False)

    def flush(self) -> None:
        with self.master().client() as client:
            client.flushall()

    def stop(self) -> None:
        for server in (self.sentinel, *self._servers):
            server.kill()


@contextmanager
def running_redis(folder: Path, *options: str) -> Iterator[Redis]:
    """A private Redis, ended afterwards."""
    server = Redis(folder, *options)
    server.start()
    try:
        yield server
    finally:
        server.kill()


@contextmanager
def running_redis_pair(folder: Path) -> Iterator[RedisPair]:
    """As `running_redis`, with a replica and a Sentinel."""
    pair = RedisPair(folder)
    with contextlib.ExitStack() as stack:
        stack.callback(pair.stop)
        pair.start()
        yield pair
