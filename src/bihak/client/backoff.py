"""How long to wait before trying again."""

from collections.abc import Callable


class Backoff:
    """Exponential backoff with full jitter: any moment between now and a ceiling that doubles.

    When a server restarts, all of its clients come back at once; spreading them over the whole interval costs the
    least work in total (Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015). `random` gives numbers
    from 0 to 1.
    """

    def __init__(self, base_s: float, cap_s: float, random: Callable[[], float]) -> None:
        self._base_s = base_s
        self._cap_s = cap_s
        self._random = random
        self._attempts = 0

    def next_s(self, at_least_s: float = 0.0) -> float:
        """Seconds to wait; each call raises the ceiling of the next."""
        ceiling = min(self._cap_s, self._base_s * 2.0 ** min(self._attempts, 32))
        self._attempts += 1
        return at_least_s + self._random() * ceiling

    def reset(self) -> None:
        self._attempts = 0
