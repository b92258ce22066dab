"""What a dialect and the readers promise, on each database."""

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import sqlalchemy as sa
import stamina

from bihak.errors import Unavailable
from bihak.storage import readers as readers_module
from bihak.storage.dialect import Database, TransientFault, word
from bihak.storage.migrate import upgrade
from bihak.storage.readers import CROWD, GroupedRead, Readers
from bihak.storage.schema import conversations
from bihak.storage.sqlite import open_sqlite
from bihak.storage.statement import run, run_all
from tests.harness import Place
from tests.waiting import until

CONVERSATION = {"conversation_type": "team", "created_ms": 1}


@pytest.fixture
def database(place: Place) -> Database:
    place.wipe()
    return place.handles(1)[0]


def test_the_clock_is_now_in_milliseconds(database: Database) -> None:
    with database.writer_engine.connect() as connection:
        before = time.time()
        now_ms = connection.exec_driver_sql(f"SELECT {database.dialect.clock_ms}").scalar_one()
        assert isinstance(now_ms, int)
        assert before - 1 <= now_ms / 1000 <= time.time() + 1


def test_the_clock_goes_on_inside_a_transaction(database: Database) -> None:
    sql = f"SELECT {database.dialect.clock_ms}"
    with database.writer_engine.begin() as connection:
        first = connection.exec_driver_sql(sql).scalar_one()
        while connection.exec_driver_sql(sql).scalar_one() == first:
            pass


def test_an_index_is_searched_by_the_time_of_the_statement(database: Database) -> None:
    recent = f"SELECT id, last_seq FROM conversations WHERE changed_ms > {database.dialect.statement_ms} - 1000"
    rows = [{"id": at, "changed_ms": at, **CONVERSATION} for at in range(1, 5000)]
    with database.writer_engine.begin() as connection:
        connection.execute(conversations.insert(), rows)
    explain = "EXPLAIN QUERY PLAN" if connection.dialect.name == "sqlite" else "EXPLAIN"
    with database.reader_engine.begin() as connection:
        now_ms = connection.exec_driver_sql(f"SELECT {database.dialect.statement_ms}").scalar_one()
        assert abs(now_ms / 1000 - time.time()) < 60
        assert "ix_conversations_changed_ms" in str(connection.exec_driver_sql(f"{explain} {recent}").all())


@pytest.mark.parametrize("count", [1, 2, 400])
def test_a_table_of_values_has_the_rows_given(database: Database, count: int) -> None:
    given = [(number, f"text {number}") for number in range(count)]
    written = [f"{number}, '{text}'" for number, text in given]
    sql = f"WITH {database.dialect.values_table('v', ('a', 'b'), written)} SELECT v.a, v.b FROM v ORDER BY v.a"
    with database.reader_engine.begin() as connection:
        found = connection.exec_driver_sql(sql).all()
    assert [tuple(row) for row in found] == given


def test_packed_columns_are_unpacked_again(database: Database) -> None:
    packed = database.dialect.packed(["1", "'two'", str(2**53 - 1)])
    with database.reader_engine.begin() as connection:
        (row,) = run(connection, f"SELECT {packed}")
    assert [str(value) for value in database.dialect.unpack(row)] == ["1", "two", str(2**53 - 1)]


def test_a_bare_statement_fails_as_an_ordinary_one_without_what_was_said(database: Database) -> None:
    rows = [(1, text, 1) for text in ("team", "secret")]
    columns = ("id", "conversation_type", "created_ms")
    first, again = (database.dialect.insert("conversations", columns, [row]) for row in rows)
    ((sql, parameters),) = again
    with database.writer_engine.begin() as connection:
        run_all(connection, first)
        with pytest.raises(sa.exc.IntegrityError) as caught:
            run(connection, sql, parameters)
        assert "secret" not in str(caught.value)
        with pytest.raises(sa.exc.IntegrityError) as caught:
            connection.exec_driver_sql(sql, tuple(parameters))
        assert "secret" not in str(caught.value)


