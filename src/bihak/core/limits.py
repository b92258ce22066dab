"""Rate limits: what is limited, and token buckets in memory."""

import math
from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import Protocol

from bihak.errors import RateLimited

SWEEP_SIZE = 10_000


class Limit(StrEnum):
    """What a request counts against. Each participant has a bucket of each, unless another owner is named."""

    MESSAGES = "messages"
    CHANGES = "changes"
    """Whatever else is stored: edits, reactions, pins, read cursors, conversations."""
    TYPING = "typing"
    HISTORY = "history"
    """Whatever is read."""
    SEARCH = "search"
    REQUESTS = "requests"
    """A connection's: everything that counts against nothing above, and its pings."""
    AUTH = "auth"
    """A network's: credentials that were refused."""


OF_PARTICIPANTS = (Limit.MESSAGES, Limit.CHANGES, Limit.TYPING, Limit.HISTORY, Limit.SEARCH)
"""Those whose buckets are participants' own, wherever they are connected."""


class RateLimit:
    """At most `count` of something per `period_s` for each key, in bursts of up to `count` (a token bucket)."""

    def __init__(self, count: int, period_s: float, clock: Callable[[], float]) -> None:
        self.count = count
        self.period_s = period_s
        self.clock = clock
        self._capacity = float(count)
        self._rate = count / period_s if period_s else math.inf
        self.is_off = math.isinf(self._rate)
        """Whether it never refuses."""
        self._buckets: dict[str, tuple[float, float]] = {}
        self._sweep_size = SWEEP_SIZE

    @classmethod
    def off(cls) -> "RateLimit":
        """A limit that never refuses."""
        return cls(0, 0, lambda: 0.0)

    def take(self, key: str) -> float:
        """Takes one; 0.0 if it was there, else the seconds until it will be (and nothing is taken)."""
        if self.is_off:
            return 0.0
        now = self.clock()
        bucket = self._buckets.get(key)
        tokens = self._capacity
        if bucket is not None:
            tokens = min(tokens, bucket[0] + (now - bucket[1]) * self._rate)
        if tokens < 1.0:
            self._buckets[key] = (tokens, now)
            return (1.0 - tokens) / self._rate
        if len(self._buckets) > self._sweep_size:
            self._forget_full(now)
        self._buckets[key] = (tokens - 1.0, now)
        return 0.0

    def _forget_full(self, now: float) -> None:
        self._buckets = {
            key: (tokens, since)
            for key, (tokens, since) in self._buckets.items()
            if tokens + (now - since) * self._rate < self._capacity
        }
        # Not again for every one that comes while that many are busy.
        self._sweep_size = max(SWEEP_SIZE, 2 * len(self._buckets))


class Bucket(Protocol):
    """What a `RateLimit` is, on this node or over all."""

    def take(self, key: str) -> float:
        """As `RateLimit.take`."""
        ...


class Limits:
    """The limits that there are; what has none is not limited."""

    def __init__(self, limits: Mapping[Limit, Bucket]) -> None:
        self._limits = dict(limits)

    def require(self, limit: Limit, key: str) -> None:
        """Counts one against the bucket of `key`. Raises RateLimited, which tells how long to wait."""
        bucket = self._limits.get(limit)
        if bucket is not None and (wait_s := bucket.take(key)) > 0:
            raise RateLimited(retry_after=max(0.001, round(wait_s, 3)))


@lru_cache(maxsize=4096)
def network_of(address: str) -> str:
    """What of an address one subscriber has to himself: all of an IPv4 address, the first 64 bits of an IPv6 one."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return address
    return str(parsed.ipv4_mapped or IPv6Address(int(parsed) >> 64 << 64))
