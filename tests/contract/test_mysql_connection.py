"""Our own short cuts over PyMySQL: the last statements go with the COMMIT, and texts are read in few steps."""

import select
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from bihak.storage import mysql_connection
from bihak.storage.mysql import open_mysql
from bihak.storage.statement import run, run_at_commit, run_texts
from tests.servers import MariaDb


@pytest.fixture
def connection(mariadb: MariaDb) -> Iterator[sa.Connection]:
    database = open_mysql(sa.make_url(mariadb.url(mariadb.create_database())), accept_unsafe=False)
    with database.writer_engine.connect() as opened:
        with opened.begin():
            run(opened, "CREATE TABLE words (id INT PRIMARY KEY, word VARCHAR(20) NOT NULL)")
        yield opened
        opened.invalidate()
    database.close()


@pytest.fixture
def long_packets(mariadb: MariaDb) -> Iterator[None]:
    """Connections opened meanwhile may have packets that go on in the next one."""
    with mariadb.connect() as other, other.cursor() as cursor:
        cursor.execute("SET GLOBAL max_allowed_packet = 4 * 16777216")
        yield
        cursor.execute("SET GLOBAL max_allowed_packet = 16777216")


def stored(connection: sa.Connection) -> list[tuple[int, str]]:
    with connection.begin():
        return list(run(connection, "SELECT id, word FROM words ORDER BY id"))


def test_they_are_stored_in_their_order_whatever_they_say(connection: sa.Connection) -> None:
    with connection.begin():
        run_at_commit(connection, "INSERT INTO words VALUES (1, %s)", ["one; '--\\ %s"])
        run_at_commit(connection, "UPDATE words SET word = CONCAT(word, '!') WHERE id = 1")
        assert run(connection, "SELECT COUNT(*) FROM words")[0][0] == 0
    assert stored(connection) == [(1, "one; '--\\ %s!")]


@pytest.mark.parametrize("bad", [0, 1])
def test_one_that_is_refused_takes_the_whole_transaction_with_it(connection: sa.Connection, bad: int) -> None:
    with connection.begin():
        run(connection, "INSERT INTO words VALUES (1, 'one')")
    statements = ["INSERT INTO words VALUES (3, 'three')"]
    statements.insert(bad, "INSERT INTO words VALUES (1, 'again')")
    transaction = connection.begin()
    run(connection, "INSERT INTO words VALUES (2, 'two')")
    for statement in statements:
        run_at_commit(connection, statement)
    with pytest.raises(sa.exc.IntegrityError):
        transaction.commit()
    connection.rollback()
    connection.connection.rollback()
    assert stored(connection) == [(1, "one")]


def test_what_was_rolled_back_does_not_come_with_the_next_commit(connection: sa.Connection) -> None:
    transaction = connection.begin()
    run_at_commit(connection, "INSERT INTO words VALUES (1, 'one')")
    transaction.rollback()
    with connection.begin():
        run(connection, "INSERT INTO words VALUES (2, 'two')")
    assert stored(connection) == [(2, "two")]


def test_the_answers_to_a_commit_are_read_in_one_step(
    connection: sa.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mysql_connection, "AWAIT_MS", 60_000)
    waits: list[list[tuple[int, int]]] = []

    class Poll:
        def __init__(self) -> None:
            self._poll = poll()
            self.register = self._poll.register

        def poll(self, patience_ms: float) -> None:
            waits.append(self._poll.poll(patience_ms))

    poll = select.poll
    ours: Any = connection.connection.dbapi_connection
    steps: list[int] = []
    read1 = ours._rfile.read1

    def count(size: int = -1) -> bytes:
        read: bytes = read1(size)
        steps.append(len(read))
        return read

    with connection.begin():
        for number in range(5):
            run_at_commit(connection, f"INSERT INTO words VALUES ({number}, 'word')")
            run_at_commit(connection, "DO SLEEP(0.01)")
        monkeypatch.setattr(ours._rfile, "read1", count)
        monkeypatch.setattr(select, "poll", Poll)
    assert (len(steps), list(map(len, waits))) == (1, [1]), "all was there when it woke up, and it was not given up"
    assert len(stored(connection)) == 5