@pytest.mark.parametrize("count", [1, 2, 3, 64, 65, 127, 200])
def test_an_insert_stores_every_row_as_it_is_given(database: Database, count: int) -> None:
    columns = ("id", "conversation_id", "seq", "sender_type", "sender_id", "created_ms", "content", "body_digest")
    texts = ["plain", 'it\'s \\ 100 % "quoted" %s ?', "Grüße 👍", ""]
    rows = [
        (at, 1, at, word("user"), 2**53 - at, 1, texts[at % 4], None if at % 3 else bytes([at % 256, 0, 39, 92]))
        for at in range(count)
    ]
    with database.writer_engine.begin() as connection:
        run_all(connection, database.dialect.insert("messages", columns, rows))
    with database.reader_engine.begin() as connection:
        found = run(connection, f"SELECT {', '.join(columns)} FROM messages ORDER BY id")
    assert [tuple(row) for row in found] == rows


def test_an_insert_that_is_refused_stores_no_row_and_leaves_the_transaction_as_it_was(database: Database) -> None:
    columns = ("id", "conversation_type", "created_ms")
    rows = [(at, word("team"), 1) for at in range(100)]
    with database.writer_engine.begin() as connection:
        run_all(connection, database.dialect.insert("conversations", columns, rows[99:]))
        with pytest.raises(sa.exc.IntegrityError):
            run_all(connection, database.dialect.insert("conversations", columns, rows))
        run_all(connection, database.dialect.insert("conversations", columns, rows[:1]))
    with database.reader_engine.begin() as connection:
        assert [row_id for (row_id,) in run(connection, "SELECT id FROM conversations ORDER BY id")] == [0, 99]


@pytest.mark.parametrize("small", [0, 64])
def test_a_disk_that_is_full_is_transient_however_many_statements_an_insert_takes(tmp_path: Path, small: int) -> None:
    """At an INSERT of one row SQLite undoes the whole transaction, with the savepoint that `run_all` goes back to."""
    database = open_sqlite(tmp_path / "full.db")
    upgrade(database)
    columns = ("id", "conversation_id", "seq", "sender_type", "sender_id", "created_ms", "content")
    texts = [*["small"] * small, "x" * 1_000_000]
    rows = [(at, 1, at, word("user"), 1, 1, text) for at, text in enumerate(texts)]
    with database.writer_engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 100}")
        with pytest.raises(sa.exc.OperationalError) as caught:
            run_all(connection, database.dialect.insert("messages", columns, rows))
        assert database.dialect.is_transient(caught.value)
    assert not database.dialect.is_transient(sa.exc.OperationalError("", None, Exception("no such savepoint: a")))
    database.close()


def test_an_insert_of_no_rows_is_no_statement(database: Database) -> None:
    statements = database.dialect.insert("conversations", ("id", "conversation_type"), [])
    assert statements == []
    with database.writer_engine.begin() as connection:
        run_all(connection, statements)


@pytest.mark.parametrize("text", ["it's", "", "two words", "Ünder", "a\\", "%s"])
def test_what_is_no_word_is_not_taken_for_one(text: str) -> None:
    with pytest.raises(ValueError, match="not a word"):
        word(text)


def test_an_upsert_takes_over_the_columns_named_and_no_others(database: Database) -> None:
    columns = ("id", "conversation_type", "created_ms", "last_seq")
    rows = [(1, word("direct"), 2, 7), (2, word("direct"), 2, 8)]
    clause = database.dialect.upsert_clause("id", ["last_seq"])
    with database.writer_engine.begin() as connection:
        connection.execute(conversations.insert().values(id=1, last_seq=1, **CONVERSATION))
        run_all(connection, database.dialect.insert("conversations", columns, rows, clause))
        c = conversations.c
        found = connection.execute(sa.select(c.id, c.conversation_type, c.created_ms, c.last_seq).order_by(c.id)).all()
    assert [tuple(row) for row in found] == [(1, "team", 1, 7), (2, "direct", 2, 8)]


def test_an_upsert_whose_expression_is_null_is_refused_and_changes_no_row(database: Database) -> None:
    c, new = conversations.c, database.dialect.incoming
    only_from = {"last_seq": f"CASE WHEN last_seq = {new('created_ms')} THEN {new('last_seq')} END"}
    clause = database.dialect.upsert_clause("id", ["last_seq", "member_count"], only_from)
    columns = "id, conversation_type, created_ms, last_seq, member_count"

    def upsert(*rows: str) -> None:
        with database.writer_engine.begin() as connection:
            run(connection, f"INSERT INTO conversations ({columns}) VALUES {','.join(rows)} {clause}")

    with database.writer_engine.begin() as connection:
        connection.execute(
            conversations.insert(), [{"id": number, "last_seq": number, **CONVERSATION} for number in (1, 2, 3)]
        )
    upsert("(1,'team',1,7,5)", "(2,'team',2,8,5)")
    with pytest.raises(sa.exc.IntegrityError):
        upsert("(3,'team',3,9,6)", "(1,'team',1,9,6)")
    with database.writer_engine.connect() as connection:
        found = connection.execute(sa.select(c.id, c.last_seq, c.member_count).order_by(c.id)).all()
    assert [tuple(row) for row in found] == [(1, 7, 5), (2, 8, 5), (3, 3, 0)]


