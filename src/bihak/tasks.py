"""Ending tasks."""

import asyncio
from collections.abc import Iterable
from typing import Any

import structlog

log = structlog.stdlib.get_logger("bihak")

AGAIN_AFTER_S = 0.5
MOST_TIMES = 10


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