def test_a_refusal_that_is_shorter_than_the_answers_is_heard_all_the_same(connection: sa.Connection) -> None:
    transaction = connection.begin()
    for number in range(5):
        run_at_commit(connection, f"INSERT INTO words VALUES ({number}, 'word')")
    run_at_commit(connection, "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no'")
    with pytest.raises(sa.exc.OperationalError, match="no"):
        transaction.commit()
    connection.rollback()
    connection.connection.rollback()
    assert stored(connection) == []


@pytest.mark.parametrize("count", [0, 1, 3, 1000])
def test_texts_are_read_as_the_driver_reads_them(connection: sa.Connection, count: int) -> None:
    sql = f"SELECT CONCAT(seq, ' Kigali \U0001f98d') FROM seq_1_to_1000 WHERE seq <= {count}"
    assert run_texts(connection, sql) == [(f"{number} Kigali \U0001f98d",) for number in range(1, count + 1)]
    assert list(run(connection, sql)) == run_texts(connection, sql)


@pytest.mark.parametrize("size", [0, 1, 250, 251, 65_535, 65_536, 100_000, 0xFFFFFF - 4, 0xFFFFFF, 20_000_000])
def test_texts_of_all_lengths_are_whole(long_packets: None, connection: sa.Connection, size: int) -> None:
    found = run_texts(connection, f"SELECT REPEAT('x', {size}) UNION ALL SELECT NULL UNION ALL SELECT 'last'")
    assert [None if text is None else len(text) for (text,) in found] == [size, None, 4]
    assert found[-1] == ("last",)


def test_a_query_that_is_wrong_raises_what_it_would_raise_otherwise_and_the_next_one_works(
    connection: sa.Connection,
) -> None:
    with pytest.raises(sa.exc.ProgrammingError, match="no_such_table") as fault:
        run_texts(connection, "SELECT word FROM no_such_table")
    with pytest.raises(sa.exc.ProgrammingError) as plain:
        run(connection, "SELECT word FROM no_such_table")
    assert fault.value.orig is not None
    assert plain.value.orig is not None
    assert fault.value.orig.args == plain.value.orig.args
    # This one fails after its first row: the second does not fit into a number.
    with pytest.raises(sa.exc.OperationalError, match="out of range"):
        run_texts(connection, "SELECT CONCAT(EXP(700 * seq)) FROM seq_1_to_9")
    assert run_texts(connection, "SELECT 'fine'") == [("fine",)]


@pytest.mark.parametrize("sql", ["SELECT 'two', 'columns'", "UPDATE words SET word = 'no rows'"])
def test_what_is_no_column_of_texts_ends_the_connection(connection: sa.Connection, sql: str) -> None:
    with pytest.raises(sa.exc.OperationalError, match="Out of Sync"):
        run_texts(connection, sql)
    with pytest.raises(sa.exc.InterfaceError):
        run(connection, "SELECT 1")


@pytest.mark.parametrize("at_commit", [True, False])
def test_a_connection_that_was_cut_is_lost_as_the_driver_would_say(
    mariadb: MariaDb, connection: sa.Connection, at_commit: bool
) -> None:
    transaction = connection.begin()
    number = run(connection, "SELECT CONNECTION_ID()")[0][0]
    run_at_commit(connection, "INSERT INTO words VALUES (1, 'one')")
    with mariadb.connect() as other, other.cursor() as cursor:
        cursor.execute(f"KILL {number}")
    with pytest.raises(sa.exc.OperationalError) as lost:
        transaction.commit() if at_commit else run_texts(connection, "SELECT 'too late'")
    assert lost.value.orig is not None
    assert lost.value.orig.args[0] in (1927, 2006, 2013)
