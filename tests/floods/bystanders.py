"""Two people who go on talking during a flood, and what the server takes of the machine meanwhile."""

import asyncio
import contextlib
import statistics
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from tests.e2e.client import Client
from tests.e2e.server import ServerProcess
from tests.e2e.status import memory_bytes, metric, open_files

QUIET_ROUNDS = 20
FEWEST_ROUNDS = 3
RATIO = 400
LEAST_QUIET_S = 0.005
"""The clients share this process with the flood, and its processor with the server."""
"""How much longer than in quiet times a message may take: it must be usable, whatever else this machine does."""
SLACK_BYTES = 96 << 20
"""What a process grows by once, by working hard: batches of messages, pools, caches, the allocator's own."""
BACK_WITHIN_S = 30.0
SPARE_TASKS = 5
SPARE_FILES = 8
"""Readers' and writers' connections to the database are opened when they are first needed."""


@dataclass
class Account:
    """What a flood did to the others."""

    quiet_s: float = 0.0
    busy_s: list[float] = field(default_factory=list)
    base_bytes: int = 0
    most_bytes: int = 0

    def check(self, cap_bytes: int) -> None:
        """Fails if the others could not talk, or if more memory was taken than that, and the slack."""
        assert len(self.busy_s) >= FEWEST_ROUNDS, f"only {len(self.busy_s)} messages got through"
        usual = statistics.median(self.busy_s)
        assert usual < RATIO * max(self.quiet_s, LEAST_QUIET_S), (
            f"a message took {usual:.3f} s, before {self.quiet_s:.4f} s"
        )
        assert self.most_bytes < self.base_bytes + cap_bytes + SLACK_BYTES, f"{self.most_bytes >> 20} MiB"

    def __str__(self) -> str:
        usual = statistics.median(self.busy_s) if self.busy_s else float("nan")
        return (
            f"{len(self.busy_s):>6} messages of others, {usual * 1000:8.1f} ms each (quiet {self.quiet_s * 1000:.1f}), "
            f"memory {self.base_bytes >> 20} -> {self.most_bytes >> 20} MiB"
        )


@contextlib.asynccontextmanager
async def talking(server: ServerProcess, one: str, other: str, conversation_id: int) -> AsyncIterator[Account]:
    """They talk while the block runs. Afterwards, tasks and file descriptors must come back to what they were."""
    before = (metric(server, "bihak_tasks"), open_files(server), metric(server, "bihak_connections"))
    account = Account(base_bytes=memory_bytes(server))
    speaker, listener = await Client.connect(server.ws_url), await Client.connect(server.ws_url)
    await speaker.auth(one)
    await listener.auth(other)

    async def say() -> float:
        started = time.perf_counter()
        key = f"round-{time.monotonic_ns()}"
        await speaker.send(type="message", conversation_id=conversation_id, content="x", idempotency_key=key)
        while (await listener.next_frame()).get("idempotency_key") != key:
            pass
        while (await speaker.next_frame())["type"] != "message_sent":
            pass
        return time.perf_counter() - started

    async def go_on() -> None:
        while True:
            account.busy_s.append(await say())
            account.most_bytes = max(account.most_bytes, memory_bytes(server))
            await asyncio.sleep(0.01)

    account.quiet_s = statistics.median([await say() for _ in range(QUIET_ROUNDS)])
    talk = asyncio.create_task(go_on())
    try:
        yield account
        while len(account.busy_s) < FEWEST_ROUNDS and not talk.done():
            await asyncio.sleep(0.01)
    finally:
        talk.cancel()
        (failed,) = await asyncio.gather(talk, return_exceptions=True)
        await speaker.close()
        await listener.close()
    assert isinstance(failed, asyncio.CancelledError), failed
    await back_to(server, *before)


async def back_to(server: ServerProcess, tasks: float, files: int, connections: float) -> None:
    """Waits until no more than that is left. Fails if that does not come."""
    async with asyncio.timeout(BACK_WITHIN_S):
        while (
            metric(server, "bihak_connections") > connections
            or metric(server, "bihak_tasks") > tasks + SPARE_TASKS
            or open_files(server) > files + SPARE_FILES
        ):
            await asyncio.sleep(0.05)
