"""Work put off until after the reply: for which conversations it is due, and how far in each it has come.

How far is durable and moves in the transaction that does the work. So after a crash, or with two nodes at it, each
event is still worked on, and once.
"""

import asyncio
import itertools
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping

import sqlalchemy as sa
import structlog

from bihak.core.context import Transaction
from bihak.errors import ChatError
from bihak.storage.schema import big, conversations, table

log = structlog.stdlib.get_logger("bihak.deferred")

REST = 2.0
"""How long the work rests, in times of what it took: it has a third of the writer at most, and sends the rest."""
LONGEST_REST_S = 1.0
RETRY_S = 1.0
IDS_AT_ONCE = 5000

deferred_progress = table(
    "deferred_progress",
    # Up to which seq of a conversation the task of that name is done; no row: it has not begun.
    sa.Column("task", sa.String(16), primary_key=True),
    big("conversation_id", key=True),
    big("seq"),
)


class Backlog:
    """Conversations in which something happened, each with its seq, kept for `delay_s`. For the event loop only."""

    def __init__(self, delay_s: float) -> None:
        self._delay_s = delay_s
        self._grain_s = delay_s / 4
        self._waiting: deque[tuple[float, dict[int, int]]] = deque()
        """What came within one grain of time, with when it is due."""
        self._due: dict[int, int] = {}
        self._came = asyncio.Event()

    def add(self, seqs: Iterable[tuple[int, int]]) -> None:
        """Something happened: (conversation_id, seq), in the order of the seqs."""
        now = asyncio.get_running_loop().time()
        due = now + self._delay_s
        if not self._waiting or self._waiting[-1][0] < due:
            self._waiting.append((due + self._grain_s, {}))
            self._came.set()
        self._waiting[-1][1].update(seqs)

    def add_due(self, seqs: Mapping[int, int]) -> None:
        """As `add`, for what needs no delay."""
        for conversation_id, seq in seqs.items():
            self._due[conversation_id] = max(seq, self._due.get(conversation_id, 0))
        self._came.set()

    async def run(self, work: Callable[[dict[int, int]], Awaitable[None]], at_once: int) -> None:
        """Hands `work` what is due, that many conversations at a time, until it is cancelled."""
        while True:
            seqs = await self._take(at_once)
            started = time.perf_counter()
            try:
                await work(seqs)
            except ChatError as error:
                log.debug("put off again", error=error.message)
                self.add_due(seqs)
                await asyncio.sleep(RETRY_S)
            else:
                await asyncio.sleep(min(LONGEST_REST_S, REST * (time.perf_counter() - started)))

    async def _take(self, at_once: int) -> dict[int, int]:
        while True:
            now = asyncio.get_running_loop().time()
            while self._waiting and self._waiting[0][0] <= now:
                self.add_due(self._waiting.popleft()[1])
            if self._due:
                oldest = list(itertools.islice(self._due, at_once))
                return {conversation_id: self._due.pop(conversation_id) for conversation_id in oldest}
            if self._waiting:
                await asyncio.sleep(self._waiting[0][0] - now)
            else:
                self._came.clear()
                await self._came.wait()


def within(table: str, seqs: Iterable[tuple[int, int, int]]) -> str:
    """SQL: whether a row of `table` is in one of these (conversation_id, first seq, last seq).

    As text, because putting it together takes SQLAlchemy longer than the query; by constants for each conversation,
    because MariaDB enters an index by a range in no other way.
    """
    return " OR ".join(
        f"({table}.conversation_id = {cid:d} AND {table}.seq BETWEEN {first:d} AND {last:d})"
        for cid, first, last in seqs
    )


class Progress:
    """How far the task of that name has come."""

    def __init__(self, task: str) -> None:
        self.task = task
        here = sa.and_(deferred_progress.c.task == task, deferred_progress.c.conversation_id == conversations.c.id)
        self._joined = conversations.outerjoin(deferred_progress, here)

    def select(self, *more: sa.ColumnElement[int]) -> sa.Select[tuple[int, int, int | None]]:
        """Rows of a conversation's `id`, its `last_seq` and its `done`, which is None where the task has not begun."""
        c = conversations.c
        return sa.select(c.id, c.last_seq, deferred_progress.c.seq.label("done"), *more).select_from(self._joined)

    def behind(self, connection: sa.Connection, after_id: int) -> tuple[dict[int, int], int | None]:
        """Conversations with events that the task has not come to, with their heads, and where to look on.

        Looks at so many conversations after that id; None: there are no more.
        """
        c = conversations.c
        ids = sa.select(c.id).where(c.id > after_id).order_by(c.id).limit(IDS_AT_ONCE).subquery()
        last, count = connection.execute(sa.select(sa.func.max(ids.c.id), sa.func.count()).select_from(ids)).one()
        if not count:
            return {}, None
        rows = connection.execute(
            self.select().where(
                c.id.between(after_id + 1, last), c.last_seq > sa.func.coalesce(deferred_progress.c.seq, 0)
            )
        )
        return {row.id: row.last_seq for row in rows}, last if count == IDS_AT_ONCE else None

    def lock(self, tx: Transaction, conversation_ids: Iterable[int], *, wait: bool) -> dict[int, int]:
        """How far each has come, locked until COMMIT. Without `wait`, what another node works on is left out."""
        rows = tx.connection.execute(
            sa.select(deferred_progress.c.conversation_id, deferred_progress.c.seq)
            .where(
                deferred_progress.c.task == self.task, deferred_progress.c.conversation_id.in_(sorted(conversation_ids))
            )
            .with_for_update(skip_locked=not wait)
        )
        return {row.conversation_id: row.seq for row in rows}

    def begin(self, tx: Transaction, conversation_ids: Iterable[int]) -> None:
        """Makes rows for conversations in which the task has not begun; those that have one stay as they are."""
        self._upsert(tx, dict.fromkeys(conversation_ids, 0), "task")

    def advance(self, tx: Transaction, seqs: Mapping[int, int]) -> None:
        """The task has come to that seq in each of these conversations."""
        self._upsert(tx, seqs, "seq")

    def _upsert(self, tx: Transaction, seqs: Mapping[int, int], column: str) -> None:
        if not seqs:
            return
        rows = ",".join(f"('{self.task}',{cid:d},{seq:d})" for cid, seq in sorted(seqs.items()))
        tx.connection.exec_driver_sql(
            f"INSERT INTO deferred_progress (task, conversation_id, seq) VALUES {rows} "
            + tx.dialect.upsert_clause("task, conversation_id", (column,))
        )
