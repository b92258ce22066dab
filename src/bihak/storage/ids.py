"""Ids from blocks that a process reserves ahead."""

import threading
import time
from collections import deque
from typing import NamedTuple

import sqlalchemy as sa

from bihak.storage.dialect import TransientFault
from bihak.storage.schema import id_blocks


class BlockSize(NamedTuple):
    """How many ids a block has, and at how few left the next one is reserved."""

    block: int
    low_water: int


BLOCKS = {
    "messages": BlockSize(4000, 1000),
    "conversation_events": BlockSize(4000, 1000),
    "conversations": BlockSize(2000, 1000),
}
"""As many are left as two batches of requests take, so that hardly anything but one that takes many runs out."""
LASTS_S = 2.0
"""A block that is used up sooner is followed by one of twice its size: reserving is a transaction."""
LARGEST = 32_000
"""Of those; a crash leaves a gap of so many ids at most."""


class IdsExhausted(TransientFault):
    """A transaction took more ids than were reserved; run it again after `refill`."""


class IdBlocks:
    """Hands out ids that no other process has, to the threads of one writer."""

    def __init__(self) -> None:
        self._free: dict[str, deque[int]] = {name: deque() for name in BLOCKS}
        self._exhausted: set[str] = set()
        self._reserving = threading.Lock()
        self._sizes = {name: size.block for name, size in BLOCKS.items()}
        """Of the last block: the next one has twice as many if that was not enough for one transaction, or for long."""
        self._reserved_at = dict.fromkeys(BLOCKS, float("-inf"))

    def refill(self, connection: sa.Connection) -> None:
        """Reserves a block where few ids are left, in a transaction of its own.

        It must not share the caller's: a rollback would give the block to another process while we still hold it.
        """
        if not any(map(self._is_low, BLOCKS)):
            return
        with self._reserving:
            for name in filter(self._is_low, BLOCKS):
                self._reserve(connection, name)

    def _is_low(self, name: str) -> bool:
        return len(self._free[name]) <= BLOCKS[name].low_water or name in self._exhausted

    def _reserve(self, connection: sa.Connection, name: str) -> None:
        free, size = self._free[name], BLOCKS[name]
        now, last = time.monotonic(), self._sizes[name]
        if name in self._exhausted:
            self._sizes[name] = 2 * last
        elif now - self._reserved_at[name] < LASTS_S:
            self._sizes[name] = max(last, min(2 * last, LARGEST))
        else:
            self._sizes[name] = size.block
        self._reserved_at[name] = now
        count = max(self._sizes[name], 2 * len(free))
        with connection.begin():
            row = id_blocks.c.name == name
            first = connection.execute(sa.select(id_blocks.c.next_id).where(row).with_for_update()).scalar_one()
            connection.execute(id_blocks.update().where(row).values(next_id=first + count))
        free.extend(range(first, first + count))
        self._exhausted.discard(name)

    def give_back(self, connection: sa.Connection) -> None:
        """Returns the end of what is left, unless somebody has reserved more since: a restart then leaves no gap."""
        for name, free in self._free.items():
            if not free:
                continue
            end = first = free.pop() + 1
            while free and free[-1] == first - 2:  # blocks of other processes may lie in between
                first = free.pop() + 1
            ours = sa.and_(id_blocks.c.name == name, id_blocks.c.next_id == end)
            with connection.begin():
                connection.execute(id_blocks.update().where(ours).values(next_id=first - 1))
            free.clear()

    def take(self, name: str) -> int:
        """The next id of that table. Raises IdsExhausted when none is left; what was taken stays taken."""
        try:
            return self._free[name].popleft()
        except IndexError:
            self._exhausted.add(name)
            raise IdsExhausted(name) from None
