"""Named points on a request's way at which a test may end the process, to see what survives.

Nothing here is for whoever runs the server: no setting, no documentation, and no cost beyond one call a transaction.
"""

import os
import signal
import time
from collections.abc import Callable, Mapping
from itertools import count

Failpoint = Callable[[str], None]
"""Called with the point's name whenever it is passed. Each point is passed on one thread only."""

POINTS = ("before_commit", "after_commit", "after_publish")
VARIABLE = "BIHAK_FAILPOINT"
LAST_WORDS_S = 0.05
"""How long a dying process lets its other threads go on: a reply that was given too early gets out."""


def pass_by(point: str) -> None:
    """The failpoint of every server that serves people: nothing happens."""


def from_environment(environment: Mapping[str, str] = os.environ) -> Failpoint:
    """What `BIHAK_FAILPOINT=point:n` asks for: SIGKILL to this very process when it passes `point` the n-th time.

    Without it, `pass_by`. Raises ValueError where it names no point and count.
    """
    asked = environment.get(VARIABLE)
    if not asked:
        return pass_by
    fatal, _, nth = asked.partition(":")
    if fatal not in POINTS or not nth.isdigit():
        raise ValueError(f"{VARIABLE}={asked} is not usable; it takes one of {', '.join(POINTS)}, a colon and a count")
    passes = count(1)

    def die(point: str) -> None:
        if point == fatal and next(passes) == int(nth):
            time.sleep(LAST_WORDS_S)
            os.kill(os.getpid(), signal.SIGKILL)

    return die
