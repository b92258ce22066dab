"""What a database server must promise before it is used."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from bihak.errors import SettingsError
from bihak.storage.mysql import open_mysql
from tests.servers import MariaDb, running_mariadb


@contextmanager
def global_setting(server: MariaDb, name: str, value: str) -> Iterator[None]:
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT @@GLOBAL.{name}")
        row = cursor.fetchone()
        assert row is not None
        cursor.execute(f"SET GLOBAL {name} = {value}")
        try:
            yield
        finally:
            cursor.execute(f"SET GLOBAL {name} = %s", (row[0],))


def test_a_server_that_loses_commits_is_refused_unless_that_is_accepted(mariadb: MariaDb) -> None:
    url = sa.make_url(mariadb.url(mariadb.create_database()))
    with global_setting(mariadb, "innodb_flush_log_at_trx_commit", "2"):
        with pytest.raises(SettingsError, match=r"innodb_flush_log_at_trx_commit is 2; it must be 1"):
            open_mysql(url, accept_unsafe=False)
        open_mysql(url, accept_unsafe=True).close()
    open_mysql(url, accept_unsafe=False).close()


def test_a_database_that_cannot_hold_every_character_is_refused(mariadb: MariaDb) -> None:
    name = mariadb.create_database()
    with mariadb.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"ALTER DATABASE {name} CHARACTER SET latin1")
    with pytest.raises(SettingsError, match="character set is latin1; it must be utf8mb4"):
        open_mysql(sa.make_url(mariadb.url(name)), accept_unsafe=False)


def test_a_server_that_cannot_be_reached_is_named_without_its_password(mariadb: MariaDb) -> None:
    url = sa.make_url(mariadb.url("nowhere")).set(password="a-password-to-hide")
    with pytest.raises(SettingsError, match="cannot be reached") as refusal:
        open_mysql(url, accept_unsafe=False)
    assert "a-password-to-hide" not in str(refusal.value)


def test_the_clock_is_right_in_the_hour_that_comes_twice(tmp_path: Path) -> None:
    """Where the machine's summer time ends in half an hour, its local time does not tell which hour this is."""
    ends = time.gmtime(time.time() + 1800)
    summer = f"WINTER0SUMMER,J1/0,{ends.tm_yday - 1}/{ends.tm_hour + 1}:{ends.tm_min}:{ends.tm_sec}"
    with running_mariadb(tmp_path / "mariadb", summer) as server:
        database = open_mysql(sa.make_url(server.url(server.create_database())), accept_unsafe=False)
        for engine in (database.writer_engine, database.reader_engine):
            with engine.connect() as connection:
                now_ms = connection.exec_driver_sql(f"SELECT {database.dialect.clock_ms}").scalar_one()
            assert abs(now_ms / 1000 - time.time()) < 60
        database.close()


def test_sessions_are_strict_and_wait_briefly_whatever_the_server_says(mariadb: MariaDb) -> None:
    url = sa.make_url(mariadb.url(mariadb.create_database()))
    with global_setting(mariadb, "sql_mode", "''"):
        database = open_mysql(url, accept_unsafe=False)
    with database.writer_engine.connect() as connection:
        found = connection.exec_driver_sql(
            "SELECT @@sql_mode, @@innodb_lock_wait_timeout, @@idle_transaction_timeout, @@tx_isolation"
        ).one()
    database.close()
    assert "STRICT_ALL_TABLES" in found[0]
    assert tuple(found[1:]) == (3, 3, "READ-COMMITTED")
