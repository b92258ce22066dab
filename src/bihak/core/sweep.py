"""Finds events whose publish was lost: compares the heads in the database with the rooms' own, every second."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import msgspec
import sqlalchemy as sa
import structlog

from bihak.cluster.base import Backplane
from bihak.core.hub import Hub
from bihak.core.log import read_heads
from bihak.core.transaction import CHANGED_GRAIN_MS, LATE_MS
from bihak.errors import ChatError
from bihak.storage.dialect import Database
from bihak.storage.readers import Readers
from bihak.storage.statement import run_packed
from bihak.tasks import until_beat

log = structlog.stdlib.get_logger("bihak.sweep")

EVERY_S = 1.0
EVERY_WITHOUT_BACKPLANE_S = 0.5
WINDOW_MS = 10_000
"""How far back a sweep looks from when a head was written; no transaction is open that long after it."""
ROOMS_AT_ONCE = 1000
IDS_A_ROW_BITS = 13
"""The heads of 8192 ids that follow each other come as one row, of 200 kB at most."""


class Sweep:
    """One indexed query a second, whatever the number of rooms."""

    def __init__(self, database: Database, readers: Readers, hub: Hub, backplane: Backplane) -> None:
        self._now_ms = database.dialect.statement_ms
        self._readers = readers
        self._hub = hub
        self._backplane = backplane
        self._hurry = asyncio.Event()
        self.on_unknown: Callable[[Sequence[int]], Awaitable[None]] = _ignore
        """Called with conversations that changed and have no room here: somebody here may have been taken in."""

    def hurry(self) -> None:
        """Compares every room, now."""
        self._hurry.set()

    async def run(self) -> None:
        """Sweeps until it is cancelled."""
        clock = asyncio.get_running_loop().time
        last = clock()
        while True:
            with contextlib.suppress(TimeoutError):
                every_s = EVERY_S if self._backplane.is_connected else EVERY_WITHOUT_BACKPLANE_S
                async with asyncio.timeout(until_beat(every_s)):
                    await self._hurry.wait()
            if not self._hub.participants:
                last = clock()
                self._hurry.clear()
                continue
            started = clock()
            # Frozen or cut off for longer than the window sees, any room may have missed something.
            everywhere = self._hurry.is_set() or (started - last) * 1000 > WINDOW_MS / 2
            self._hurry.clear()
            try:
                await self._compare_recent(WINDOW_MS + int((started - last) * 1000))
                if everywhere:
                    await self._compare_all()
            except ChatError as error:
                log.debug("sweep failed", error=error.message)
                if everywhere:
                    await asyncio.sleep(EVERY_S)
                    self._hurry.set()
            else:
                last = started

    async def _compare_recent(self, window_ms: int) -> None:
        """What changed within that time: the rooms there are, and those that there should be."""
        recent = await self._readers.run_shared(partial(self._recent, window_ms=window_ms))
        self._hub.compare_heads(recent)
        unknown = [conversation_id for conversation_id, _ in recent if conversation_id not in self._hub.rooms]
        for at in range(0, len(unknown), ROOMS_AT_ONCE):
            await self.on_unknown(unknown[at : at + ROOMS_AT_ONCE])

    def _recent(self, connection: sa.Connection, window_ms: int) -> list[tuple[int, int]]:
        # `changed_ms` may be so much before the head was written; from there on the window counts.
        since_ms = f"{self._now_ms} - {window_ms + CHANGED_GRAIN_MS + LATE_MS:d}"
        # Few rows, each of a size that no limit of the database's cuts.
        return run_packed(
            connection,
            "SELECT GROUP_CONCAT(JSON_ARRAY(id, last_seq)) FROM conversations "
            f"WHERE changed_ms > {since_ms} GROUP BY id >> {IDS_A_ROW_BITS:d}",
            _recent_heads,
        )

    async def _compare_all(self) -> None:
        ids = list(self._hub.rooms)
        for at in range(0, len(ids), ROOMS_AT_ONCE):
            some = ids[at : at + ROOMS_AT_ONCE]
            heads = await self._readers.run(partial(read_heads, conversation_ids=some))
            self._hub.compare_heads(zip(some, heads, strict=True))


_recent_heads = msgspec.json.Decoder(list[tuple[int, int]])


async def _ignore(_conversation_ids: Sequence[int]) -> None:
    """Nobody asked to be told."""
