"""What a writer promises, on each database: order, one answer for each job, and nothing stored twice or lost."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
import sqlalchemy as sa
import stamina

from bihak.errors import ChatError, Conflict, Internal, Unavailable
from bihak.storage.dialect import Database, TransientFault
from bihak.storage.ids import IdBlocks
from bihak.storage.writer import MAX_BATCH, Writer
from tests.harness import Place

rows = sa.Table(
    "contract_rows",
    sa.MetaData(),
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("word", sa.String(100), unique=True),
    mysql_engine="InnoDB",
    mariadb_engine="InnoDB",
)


@dataclass(eq=False)
class Job:
    """Stores a word."""

    word: str
    before: Callable[[sa.Connection], None] = lambda _connection: None
    """Called inside the transaction, each time it is tried."""
    answers: list[str | ChatError] = field(default_factory=list)
    """What came of it; a job has exactly one answer in the end."""
    outcome: str | ChatError | None = None


class Batch:
    """Implements the writer's `Batch`: a word that is there already is its own job's failure."""

    def __init__(self, jobs: Sequence[Job], ids: IdBlocks) -> None:
        self.jobs = jobs
        self._ids = ids
        self._last_id = 0

    def run(self, connection: sa.Connection) -> None:
        for job in self.jobs:
            job.outcome = None
        for job in self.jobs:
            job.before(connection)
            row_id = self._ids.take("messages")
            try:
                with connection.begin_nested():
                    connection.execute(rows.insert().values(id=row_id, word=job.word))
            except sa.exc.IntegrityError:
                job.outcome = Conflict()
            else:
                job.outcome = job.word
                self._last_id = row_id

    def take_care(self) -> bool:
        return False

    def was_committed(self, connection: sa.Connection) -> bool:
        return connection.execute(sa.select(rows.c.id).where(rows.c.id == self._last_id)).first() is not None

    def fail(self, error: ChatError) -> None:
        for job in self.jobs:
            job.outcome = error


class Desk:
    """A writer, and who waits for its answers."""

    def __init__(self, database: Database, *, max_queue: int = 1000) -> None:
        self.database = database
        self.order: list[Job] = []
        self._answered = threading.Condition()
        self.writer: Writer[Job, Batch] = Writer(database, Batch, self._done, max_queue=max_queue)

    def _done(self, batch: Batch) -> None:
        with self._answered:
            for job in batch.jobs:
                assert job.outcome is not None
                job.answers.append(job.outcome)
                self.order.append(job)
            self._answered.notify_all()

    def submit(self, *jobs: Job) -> None:
        for job in jobs:
            self.writer.submit(job)

    def wait_for(self, *jobs: Job) -> list[str | ChatError]:
        """The one answer of each."""
        with self._answered:
            self._answered.wait_for(lambda: all(job.answers for job in jobs))
        return [job.answers[0] for job in jobs]

    def write(self, *words: str) -> list[str | ChatError]:
        jobs = [Job(word) for word in words]
        self.submit(*jobs)
        return self.wait_for(*jobs)

    @contextmanager
    def held_up(self) -> Iterator[None]:
        """Inside, the writer is in the middle of a transaction; what is submitted waits in its queue."""
        inside, go_on = threading.Event(), threading.Event()

        def wait(_connection: sa.Connection) -> None:
            inside.set()
            go_on.wait()

        job = Job("held up", wait)
        self.submit(job)
        inside.wait()
        try:
            yield
        finally:
            go_on.set()
            self.wait_for(job)

    def stored(self) -> list[str]:
        with self.database.reader_engine.connect() as connection, connection.begin():
            return list(connection.execute(sa.select(rows.c.word).order_by(rows.c.id)).scalars())


@pytest.fixture
def desk(place: Place) -> Iterator[Desk]:
    (database,) = place.handles(1)
    with database.writer_engine.begin() as connection:
        rows.create(connection)
    made = Desk(database)
    made.writer.start()
    yield made
    assert made.writer.stop(30.0)
    with database.writer_engine.begin() as connection:
        rows.drop(connection)


@pytest.fixture
def soon() -> Iterator[None]:
    """Two attempts without a pause, in place of many with pauses."""
    stamina.set_testing(True, attempts=2)
    yield
    stamina.set_testing(False)


def words(count: int) -> list[str]:
    return [f"word {number:04}" for number in range(count)]


def test_what_is_queued_meanwhile_is_one_transaction_in_order(desk: Desk) -> None:
    jobs = [Job(word) for word in words(100)]
    with desk.held_up():
        desk.submit(*jobs)
        assert desk.writer.queue_length == 100
    desk.wait_for(*jobs)
    assert (desk.writer.batches, desk.writer.jobs) == (2, 101)
    assert desk.order[1:] == jobs
    assert desk.stored() == ["held up", *words(100)]
    assert all(len(job.answers) == 1 for job in jobs)


def test_a_transaction_has_a_bounded_number_of_jobs(desk: Desk) -> None:
    jobs = [Job(word) for word in words(2 * MAX_BATCH + 1)]
    with desk.held_up():
        desk.submit(*jobs)
    desk.wait_for(*jobs)
    assert desk.writer.batches == 1 + -(-len(jobs) // MAX_BATCH)
    assert desk.order[1:] == jobs


def test_a_job_that_breaks_a_constraint_is_answered_alone(desk: Desk) -> None:
    with desk.held_up():
        jobs = [Job(word) for word in ("one", "two", "one", "three", "held up")]
        desk.submit(*jobs)
    answers = desk.wait_for(*jobs)
    assert [answer if isinstance(answer, str) else answer.code for answer in answers] == [
        "one",
        "two",
        "conflict",
        "three",
        "conflict",
    ]
    assert desk.stored() == ["held up", "one", "two", "three"]
    assert desk.writer.batches == 2


def test_a_job_that_breaks_in_a_way_nobody_foresaw_is_answered_alone(desk: Desk) -> None:
    def fail(_connection: sa.Connection) -> None:
        raise ZeroDivisionError

    def fail_in_sql(connection: sa.Connection) -> None:
        connection.exec_driver_sql("SELECT nonsense FROM nowhere")

    with desk.held_up():
        jobs = [Job("one"), Job("bad", fail), Job("two"), Job("worse", fail_in_sql), Job("three")]
        desk.submit(*jobs)
    answers = desk.wait_for(*jobs)
    assert [answer if isinstance(answer, str) else answer.code for answer in answers] == [
        "one",
        "internal",
        "two",
        "internal",
        "three",
    ]
    assert isinstance(answers[1], Internal)
    assert "ZeroDivision" not in answers[1].message
    assert desk.stored() == ["held up", "one", "two", "three"]
    assert all(len(job.answers) == 1 for job in jobs)
    assert desk.write("later") == ["later"]


def once(act: Callable[[sa.Connection], None]) -> Callable[[sa.Connection], None]:
    """`act`, at the first try alone."""
    tries: list[int] = []

    def first_time(connection: sa.Connection) -> None:
        tries.append(1)
        if len(tries) == 1:
            act(connection)

    return first_time


def break_connection(desk: Desk) -> Callable[[sa.Connection], None]:
    """A transient fault as the database itself makes it: a lost connection, or a full disk where there is none."""

    def break_it(connection: sa.Connection) -> None:
        if connection.dialect.name == "sqlite":
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
            connection.exec_driver_sql("CREATE TABLE too_much AS SELECT zeroblob(10000000) AS bytes")
        else:
            number = connection.exec_driver_sql("SELECT CONNECTION_ID()").scalar_one()
            with desk.database.reader_engine.connect() as other:
                other.exec_driver_sql(f"KILL {number}")
            connection.exec_driver_sql("SELECT 1")

    return once(break_it)


def test_a_transient_fault_is_tried_again_and_nobody_notices(desk: Desk) -> None:
    with desk.held_up():
        jobs = [Job("one"), Job("two", break_connection(desk)), Job("three")]
        desk.submit(*jobs)
    assert desk.wait_for(*jobs) == ["one", "two", "three"]
    assert desk.stored() == ["held up", "one", "two", "three"]
    assert all(len(job.answers) == 1 for job in jobs)
    assert desk.writer.healthy


@contextmanager
def commit_in_doubt(desk: Desk, *, is_committed: bool) -> Iterator[list[int]]:
    """Inside, the reply to the next COMMIT is lost, whether or not it was carried out."""
    lost: list[int] = []

    def lose(connection: sa.Connection) -> None:
        if lost:
            return
        lost.append(1)
        if is_committed:
            connection.exec_driver_sql("COMMIT")
        raise TransientFault("the connection was lost during COMMIT")

    sa.event.listen(desk.database.writer_engine, "commit", lose)
    try:
        yield lost
    finally:
        sa.event.remove(desk.database.writer_engine, "commit", lose)


@pytest.mark.parametrize("is_committed", [True, False], ids=["committed", "not committed"])
def test_a_commit_whose_reply_is_lost_is_neither_doubled_nor_lost(desk: Desk, is_committed: bool) -> None:
    assert desk.write("before") == ["before"]  # ids are reserved: the next COMMIT is the batch's own
    with commit_in_doubt(desk, is_committed=is_committed) as lost:
        assert desk.write("one", "two") == ["one", "two"]
    assert lost
    assert desk.stored() == ["before", "one", "two"]


def test_a_full_queue_refuses_and_takes_again_when_there_is_room(place: Place) -> None:
    (database,) = place.handles(1)
    with database.writer_engine.begin() as connection:
        rows.create(connection)
    desk = Desk(database, max_queue=5)
    desk.writer.start()
    try:
        jobs = [Job(word) for word in words(5)]
        with desk.held_up():
            desk.submit(*jobs)
            with pytest.raises(Unavailable) as refused:
                desk.submit(Job("one too many"))
            assert refused.value.retryable
        desk.wait_for(*jobs)
        assert desk.write("again") == ["again"]
        assert "one too many" not in desk.stored()
    finally:
        desk.writer.stop(30.0)
        with database.writer_engine.begin() as connection:
            rows.drop(connection)


@pytest.mark.usefixtures("soon")
def test_while_the_database_is_away_everything_queued_fails_together(desk: Desk) -> None:
    def away(_connection: sa.Connection) -> None:
        raise TransientFault("away")

    later = [Job("later one"), Job("later two")]

    def away_while_others_come(connection: sa.Connection) -> None:
        if not any(job in desk.writer._queue for job in later):
            desk.submit(*later)
        away(connection)

    jobs = [Job("one"), Job("two", away_while_others_come)]
    with desk.held_up():
        desk.submit(*jobs)
    answers = desk.wait_for(*jobs, *later)
    assert all(isinstance(answer, Unavailable) and answer.retryable for answer in answers)
    assert not desk.writer.healthy
    assert desk.stored() == ["held up"]
    assert desk.order[1:] == [*jobs, *later]
    assert desk.write("back") == ["back"]
    assert desk.writer.healthy


def test_stopping_finishes_what_is_queued_and_refuses_what_comes_later(desk: Desk) -> None:
    jobs = [Job(word) for word in words(20)]
    with desk.held_up():
        desk.submit(*jobs)
        stopper = threading.Thread(target=desk.writer.stop, args=(30.0,))
        stopper.start()
        while not desk.writer._stopping:
            pass
        with pytest.raises(Unavailable):
            desk.submit(Job("too late"))
    stopper.join()
    assert [job.answers for job in jobs] == [[word] for word in words(20)]