def test_what_is_wrong_with_a_statement_is_not_transient(database: Database) -> None:
    is_transient = database.dialect.is_transient
    for sql in ("SELECT * FROM nowhere", "nonsense", "INSERT INTO conversations (id) VALUES (NULL)"):
        with pytest.raises(sa.exc.DBAPIError) as caught, database.writer_engine.begin() as connection:
            connection.exec_driver_sql(sql)
        assert not is_transient(caught.value), sql
    with database.writer_engine.begin() as connection:
        connection.execute(conversations.insert().values(id=1, **CONVERSATION))
    with pytest.raises(sa.exc.IntegrityError) as twice, database.writer_engine.begin() as connection:
        connection.execute(conversations.insert().values(id=1, **CONVERSATION))
    assert not is_transient(twice.value)
    assert not is_transient(ZeroDivisionError())
    assert is_transient(TransientFault())


def test_text_and_keys_are_compared_byte_for_byte(database: Database) -> None:
    words = ["resume", "Resume", "résumé", "re\u0301sume\u0301", "👍", "👎"]
    c = conversations.c
    with database.writer_engine.begin() as connection:
        for number, word in enumerate(words, 1):
            connection.execute(conversations.insert().values(id=number, direct_key=word, **CONVERSATION))
        for number, word in enumerate(words, 1):
            found = connection.execute(sa.select(c.id).where(c.direct_key == word)).scalars().all()
            assert found == [number], word


def test_text_that_is_too_long_is_refused_and_not_cut_where_the_database_counts(database: Database) -> None:
    if database.writer_engine.dialect.name == "sqlite":
        return  # SQLite keeps text of any length, so nothing can be cut
    with pytest.raises(sa.exc.DataError), database.writer_engine.begin() as connection:
        connection.execute(conversations.insert().values(id=1, name="x" * 201, **CONVERSATION))


# Readers


async def test_a_read_sees_one_snapshot(database: Database) -> None:
    readers = Readers(database, 1)
    count = sa.select(sa.func.count()).select_from(conversations)

    def read_twice(connection: sa.Connection) -> tuple[int, int]:
        first = connection.execute(count).scalar_one()
        with database.writer_engine.begin() as writing:
            writing.execute(conversations.insert().values(id=1, **CONVERSATION))
        return first, connection.execute(count).scalar_one()

    try:
        assert await readers.run(read_twice) == (0, 0)
        assert await readers.run(lambda connection: connection.execute(count).scalar_one()) == 1
    finally:
        readers.close()


