"""A rate limit over all nodes."""

import asyncio
import contextlib
from collections.abc import Callable

from bihak.cluster.ledger import Ledger, LedgerAway
from bihak.core.limits import RateLimit

REPORT_EVERY_S = 1.0
SLICES = 10
"""A node tells the others of what was taken a tenth of the limit at a time."""


class SharedLimit:
    """As `RateLimit`, for what is taken on all nodes together. For the event loop only.

    `take` never waits: it counts here, and the ledger is told afterwards, of many keys at once. Whoever finds there
    that a limit is used up tells the other nodes. So what several nodes let through before they hear of each other is
    a slice each at most; the ledger counts it as a debt. Without the ledger each node counts for itself.
    """

    def __init__(self, name: str, local: RateLimit, ledger: Ledger, announce: Callable[[str, int], None]) -> None:
        """`announce(key, ms)` tells every node that is concerned, this one too, to call `used_up`.

        `name` keeps its keys in the ledger apart from those of other limits.
        """
        self._name = name
        self._local = local
        self._ledger = ledger
        self._announce = announce
        self._slice = max(1, local.count // SLICES)
        self._taken: dict[str, int] = {}
        self._until: dict[str, float] = {}
        self._full_slice = asyncio.Event()

    def take(self, key: str) -> float:
        """As `RateLimit.take`."""
        wait_s = self._until.get(key, 0.0) - self._local.clock()
        if wait_s > 0:
            return wait_s
        wait_s = self._local.take(key)
        if not wait_s:
            taken = self._taken[key] = self._taken.get(key, 0) + 1
            if taken >= self._slice:
                self._full_slice.set()
        return wait_s

    def meet(self, key: str) -> None:
        """Somebody has come from another node perhaps, where they have used theirs up."""
        self._taken.setdefault(key, 0)
        self._full_slice.set()

    def used_up(self, key: str, wait_ms: int) -> None:
        """Refuses that key for so long."""
        # What two nodes found may come in any order; the longer wait is the later finding.
        self._until[key] = max(self._until.get(key, 0.0), self._local.clock() + wait_ms / 1000)

    async def run(self) -> None:
        """Tells the ledger, until it is cancelled."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(REPORT_EVERY_S):
                    await self._full_slice.wait()
            self._full_slice.clear()
            now = self._local.clock()
            self._until = {key: until for key, until in self._until.items() if until > now}
            taken, self._taken = self._taken, {}
            if taken:
                await self._report(taken)

    async def _report(self, taken: dict[str, int]) -> None:
        try:
            spent = {f"{self._name}:{key}": count for key, count in taken.items()}
            waits = await self._ledger.spend(spent, self._local.count, self._local.period_s)
        except LedgerAway:
            return
        for key in taken:
            wait_s = waits[f"{self._name}:{key}"]
            if wait_s > 0:
                self._announce(key, round(wait_s * 1000))
