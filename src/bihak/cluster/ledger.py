"""The seam to what all nodes have used of a limit together."""

from collections.abc import Mapping
from typing import Protocol


class LedgerAway(Exception):
    """It cannot be asked just now; nothing is known of what it was told."""


class Ledger(Protocol):
    """One token bucket for each key, shared by all nodes."""

    async def spend(self, spent: Mapping[str, int], count: int, period_s: float) -> dict[str, float]:
        """Takes so many from each key's bucket of `count` a period, into debt if need be.

        For each, in how many seconds there is one to take; 0.0: now. Raises LedgerAway.
        """
        ...

    async def close(self) -> None:
        """Lets go of its connections."""
        ...
