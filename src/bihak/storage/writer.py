"""The group-committing writer: one thread, one connection, many requests in one transaction."""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar

import sqlalchemy as sa
import stamina
import structlog

from bihak.errors import ChatError, Internal, Unavailable
from bihak.failpoints import Failpoint, pass_by
from bihak.storage.dialect import Database
from bihak.storage.ids import IdBlocks

log = structlog.stdlib.get_logger("bihak.storage")

MAX_BATCH = 400
MAX_QUEUE = 10_000
RETRY_ATTEMPTS = 8
RETRY_FOR_S = 12.0  # outlasts a lock that a dead connection of ours may hold for the lock wait of 3 s

Job = TypeVar("Job")


class Batch(Protocol):
    """What one transaction does. Made once, run as often as the transaction has to be tried."""

    def run(self, connection: sa.Connection) -> None:
        """Does the work from the start, forgetting an earlier try. The caller commits.

        What is wrong with one job is kept as that job's answer; raising rolls the whole batch back.
        """
        ...

    def take_care(self) -> bool:
        """The database refused what the latest `run` did: whether another one, which tries less at once, may do."""
        ...

    def was_committed(self, connection: sa.Connection) -> bool:
        """Whether the latest `run` is in the database; waits until its transaction has ended one way or the other."""
        ...

    def fail(self, error: ChatError) -> None:
        """Makes `error` the answer to every job: nothing of the batch is stored."""
        ...


BatchT = TypeVar("BatchT", bound=Batch)