async def test_a_read_that_fails_for_a_moment_is_tried_again_and_then_unavailable(database: Database) -> None:
    readers = Readers(database, 1)
    tries: list[int] = []

    def fail(connection: sa.Connection) -> None:
        tries.append(1)
        raise TransientFault

    def fail_once(connection: sa.Connection) -> str:
        if not tries:
            fail(connection)
        return "read"

    stamina.set_testing(True, attempts=1)  # after the first
    try:
        assert await readers.run(fail_once) == "read"
        tries.clear()
        with pytest.raises(Unavailable):
            await readers.run(fail)
        assert len(tries) == 2
        with pytest.raises(ZeroDivisionError):
            await readers.run(lambda _connection: 1 // 0)
    finally:
        stamina.set_testing(False)
        readers.close()


async def test_reads_asked_for_at_the_same_time_are_one(database: Database) -> None:
    groups: list[list[int]] = []

    def load(connection: sa.Connection, keys: Sequence[int]) -> list[int]:
        groups.append(list(keys))
        if 13 in keys:
            raise ZeroDivisionError
        return [2 * key for key in keys]

    readers = Readers(database, 2)
    try:
        grouped: GroupedRead[int, int] = GroupedRead(readers, load)
        first = grouped.load(1)
        await asyncio.sleep(0)
        assert await asyncio.gather(first, *(grouped.load(key) for key in (2, 3, 2))) == [2, 4, 6, 4]
        assert sum(len(group) for group in groups) == 4
        assert len(groups) <= 2
        outcomes = await asyncio.gather(*(grouped.load(key) for key in (13, 14)), return_exceptions=True)
        assert all(isinstance(outcome, ZeroDivisionError) for outcome in outcomes)
        assert await grouped.load(5) == 10
    finally:
        readers.close()


def noted_groups() -> tuple[list[list[int]], Callable[[sa.Connection, Sequence[int]], list[int]]]:
    """The groups that were read, and what reads them: each key is its own value."""
    groups: list[list[int]] = []

    def load(connection: sa.Connection, keys: Sequence[int]) -> list[int]:
        groups.append(list(keys))
        return list(keys)

    return groups, load


async def test_what_is_read_together_weighs_no_more_than_it_may(database: Database) -> None:
    groups, load = noted_groups()
    readers = Readers(database, 2)
    try:
        grouped: GroupedRead[int, int] = GroupedRead(readers, load, weigh=lambda key: key, most=10)
        keys = [1, 4, 5, 1, 3, 50, 2, 7, 2]
        assert await asyncio.gather(*map(grouped.load, keys)) == keys
        assert sorted(groups) == [[1, 3], [1, 4, 5], [2], [2, 7], [50]]
    finally:
        readers.close()


async def test_a_second_group_is_read_beside_the_first_only_when_it_is_whole(database: Database) -> None:
    groups: list[list[int]] = []
    may_end = threading.Event()

    def load(connection: sa.Connection, keys: Sequence[int]) -> list[int]:
        groups.append(list(keys))
        may_end.wait()
        return list(keys)

    readers = Readers(database, 4)
    try:
        grouped: GroupedRead[int, int] = GroupedRead(readers, load, most=2)
        loads = [grouped.load(key) for key in (1, 2, 3, 4)]
        await until(lambda: groups == [[1, 2]])
        loads.append(grouped.load(5))
        await until(lambda: len(groups) == 2)
        loads += [grouped.load(key) for key in range(6, 10)]
        for _ in range(3):
            await asyncio.to_thread(time.sleep, 0.01)
        assert len(groups) == 2, "a third one waits"
        may_end.set()
        assert await asyncio.gather(*loads) == list(range(1, 10))
        assert sorted(groups) == [[1, 2], [3, 4], [5, 6], [7, 8], [9]]
    finally:
        may_end.set()
        readers.close()
    assert isinstance((await asyncio.gather(grouped.load(1), return_exceptions=True))[0], RuntimeError)


@pytest.mark.parametrize(("first", "together"), [(CROWD, True), (CROWD - 1, False)])
async def test_after_a_crowd_the_next_are_waited_for_a_moment(
    first: int, together: bool, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readers_module, "PATIENCE_S", 0.1)
    groups, load = noted_groups()
    readers = Readers(database, 2)
    try:
        grouped: GroupedRead[int, int] = GroupedRead(readers, load)
        loads = [grouped.load(key) for key in range(first)]
        await asyncio.sleep(0)  # under way
        late = grouped.load(100)
        await asyncio.gather(*loads)
        assert await asyncio.gather(*[late, grouped.load(101)]) == [100, 101]
        assert groups[1:] == ([[100, 101]] if together else [[100], [101]])
        assert await grouped.load(102) == 102
    finally:
        readers.close()


async def test_what_is_looked_at_at_the_same_time_is_seen_in_one_snapshot(database: Database) -> None:
    """A fault of one is its own; what comes after is another look."""
    seen: list[sa.Connection] = []

    def look(connection: sa.Connection) -> int:
        seen.append(connection)
        return len(seen)

    def fail(connection: sa.Connection) -> int:
        raise ZeroDivisionError

    readers = Readers(database, 2)
    try:
        assert await asyncio.gather(*(readers.run_shared(look) for _ in range(3))) == [1, 2, 3]
        assert seen[0] is seen[1] is seen[2]
        outcomes = await asyncio.gather(readers.run_shared(look), readers.run_shared(fail), return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [int, ZeroDivisionError]
        assert await readers.run_shared(look) == 5
        assert seen[-1] is not seen[0]
    finally:
        readers.close()
