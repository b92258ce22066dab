"""Event loops that refuse what asyncio's debug mode refuses, without the stacks it keeps: a third of a test's CPU."""

import asyncio
from typing import Any


def check_callers() -> None:
    """From now on every loop of this process refuses calls from another thread, and coroutines as callbacks."""
    kind: Any = asyncio.BaseEventLoop
    soon, at = kind.call_soon, kind.call_at

    def call_soon(loop: Any, callback: Any, *arguments: Any, context: Any = None) -> Any:
        loop._check_thread()
        loop._check_callback(callback, "call_soon")
        return soon(loop, callback, *arguments, context=context)

    def call_at(loop: Any, when: float, callback: Any, *arguments: Any, context: Any = None) -> Any:
        loop._check_thread()
        loop._check_callback(callback, "call_at")
        return at(loop, when, callback, *arguments, context=context)

    kind.call_soon, kind.call_at = call_soon, call_at