class Writer(Generic[Job, BatchT]):
    """Runs jobs on a thread of its own, in the order given, in as few transactions as it can.

    `open_batch` makes a batch of jobs. `done` gets each batch, on the writer's thread, after its COMMIT, or with a
    failure in it. While a transaction is under way jobs queue up, and the next one takes them all (up to `MAX_BATCH`):
    the busier, the larger the batches.
    """

    def __init__(
        self,
        database: Database,
        open_batch: Callable[[Sequence[Job], IdBlocks], BatchT],
        done: Callable[[BatchT], None],
        *,
        max_queue: int = MAX_QUEUE,
        failpoint: Failpoint = pass_by,
    ) -> None:
        self._database = database
        self._open_batch = open_batch
        self._done = done
        self._max_queue = max_queue
        self._failpoint = failpoint
        self._queue: deque[Job] = deque()
        self._wake = threading.Condition()
        self._stopping = False
        self._asleep = False
        self._healthy = True
        self.batches = 0
        """Transactions committed so far."""
        self.jobs = 0
        """Jobs in them."""
        self._ids = IdBlocks()
        self._connection: sa.Connection | None = None
        self._in_doubt = False
        """Whether a COMMIT was sent whose reply has not come."""
        self._thread = threading.Thread(target=self._loop, name="bihak-writer", daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def healthy(self) -> bool:
        """Whether the latest transaction reached the database."""
        return self._healthy

    @property
    def queue_length(self) -> int:
        """Jobs that wait for the next transaction."""
        return len(self._queue)

    def submit(self, job: Job) -> None:
        """Queues `job`; never blocks. Raises Unavailable when the queue is full or the writer has stopped."""
        if self._stopping or len(self._queue) >= self._max_queue:
            raise Unavailable("The server has too much to write just now; try again.", retry_after=1.0)
        self._queue.append(job)
        if self._asleep:  # taking the lock for every job would cost more than the rest of this
            with self._wake:
                self._asleep = False  # it is woken once, however many jobs come before it runs
                self._wake.notify()

    def stop(self, timeout_s: float) -> bool:
        """Finishes what is queued, then ends the thread. Blocks; False if that took longer than `timeout_s`."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        if self._thread.is_alive():
            return False
        if leftovers := self._take_all():  # came in while the thread ended
            self._refuse(leftovers)
        return True

    def _loop(self) -> None:
        while jobs := self._take():
            self._serve(jobs)
        try:
            self._ids.give_back(self._connect())
        except sa.exc.SQLAlchemyError as fault:
            log.debug("ids not given back", error=_one_line(fault))
        self._disconnect()

    def _take(self) -> list[Job]:
        if not self._queue:
            with self._wake:
                self._asleep = True  # before the queue is looked at again: whoever appends then wakes us
                while not self._queue and not self._stopping:
                    self._wake.wait()
                    self._asleep = not self._queue
                self._asleep = False
        return [self._queue.popleft() for _ in range(min(len(self._queue), MAX_BATCH))]

    def _serve(self, jobs: list[Job]) -> bool:
        """Answers every one of `jobs`. False: the database was out of reach, and what came later must fail as well."""
        batch = self._open_batch(jobs, self._ids)
        try:
            self._commit(batch)
        except Exception as fault:  # whatever it is, every job gets its answer
            if self._is_transient(fault):
                self._healthy = False
                log.warning("database unavailable", jobs=len(jobs), error=_one_line(fault))
                self._refuse(jobs + self._take_all())
                return False
            if len(jobs) > 1:
                # One job broke the transaction in a way nobody foresaw. Alone, only that one fails.
                # Its class alone: what a database says of a value may be what somebody wrote.
                log.warning("batch failed, its jobs are run one by one", jobs=len(jobs), error=type(fault).__name__)
                return self._serve_one_by_one(jobs)
            error = Internal()
            log.error("error", error_id=error.error_id, exc_info=fault)
            batch.fail(error)
        self._healthy = True
        self.batches += 1
        self.jobs += len(jobs)
        self._done(batch)
        return True

    def _serve_one_by_one(self, jobs: list[Job]) -> bool:
        for at, job in enumerate(jobs):
            if not self._serve([job]):
                self._refuse(jobs[at + 1 :])
                return False
        return True

    def _refuse(self, jobs: list[Job]) -> None:
        """Fails `jobs` together: one that went through would overtake those before it when they are sent again."""
        batch = self._open_batch(jobs, self._ids)
        batch.fail(Unavailable("The database cannot be reached just now; send it again.", retry_after=1.0))
        self._done(batch)

    def _take_all(self) -> list[Job]:
        return [self._queue.popleft() for _ in range(len(self._queue))]

    def _commit(self, batch: BatchT) -> None:
        """Runs `batch` in a transaction, again after transient faults. Raises what could not be mended."""
        self._in_doubt = False
        attempts = RETRY_ATTEMPTS if self._healthy else 1  # while the database is away, say so soon
        for attempt in stamina.retry_context(
            on=self._is_transient, attempts=attempts, timeout=RETRY_FOR_S, wait_initial=0.02, wait_max=1.5
        ):
            with attempt:
                try:
                    connection = self._connect()
                    if self._in_doubt:
                        with connection.begin():
                            if batch.was_committed(connection):
                                return
                        self._in_doubt = False
                    self._ids.refill(connection)
                    try:
                        self._run(connection, batch)
                    except sa.exc.IntegrityError:
                        if not batch.take_care():
                            raise
                        connection.rollback()
                        connection.connection.rollback()  # SQLAlchemy takes a COMMIT that failed for an end
                        self._run(connection, batch)
                    self._failpoint("after_commit")
                except Exception:
                    self._disconnect()
                    raise

    def _run(self, connection: sa.Connection, batch: BatchT) -> None:
        with connection.begin() as transaction:
            batch.run(connection)
            self._failpoint("before_commit")
            self._in_doubt = True
            try:
                transaction.commit()
            except sa.exc.IntegrityError:
                self._in_doubt = False  # a statement that came with the COMMIT was refused
                raise
            self._in_doubt = False

    def _connect(self) -> sa.Connection:
        if self._connection is None:
            self._connection = self._database.writer_engine.connect()
        return self._connection

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        try:
            connection.invalidate()  # after a fault nobody knows its state
            connection.close()
        except sa.exc.SQLAlchemyError as fault:
            log.debug("closing a broken connection failed", error=_one_line(fault))

    def _is_transient(self, fault: Exception) -> bool:
        return self._database.dialect.is_transient(fault)


def _one_line(fault: Exception) -> str:
    return str(getattr(fault, "orig", None) or fault).replace("\n", " ")
