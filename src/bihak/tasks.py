"""What is done again and again by the clock, tasks that nobody waits for, and ending tasks."""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any

import structlog

log = structlog.stdlib.get_logger("bihak")

AGAIN_AFTER_S = 0.5
MOST_TIMES = 10
BEAT_S = 1.0
EARLY_S = 0.05
"""A timer may fire so much before its time."""


def until_beat(period_s: float) -> float:
    """Seconds until about `period_s` from now, at a whole second by the event loop's clock: at most `EARLY_S` more.

    What several tasks do every second or two they do at the same moment then. Where there is little to do, waking up is
    most of what it costs.
    """
    beat_s, now = min(BEAT_S, period_s), asyncio.get_running_loop().time()
    return (now + period_s + EARLY_S) // beat_s * beat_s - now


async def beat(period_s: float) -> None:
    """Sleeps until then."""
    await asyncio.sleep(until_beat(period_s))


async def end(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancels tasks and waits until they have ended; what they raise is dropped.

    A library may take the one CancelledError for its own and go on, so whatever runs on is cancelled again. What even
    then does not end is left, with a warning: whoever is about to stop must come to an end.
    """
    running = set(tasks)
    for _ in range(MOST_TIMES):
        for task in running:
            task.cancel()
        if not running:
            return
        ended, running = await asyncio.wait(running, timeout=AGAIN_AFTER_S)
        for task in ended:
            if not task.cancelled():
                task.exception()  # asked for, or Python complains that nobody did
    if running:
        log.warning("tasks do not end", tasks=sorted(str(task.get_coro()) for task in running))


class Running:
    """Tasks that nobody waits for, kept until they end: Python itself would forget them."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Runs `work` to its end, whoever has lost interest in it."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def end(self) -> None:
        """As `end`, of all of them."""
        await end(self._tasks)
