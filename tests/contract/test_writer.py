"""What a writer promises, on each database: order, one answer for each job, and nothing stored twice or lost."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest
import sqlalchemy as sa
import stamina

from bihak.errors import ChatError, Conflict, Internal, Unavailable
from bihak.storage.dialect import Database, TransientFault
from bihak.storage.ids import IdBlocks
from bihak.storage.writer import BACKGROUND, FEW, MANY, MAX_BATCH, Writer
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
        self._doubtful_ids: list[int] = []

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

    @property
    def is_in_doubt(self) -> bool:
        return bool(self._doubtful_ids)

    def doubt(self) -> None:
        self._doubtful_ids.append(self._last_id)

    def was_committed(self, connection: sa.Connection) -> bool:
        if not self._doubtful_ids:
            return False
        return connection.execute(sa.select(rows.c.id).where(rows.c.id.in_(self._doubtful_ids))).first() is not None

    def fail(self, error: ChatError) -> None:
        for job in self.jobs:
            job.outcome = error


class Desk:
    """A writer, and who waits for its answers."""

    def __init__(self, database: Database, **options: Any) -> None:
        self.database = database
        self.order: list[Job] = []
        self._answered = threading.Condition()
        self.writer: Writer[Job, Batch] = Writer(database, Batch, self._done, **options)

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


DeskT = TypeVar("DeskT", bound="Desk")


@contextmanager
def opened(desk: DeskT) -> Iterator[DeskT]:
    with desk.database.writer_engine.begin() as connection:
        rows.create(connection)
    desk.writer.start()
    yield desk
    assert desk.writer.stop(30.0)
    with desk.database.writer_engine.begin() as connection:
        rows.drop(connection)


@pytest.fixture
def desk(place: Place) -> Iterator[Desk]:
    (database,) = place.handles(1)
    with opened(Desk(database)) as made:
        yield made


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
    with opened(Desk(database, max_queue=5)) as desk:
        jobs = [Job(word) for word in words(5)]
        with desk.held_up():
            desk.submit(*jobs)
            with pytest.raises(Unavailable) as refused:
                desk.submit(Job("one too many"))
            assert refused.value.retryable
        desk.wait_for(*jobs)
        assert desk.write("again") == ["again"]
        assert "one too many" not in desk.stored()


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


# Two transactions at once


@dataclass(eq=False)
class Claiming(Job):
    """A job that says what it needs to itself."""

    claims: tuple[object, ...] = ()


class Claims(Desk):
    """A writer whose jobs go into two transactions where the database lets them."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, claims=lambda job: job.claims if isinstance(job, Claiming) else ())

    @contextmanager
    def busy(self, *words: str, claims: Sequence[object] = ()) -> Iterator[None]:
        """Inside, one transaction is under way, with these jobs, of which each has these claims."""
        inside, go_on = threading.Event(), threading.Event()

        def wait(_connection: sa.Connection) -> None:
            inside.set()
            assert go_on.wait(30.0)

        jobs = [Claiming(word, wait if word == words[-1] else lambda _: None, claims=tuple(claims)) for word in words]
        self.submit_together(*jobs)
        assert inside.wait(30.0)
        try:
            yield
        finally:
            go_on.set()
            self.wait_for(*jobs)

    def submit_together(self, *jobs: Job) -> None:
        """They are in the queue before anybody looks."""
        with self.writer._wake:
            self.submit(*jobs)


@pytest.fixture
def two(mariadb_place: Place) -> Iterator[Claims]:
    (database,) = mariadb_place.handles(1)
    with opened(Claims(database)) as desk:
        yield desk


def test_what_comes_beside_a_small_transaction_need_not_wait_for_it(two: Claims) -> None:
    with two.busy("first"):
        assert two.write("second") == ["second"]
        assert two.stored() == ["second"]
    assert sorted(two.stored()) == ["first", "second"]
    assert (two.writer.batches, two.writer.jobs) == (2, 2)


def test_jobs_with_a_claim_in_common_wait_for_each_other_and_keep_their_order(two: Claims) -> None:
    alike = [Claiming("alike 1", claims=("a",)), Claiming("alike 2", claims=("b", "a")), Claiming("3", claims=("b",))]
    other = Claiming("other", claims=("c",))
    with two.busy("first", claims=["a"]):
        two.submit(*alike, other)
        two.wait_for(other)
        # The last of them needs nothing that the first transaction has, but follows one that does.
        assert two.stored() == ["other"]
        assert two.writer.queue_length == 3
    two.wait_for(*alike)
    assert [job.word for job in two.order] == ["other", "first", "alike 1", "alike 2", "3"]


