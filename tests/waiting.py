"""Waiting for what no event tells of, and a task that makes one wait."""

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

WITHIN_S = 30.0


async def until(condition: Callable[[], Any]) -> None:
    """Asks again and again, also a coroutine function, until the answer is true. Raises TimeoutError."""
    async with asyncio.timeout(WITHIN_S):
        while True:
            found = condition()
            if inspect.isawaitable(found):
                found = await found
            if found:
                return
            await asyncio.sleep(0.005)


class Stubborn:
    """Takes so many cancellations for something else, and goes on."""

    def __init__(self, times: int) -> None:
        self.left = times
        self.task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while True:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                if not self.left:
                    raise
                self.left -= 1
