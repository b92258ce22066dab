"""Rate limits: token buckets in memory."""

import math
from collections.abc import Callable

SWEEP_SIZE = 10_000


class RateLimit:
    """At most `count` of something per `period_s` for each key, in bursts of up to `count` (a token bucket)."""

    def __init__(self, count: int, period_s: float, clock: Callable[[], float]) -> None:
        self.count = count
        self.period_s = period_s
        self.clock = clock
        self._capacity = float(count)
        self._rate = count / period_s if period_s else math.inf
        self._buckets: dict[str, tuple[float, float]] = {}

    @property
    def is_off(self) -> bool:
        return math.isinf(self._rate)

    @classmethod
    def off(cls) -> "RateLimit":
        """A limit that never refuses."""
        return cls(0, 0, lambda: 0.0)

    def take(self, key: str) -> float:
        """Takes one; 0.0 if it was there, else the seconds until it will be (and nothing is taken)."""
        if self.is_off:
            return 0.0
        now = self.clock()
        tokens, since = self._buckets.get(key, (self._capacity, now))
        tokens = min(self._capacity, tokens + (now - since) * self._rate)
        if tokens < 1.0:
            self._buckets[key] = (tokens, now)
            return (1.0 - tokens) / self._rate
        if len(self._buckets) > SWEEP_SIZE:
            self._forget_full(now)
        self._buckets[key] = (tokens - 1.0, now)
        return 0.0

    def _forget_full(self, now: float) -> None:
        self._buckets = {
            key: (tokens, since)
            for key, (tokens, since) in self._buckets.items()
            if tokens + (now - since) * self._rate < self._capacity
        }