def test_beside_a_larger_transaction_others_wait_until_they_are_many(two: Claims) -> None:
    jobs = [Claiming(word) for word in words(MANY)]
    with two.busy(*(f"large {number}" for number in range(FEW + 1))):
        two.submit(*jobs[:-1])
        while two.writer._is_waking:
            pass  # until somebody who was woken has looked
        assert two.writer.queue_length == MANY - 1
        two.submit(jobs[-1])
        two.wait_for(*jobs)
        assert two.stored() == words(MANY)
    assert two.writer.batches == 2


def test_beside_what_the_server_does_by_itself_nobody_waits(two: Claims) -> None:
    with two.busy(*(f"large {number}" for number in range(FEW + 1)), claims=[BACKGROUND]):
        more = Claiming("more of it", claims=(BACKGROUND,))
        two.submit(more)
        assert two.write("message") == ["message"]
        assert two.stored() == ["message"]
        assert not more.answers
    two.wait_for(more)


def test_where_little_is_said_it_does_not_share_a_transaction_with_the_servers_own_work(two: Claims) -> None:
    own, message = Claiming("own", claims=(BACKGROUND,)), Claiming("message")
    two.submit_together(own, message)
    two.wait_for(own, message)
    assert two.writer.batches == 2
    many = [Claiming(word, claims=() if at else (BACKGROUND,)) for at, word in enumerate(words(FEW + 2))]
    two.submit_together(*many)
    two.wait_for(*many)
    assert two.writer.batches == 3


def test_the_servers_own_work_is_not_put_off_for_ever(mariadb_place: Place) -> None:
    (database,) = mariadb_place.handles(1)
    desk = Claims(database)  # whose threads are this one
    own = Claiming("own", claims=(BACKGROUND,))
    desk.submit(own)
    taken: list[Job] = []
    while own not in taken:
        desk.submit(Claiming("message"))
        taken += desk.writer.take(desk.writer._committers[0])
        assert len(taken) < 50
    assert len(taken) > 5


@pytest.mark.usefixtures("soon")
def test_while_one_transaction_cannot_reach_the_database_what_waits_for_it_fails_with_it(two: Claims) -> None:
    follower = Claiming("follower", claims=("a",))

    def away(_connection: sa.Connection) -> None:
        if not follower.answers and follower not in two.writer._queue:
            two.submit(follower)
        raise TransientFault("away")

    first = Claiming("first", away, claims=("a",))
    with two.busy("beside", claims=["b"]):
        two.submit(first)
        answers = two.wait_for(first, follower)
    assert all(isinstance(answer, Unavailable) for answer in answers)
    assert two.stored() == ["beside"]
    assert two.write("back") == ["back"]


def test_no_job_is_lost_or_answered_twice_however_many_come_at_once(two: Claims) -> None:
    jobs = [[Claiming(f"{thread} {at}", claims=(at % 7, thread)) for at in range(300)] for thread in range(4)]

    def send(some: Sequence[Claiming]) -> None:
        for job in some:
            two.submit(job)
            if job.word.endswith("0"):
                two.wait_for(job)

    threads = [threading.Thread(target=send, args=(some,)) for some in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    everything = [job for some in jobs for job in some]
    assert two.wait_for(*everything) == [job.word for job in everything]
    assert all(len(job.answers) == 1 for job in everything)
    for some in jobs:  # each thread's own claim keeps them in order
        assert [job for job in two.order if job in some] == some
    assert two.writer.is_idle


def test_stopping_waits_for_both(two: Claims) -> None:
    later = Claiming("later", claims=("a",))
    stopper = threading.Thread(target=two.writer.stop, args=(30.0,))
    with two.busy("first", claims=["a"]), two.busy("second", claims=["b"]):
        two.submit(later)
        stopper.start()
        while not two.writer._stopping:
            pass
        assert stopper.is_alive()
    stopper.join()
    assert later.answers == ["later"]
    assert sorted(two.stored()) == ["first", "later", "second"]
