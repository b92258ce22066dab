"""Requests that wait for their reply, by `request_id`."""

import asyncio
import itertools

from bihak.client.faults import Fault, TimedOut


class Requests:
    """For one event loop. A reply that nobody waits for any longer is ignored."""

    def __init__(self, answer_within_s: float) -> None:
        self._answer_within_s = answer_within_s
        self._numbers = itertools.count(1)
        self._waiting: dict[str, asyncio.Future[bytes]] = {}

    def open(self) -> str:
        """The id for a new request, whose reply is kept from now on until it is `answer`ed for."""
        request_id = f"r{next(self._numbers)}"
        self._waiting[request_id] = asyncio.get_running_loop().create_future()
        return request_id

    async def answer(self, request_id: str) -> bytes:
        """The reply's frame. Raises TimedOut, or the Fault that all were failed with."""
        try:
            async with asyncio.timeout(self._answer_within_s):
                return await self._waiting[request_id]
        except TimeoutError:
            raise TimedOut("The server did not answer in time.", retryable=True) from None
        finally:
            self.drop(request_id)

    def drop(self, request_id: str) -> None:
        """Nobody waits for it."""
        self._waiting.pop(request_id, None)

    def settle(self, request_id: str, frame: bytes) -> None:
        """Gives the reply to whoever waits for it."""
        waiting = self._waiting.get(request_id)
        if waiting is not None and not waiting.done():
            waiting.set_result(frame)

    def fail_all(self, fault: Fault) -> None:
        """No reply will come."""
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(fault)
                waiting.exception()  # seen, even if whoever asked has gone
