"""The last statements of a transaction go with its COMMIT."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from bihak.storage.mysql import open_mysql
from bihak.storage.statement import run, run_at_commit
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
