"""Finds events whose publish was lost: compares the heads in the database with the rooms' own, every second."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import sqlalchemy as sa
import structlog

from bihak.core.hub import Hub
from bihak.core.log import read_heads
from bihak.errors import ChatError
from bihak.storage.dialect import Database
from bihak.storage.readers import Readers

log = structlog.stdlib.get_logger("bihak.sweep")

EVERY_S = 1.0
WINDOW_MS = 10_000
"""How far back a sweep looks; no transaction is open that long."""
ROOMS_AT_ONCE = 1000


class Sweep:
    """One indexed query a second, whatever the number of rooms."""

    def __init__(self, database: Database, readers: Readers, hub: Hub) -> None:
        self._clock_ms = database.dialect.clock_ms
        self._readers = readers
        self._hub = hub
        self.on_unknown: Callable[[Sequence[int]], Awaitable[None]] = _ignore
        """Called with conversations that changed and have no room here: somebody here may have been taken in."""

    async def run(self) -> None:
        """Sweeps until it is cancelled."""
        clock = asyncio.get_running_loop().time
        last = clock()
        while True:
            await asyncio.sleep(EVERY_S)
            if not self._hub.participants:
                last = clock()
                continue
            started = clock()
            try:
                if (started - last) * 1000 > WINDOW_MS / 2:
                    # Frozen or cut off for longer than the window sees: every room may have missed something.
                    await self._compare_all()
                else:
                    recent = await self._readers.run(self._recent)
                    self._hub.compare_heads(recent)
                    unknown = [
                        conversation_id for conversation_id, _ in recent if conversation_id not in self._hub.rooms
                    ]
                    if unknown:
                        await self.on_unknown(unknown)
            except ChatError as error:
                log.debug("sweep failed", error=error.message)
            else:
                last = started

    def _recent(self, connection: sa.Connection) -> list[tuple[int, int]]:
        rows = connection.exec_driver_sql(
            f"SELECT id, last_seq FROM conversations WHERE changed_ms > {self._clock_ms} - {WINDOW_MS:d}"
        )
        return [(conversation_id, last_seq) for conversation_id, last_seq in rows]

    async def _compare_all(self) -> None:
        ids = list(self._hub.rooms)
        for at in range(0, len(ids), ROOMS_AT_ONCE):
            some = ids[at : at + ROOMS_AT_ONCE]
            heads = await self._readers.run(partial(read_heads, conversation_ids=some))
            self._hub.compare_heads(zip(some, heads, strict=True))


async def _ignore(_conversation_ids: Sequence[int]) -> None:
    """Nobody asked to be told."""
