"""The group-committing writer: a queue of requests, and who takes which of them into a transaction."""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any, Final, Generic, NamedTuple

from bihak.errors import Unavailable
from bihak.failpoints import Failpoint, pass_by
from bihak.storage.committer import BatchT, Committer, Job
from bihak.storage.dialect import Database
from bihak.storage.ids import IdBlocks

MAX_BATCH = 400
MAX_QUEUE = 10_000
FEW = 4
"""A transaction with no more jobs than this takes long for what it does: what comes meanwhile need not wait for it."""
MANY = 200
"""With so many jobs a transaction gains nothing from more: they need not wait for the one that is under way."""
MOST_YIELDED = 10
"""After so many transactions that the server's own work has let go before, it shares one."""

BACKGROUND: Final = "background"
"""Claimed by the server's own work, which can wait."""
Claims = Sequence[object]


def _claim_all(_job: object) -> Claims:
    return ("all",)


class Writer(Generic[Job, BatchT]):
    """Runs jobs on threads of its own, in as few transactions as it can.

    `open_batch` makes a batch of jobs. `done` gets each batch, on one of the threads, after its COMMIT, or with a
    failure in it. While a transaction is under way jobs queue up, and the next one takes them all (up to `MAX_BATCH`):
    the busier, the larger the batches.

    Where the database lets several transactions write at once, a second one begins beside the first when waiting would
    not make it cheaper. Jobs that have a claim in common are served in the order given, none before those before it are
    answered, unless they share a transaction.
    """

    def __init__(
        self,
        database: Database,
        open_batch: Callable[[Sequence[Job], IdBlocks], BatchT],
        done: Callable[[BatchT], None],
        *,
        claims: Callable[[Job], Claims] = _claim_all,
        max_queue: int = MAX_QUEUE,
        failpoint: Failpoint = pass_by,
    ) -> None:
        self._claims = claims
        self._max_queue = max_queue
        self._queue: deque[Job] = deque()
        self._wake = threading.Condition()
        self._stopping = False
        self._asleep = 0
        """Committers that wait for work and were not woken since."""
        self._is_waking = False
        """Whether one was woken and has not looked yet: it will find what comes until then."""
        self.healthy = True
        """Whether the latest transaction reached the database."""
        self._ids = IdBlocks()
        self._committers: list[Committer[Job, BatchT]] = [
            Committer(number, self, database, self._ids, open_batch, done, failpoint)
            for number in range(database.writers)
        ]
        self._at_work: dict[Committer[Any, Any], _Work] = {}
        """Replaced, never changed: `submit` looks at it without the lock."""
        self._yielded = 0
        """Transactions in a row before which something was left in the queue, for others to come first."""
        self._running = len(self._committers)

    def start(self) -> None:
        for committer in self._committers:
            committer.thread.start()

    @property
    def batches(self) -> int:
        """Transactions committed so far."""
        return sum(committer.batches for committer in self._committers)

    @property
    def jobs(self) -> int:
        """Jobs in them."""
        return sum(committer.jobs for committer in self._committers)

    @property
    def seconds(self) -> float:
        """How long all transactions took, those that failed as well."""
        return sum(committer.seconds for committer in self._committers)

    @property
    def queue_length(self) -> int:
        """Jobs that wait for a transaction."""
        return len(self._queue)

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits for a transaction and none is under way."""
        with self._wake:
            return not self._queue and not self._at_work

    def submit(self, job: Job) -> None:
        """Queues `job`; never blocks. Raises Unavailable when the queue is full or the writer has stopped."""
        if self._stopping or len(self._queue) >= self._max_queue:
            raise Unavailable("The server has too much to write just now; try again.", retry_after=1.0)
        self._queue.append(job)
        # Taking the lock for every job would cost more than the rest of this. Whoever is asleep looked at the queue
        # after saying so, and whoever is at work looks at it after saying that it has ended.
        if self._asleep and not self._is_waking and self._may_begin(job):
            with self._wake:
                self._wake_one()

    def stop(self, timeout_s: float) -> bool:
        """Finishes what is queued, then ends the threads. Blocks; False if that took longer than `timeout_s`."""
        with self._wake:
            self._stopping = True
            self._wake_all()
        deadline = time.monotonic() + timeout_s
        for committer in self._committers:
            if committer.thread.ident is not None:
                committer.thread.join(max(0.0, deadline - time.monotonic()))
            if committer.thread.is_alive():
                return False
        if leftovers := self.take_all():  # came in while the threads ended
            self._committers[0].refuse(leftovers)
        return True

    # For committers

    def take(self, committer: Committer[Any, Any]) -> list[Job]:
        """Implements `Source`."""
        with self._wake:
            self._at_work = {other: work for other, work in self._at_work.items() if other is not committer}
            while True:
                self._asleep += 1  # before the queue is looked at: whoever appends after that wakes us
                jobs = self._choose(committer)
                if jobs or (self._stopping and not self._queue):
                    break
                self._wake.wait()
                self._is_waking = False
            self._asleep -= 1
            if jobs:
                if self._queue and self._lets_begin(self._at_work[committer]):
                    self._wake_one()
                return jobs
            self._wake_all()
            self._running -= 1
        if not self._running:
            committer.give_back_ids()
        return []

    def take_all(self) -> list[Job]:
        """Implements `Source`."""
        with self._wake:
            return [self._queue.popleft() for _ in range(len(self._queue))]

    def _wake_one(self) -> None:
        if self._asleep and not self._is_waking:
            self._asleep -= 1
            self._is_waking = True
            self._wake.notify()

    def _wake_all(self) -> None:
        self._asleep = 0
        self._wake.notify_all()

    def _choose(self, committer: Committer[Any, Any]) -> list[Job]:
        """What it may do now, out of the queue; with the lock."""
        if not self._queue or not all(map(self._lets_begin, self._at_work.values())):
            return []
        if len(self._committers) == 1:
            jobs = [self._queue.popleft() for _ in range(min(len(self._queue), MAX_BATCH))]
            self._at_work = {committer: _Work(set(), len(jobs))}
            return jobs
        claimed = {claim for work in self._at_work.values() for claim in work.claims}
        # Where little is said, a message need not wait for what takes longer.
        yields = self._yielded < MOST_YIELDED and self._is_quiet()
        jobs, work = self._pick({*claimed, BACKGROUND} if yields else claimed)
        if jobs and yields and self._queue:
            self._yielded += 1
        else:
            self._yielded = 0
        if not jobs:
            jobs, work = self._pick(claimed)
        if jobs:
            self._at_work = {**self._at_work, committer: work}
        return jobs

    def _lets_begin(self, work: "_Work") -> bool:
        return work.foreground <= FEW or len(self._queue) >= MANY

    def _is_quiet(self) -> bool:
        foreground = filter(self._is_foreground, tuple(self._queue))
        return len(self._queue) < MANY and next(islice(foreground, FEW, None), None) is None

    def _is_foreground(self, job: Job) -> bool:
        return BACKGROUND not in self._claims(job)

    def _pick(self, claimed: set[object]) -> "tuple[list[Job], _Work]":
        """The first jobs that need nothing of what is claimed, by others or by those that are passed over."""
        jobs: list[Job] = []
        passed: list[Job] = []
        mine: set[object] = set()
        foreground = 0
        for _ in range(len(self._queue)):
            job = self._queue.popleft()
            claims = self._claims(job)
            if claimed.isdisjoint(claims):
                jobs.append(job)
                mine.update(claims)
                foreground += BACKGROUND not in claims
                if len(jobs) == MAX_BATCH:
                    break
            else:
                passed.append(job)
                claimed.update(claims)
        self._queue.extendleft(reversed(passed))
        return jobs, _Work(mine, foreground)

    def _may_begin(self, job: Job) -> bool:
        """Whether a committer that sleeps may find something to do, now that this has come. Without the lock."""
        at_work = self._at_work.values()
        if not all(map(self._lets_begin, at_work)):
            return False
        claims = self._claims(job)
        return all(work.claims.isdisjoint(claims) for work in at_work)


class _Work(NamedTuple):
    """A transaction that is under way."""

    claims: set[object]
    foreground: int
    """How many of its jobs somebody waits for."""
