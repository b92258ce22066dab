"""What the event loops of tests refuse."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest


async def test_a_loop_refuses_calls_from_another_thread_and_coroutines_as_callbacks() -> None:
    loop: Any = asyncio.get_running_loop()
    assert not loop.get_debug(), "or this would be asyncio's own doing"
    future: asyncio.Future[None] = loop.create_future()
    heard = asyncio.Event()
    future.add_done_callback(lambda _: None)
    from_elsewhere: list[Callable[[], Any]] = [
        lambda: loop.call_soon(print),
        lambda: loop.call_later(1, print),
        lambda: future.set_result(None),
    ]
    for call in from_elsewhere:
        with pytest.raises(RuntimeError, match="thread"):
            await asyncio.to_thread(call)
    await asyncio.to_thread(loop.call_soon_threadsafe, heard.set)
    await heard.wait()
    forgotten: Any = asyncio.sleep(0)
    with pytest.raises(TypeError, match="coroutines"):
        loop.call_soon(forgotten)
    with pytest.raises(TypeError, match="coroutines"):
        loop.call_later(1, forgotten)
    forgotten.close()
