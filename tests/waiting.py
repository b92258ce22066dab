"""Waiting for what no event tells of."""

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
