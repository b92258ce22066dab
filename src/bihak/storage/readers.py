"""Reading: a pool of threads with a connection each, and reads that many callers share."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Generic, NamedTuple, TypeVar

import sqlalchemy as sa
import stamina

from bihak.errors import Unavailable
from bihak.storage.dialect import Database

READ_ATTEMPTS = 3
MAX_GROUP = 500
GROUPS_AT_ONCE = 2
CROWD = 20
"""After a group of so many the next, if it is not whole, is given `PATIENCE_S` to grow: most of a group's cost is the
same for few and for many, and where so many come, the time is spent on them anyway."""
PATIENCE_S = 0.005

T = TypeVar("T")
Key = TypeVar("Key")
Value = TypeVar("Value")


class Readers:
    """Runs functions over a connection on threads of its own, each in one transaction that sees one snapshot."""

    def __init__(self, database: Database, threads: int = 4) -> None:
        self._database = database
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="bihak-reader")
        self._shared: GroupedRead[Callable[[sa.Connection], Any], Any] = GroupedRead(self, self._run_each)

    def run(self, read: Callable[[sa.Connection], T]) -> Awaitable[T]:
        """What `read` returns. Raises Unavailable where the database stays out of reach, else what `read` raises.

        It begins at once, or when a thread is free, whether or not somebody waits for it. RuntimeError after `close`.
        """
        return asyncio.get_running_loop().run_in_executor(self._pool, self._run, read)

    async def run_shared(self, read: Callable[[sa.Connection], T]) -> T:
        """As `run`, in one visit to a thread with all who ask so at the same time.

        For what the server looks at by itself, every second or so.
        """
        found: T | _Failed = await self._shared.load(read)
        if isinstance(found, _Failed):
            raise found.fault
        return found

    def _run_each(self, connection: sa.Connection, reads: Sequence[Callable[[sa.Connection], Any]]) -> list[Any]:
        """What each returns. A fault of one is its own, unless all may go better another time."""
        found: list[Any] = []
        for read in reads:
            try:
                found.append(read(connection))
            except Exception as fault:
                if self._database.dialect.is_transient(fault):
                    raise
                found.append(_Failed(fault))
        return found

    def _run(self, read: Callable[[sa.Connection], T]) -> T:
        is_transient = self._database.dialect.is_transient
        try:
            try:
                return self._read(read)
            except Exception as fault:
                if not is_transient(fault):
                    raise
            # Made here, because it costs as much as a small read and leaves garbage in cycles.
            for attempt in stamina.retry_context(
                on=is_transient, attempts=READ_ATTEMPTS - 1, wait_initial=0.05, timeout=8
            ):
                with attempt:
                    return self._read(read)
        except Exception as fault:
            if is_transient(fault):
                raise Unavailable("The database cannot be reached just now; try again.", retry_after=1.0) from fault
            raise
        raise AssertionError("unreachable: the loop returns or raises")

    def _read(self, read: Callable[[sa.Connection], T]) -> T:
        with self._database.reader_engine.connect() as connection:
            connection.begin()  # ends when it is closed: a COMMIT would be followed by the pool's own ROLLBACK
            return read(connection)

    def close(self) -> None:
        """Ends the threads after what they are doing; what was queued is cancelled."""
        self._pool.shutdown(wait=True, cancel_futures=True)


class _Failed(NamedTuple):
    """In place of what a read returns."""

    fault: Exception


_Asked = tuple[Key, Callable[[Value], None], Callable[[Exception], None]]
"""What somebody asked for, and whom to call with the value, or with what is wrong."""


class GroupedRead(Generic[Key, Value]):
    """One query for the many who ask at about the same time, as a thousand clients that reconnect do.

    `load` waits for the query under way; all keys that came meanwhile go into the next one. Only where they are more
    than one group is another query under way beside it, which the database works on while we take what that one found.
    """

    def __init__(
        self,
        readers: Readers,
        load_many: Callable[[sa.Connection, Sequence[Key]], Sequence[Value]],
        *,
        weigh: Callable[[Key], int] = lambda _key: 1,
        most: int = MAX_GROUP,
    ) -> None:
        """A group weighs `most`, or is one key."""
        self._readers = readers
        self._weigh = weigh
        self._most = most
        self._load_many = load_many
        self._waiting: list[_Asked[Key, Value]] = []
        self._under_way = 0
        self._latest_size = 0
        self._is_called = False
        """Whether `_begin` is about to be called, once all who ask in this turn have, or a little later."""

    def load(self, key: Key) -> Awaitable[Value]:
        """The value for `key`: the element of `load_many`'s result at the key's place. Raises as `Readers.run`."""
        future: asyncio.Future[Value] = asyncio.get_running_loop().create_future()
        self.ask(key, partial(_resolve, future), partial(_reject, future))
        return future

    def ask(self, key: Key, take: Callable[[Value], None], fail: Callable[[Exception], None]) -> None:
        """As `load`, without a future to wait for: calls one of these, which must not raise."""
        self._waiting.append((key, take, fail))
        if self._under_way < GROUPS_AT_ONCE and not self._is_called:
            self._is_called = True
            asyncio.get_running_loop().call_soon(self._begin)

    def _load_many_of(self, keys: Sequence[Key], connection: sa.Connection) -> Sequence[Value]:
        return self._load_many(connection, keys)

    def _group_size(self) -> int:
        left = self._most
        for at, (key, _, _) in enumerate(self._waiting):
            left -= self._weigh(key)
            if left < 0:
                return max(1, at)
        return len(self._waiting)

    def _begin(self) -> None:
        self._is_called = False
        while self._waiting and self._under_way < GROUPS_AT_ONCE:
            size = self._group_size()
            if size == len(self._waiting):
                if self._under_way:
                    return  # more may come until it is alone
                if self._latest_size >= CROWD:
                    self._latest_size = 0  # next time it begins, whole or not
                    self._is_called = True
                    asyncio.get_running_loop().call_later(PATIENCE_S, self._begin)
                    return
            self._latest_size = size
            group, self._waiting = self._waiting[:size], self._waiting[size:]
            try:
                keys = [key for key, _, _ in group]
                reading = asyncio.ensure_future(self._readers.run(partial(self._load_many_of, keys)))
            except RuntimeError as closed:
                self._refuse(group, closed)
                continue
            self._under_way += 1
            reading.add_done_callback(partial(self._done, group))

    def _done(self, group: Sequence[_Asked[Key, Value]], reading: "asyncio.Future[Sequence[Value]]") -> None:
        self._under_way -= 1
        self._begin()
        if reading.cancelled():  # the readers have ended
            return
        fault = reading.exception()
        if isinstance(fault, Exception):
            self._refuse(group, fault)
            return
        for (_, take, _), value in zip(group, reading.result(), strict=True):
            take(value)

    def _refuse(self, group: Sequence[_Asked[Key, Value]], fault: Exception) -> None:
        for _, _, fail in group:
            fail(fault)


def _resolve(future: "asyncio.Future[Value]", value: Value) -> None:
    if not future.done():
        future.set_result(value)


def _reject(future: "asyncio.Future[Value]", fault: Exception) -> None:
    if not future.done():
        future.set_exception(fault)
