"""One thread with one connection to the database: what it is handed is stored once, or answered with what is wrong."""

import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Generic, Protocol, TypeVar

import sqlalchemy as sa
import stamina
import structlog

from bihak.errors import ChatError, Internal, Unavailable
from bihak.failpoints import Failpoint
from bihak.storage.dialect import Database
from bihak.storage.ids import IdBlocks

log = structlog.stdlib.get_logger("bihak.storage")

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

    @property
    def is_in_doubt(self) -> bool:
        """Whether a `run` may be in the database without anybody knowing."""
        ...

    def take_care(self) -> bool:
        """The database refused what the latest `run` did: whether another one, which tries less at once, may do."""
        ...

    def doubt(self) -> None:
        """The COMMIT of the latest `run` was sent, and no answer came that says what became of it."""
        ...

    def was_committed(self, connection: sa.Connection) -> bool:
        """Whether a `run` that is in doubt is in the database; then its answers are the batch's.

        If not, none of them ever will be, once a further `run` is committed in this same transaction.
        """
        ...

    def fail(self, error: ChatError) -> None:
        """Makes `error` the answer to every job: nothing of the batch is stored, as far as anybody knows."""
        ...


BatchT = TypeVar("BatchT", bound=Batch)


class Source(Protocol[Job]):
    """Where a committer's jobs come from."""

    healthy: bool
    """Whether the latest transaction, of whichever committer, reached the database."""

    def take(self, committer: "Committer[Any, Any]") -> list[Job]:
        """The jobs of its next transaction; blocks until there are some. Empty: it has to end."""
        ...

    def take_all(self) -> list[Job]:
        """What waits."""
        ...


class Committer(Generic[Job, BatchT]):
    """Runs the jobs that `source` hands it, each list in one transaction.

    `open_batch` makes a batch of jobs. `done` gets each batch, on this thread, after its COMMIT, or with a failure in
    it.
    """

    def __init__(
        self,
        number: int,
        source: Source[Job],
        database: Database,
        ids: IdBlocks,
        open_batch: Callable[[Sequence[Job], IdBlocks], BatchT],
        done: Callable[[BatchT], None],
        failpoint: Failpoint,
    ) -> None:
        self._source = source
        self._database = database
        self._ids = ids
        self._open_batch = open_batch
        self._done = done
        self._failpoint = failpoint
        self.batches = 0
        """Transactions committed so far."""
        self.jobs = 0
        """Jobs in them."""
        self.seconds = 0.0
        """How long all of its transactions took, those that failed as well."""
        self._connection: sa.Connection | None = None
        self.thread = threading.Thread(target=self._loop, name=f"bihak-writer-{number}", daemon=True)

    def _loop(self) -> None:
        while jobs := self._source.take(self):
            self._serve(jobs)
        self._disconnect()

    def _serve(self, jobs: list[Job]) -> bool:
        """Answers every one of `jobs`. False: the database was out of reach, and what came later must fail as well."""
        batch, began = self._open_batch(jobs, self._ids), time.perf_counter()
        try:
            try:
                self._commit(batch)
            finally:
                self.seconds += time.perf_counter() - began
        except Exception as fault:  # whatever it is, every job gets its answer
            if self._may_pass(batch, fault):
                self._source.healthy = False
                log.warning("database unavailable", jobs=len(jobs), error=_one_line(fault))
                self.refuse(jobs + self._source.take_all())
                return False
            if len(jobs) > 1:
                # One job broke the transaction in a way nobody foresaw. Alone, only that one fails.
                # Its class alone: what a database says of a value may be what somebody wrote.
                log.warning("batch failed, its jobs are run one by one", jobs=len(jobs), error=type(fault).__name__)
                return self._serve_one_by_one(jobs)
            error = Internal()
            log.error("error", error_id=error.error_id, exc_info=fault)
            batch.fail(error)
        self._source.healthy = True
        self.batches += 1
        self.jobs += len(jobs)
        self._done(batch)
        return True

    def _serve_one_by_one(self, jobs: list[Job]) -> bool:
        for at, job in enumerate(jobs):
            if not self._serve([job]):
                self.refuse(jobs[at + 1 :])
                return False
        return True

    def refuse(self, jobs: Sequence[Job]) -> None:
        """Fails `jobs` together: one that went through would overtake those before it when they are sent again."""
        batch = self._open_batch(jobs, self._ids)
        batch.fail(Unavailable("The database cannot be reached just now; send it again.", retry_after=1.0))
        self._done(batch)

    def _commit(self, batch: BatchT) -> None:
        """Runs `batch` in a transaction, again after transient faults. Raises what could not be mended."""
        try:
            self._try(batch)
        except Exception as fault:
            # While the database is away, say so soon.
            if not self._may_pass(batch, fault) or not self._source.healthy:
                raise
        else:
            return
        # Made here, because it costs as much as a small transaction and leaves garbage in cycles.
        may_pass = partial(self._may_pass, batch)
        for attempt in stamina.retry_context(
            on=may_pass, attempts=RETRY_ATTEMPTS - 1, timeout=RETRY_FOR_S, wait_initial=0.02, wait_max=1.5
        ):
            with attempt:
                self._try(batch)

    def _try(self, batch: BatchT) -> None:
        try:
            connection = self._connect()
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
            if batch.was_committed(connection):
                return
            batch.run(connection)
            self._failpoint("before_commit")
            try:
                transaction.commit()
            except sa.exc.IntegrityError:
                raise  # a statement that came with the COMMIT was refused: there is nothing to doubt
            except Exception:
                batch.doubt()
                raise

    def give_back_ids(self) -> None:
        """On this thread, when no other committer takes ids any more."""
        try:
            self._ids.give_back(self._connect())
        except sa.exc.SQLAlchemyError as fault:
            log.debug("ids not given back", error=_one_line(fault))

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

    def _may_pass(self, batch: BatchT, fault: Exception) -> bool:
        """Whether to try again. Who is in doubt must, whatever is wrong: other batches would know nothing of that."""
        return batch.is_in_doubt or self._database.dialect.is_transient(fault)


def _one_line(fault: Exception) -> str:
    return str(getattr(fault, "orig", None) or fault).replace("\n", " ")
