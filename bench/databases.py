"""The databases of a benchmark: a private MariaDB with its defaults and SQLite files, each planted for one run."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import sqlalchemy as sa

from bench.seeds import CHUNK, TASKS, Seed, plant
from bihak.features.deferred import Progress
from bihak.storage.mysql import open_mysql
from bihak.storage.sqlite import open_sqlite
from tests.servers import MariaDb, running_mariadb

NODE_TABLES = (
    "CREATE TABLE people (participant_type VARCHAR(16), participant_id BIGINT, name VARCHAR(200),"
    " PRIMARY KEY (participant_type, participant_id))",
    "CREATE TABLE memberships (conversation_id BIGINT, participant_type VARCHAR(16), participant_id BIGINT,"
    " PRIMARY KEY (conversation_id, participant_type, participant_id),"
    " KEY (participant_type, participant_id, conversation_id))",
    "CREATE TABLE messages (id BIGINT AUTO_INCREMENT PRIMARY KEY, conversation_id BIGINT NOT NULL,"
    " sender_type VARCHAR(16) NOT NULL, sender_id BIGINT NOT NULL, content TEXT NOT NULL, reply_to_id BIGINT,"
    " created_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3), KEY (conversation_id, id))",
)


class Databases:
    """Kept for a whole benchmark."""

    def __init__(self, folder: Path, mariadb: MariaDb) -> None:
        self.folder = folder
        self._mariadb = mariadb
        self._count = 0

    @property
    def mariadb_pid(self) -> int:
        return self._mariadb.pid

    def planted(self, store: str, seed: Seed) -> str:
        """The URL of a new database of that kind with what the seed says.

        A run would else find what the one before it left to do.
        """
        self._count += 1
        return {"sqlite": self._sqlite, "mariadb": self._on_mariadb, "node": self._node}[store](seed)

    def questions(self) -> int:
        """How many statements MariaDB has been sent so far."""
        with self._mariadb.connect() as connection, connection.cursor() as cursor:
            cursor.execute("SHOW GLOBAL STATUS LIKE 'Questions'")
            found = cursor.fetchone()
            assert found is not None
            return int(found[1])

    def deferred(self, url: str) -> int:
        """In how many conversations of a MariaDB database something is still to be told or indexed."""
        database = open_mysql(sa.make_url(url), accept_unsafe=False)
        behind = 0
        with database.reader_engine.connect() as connection:
            for task in TASKS:
                after_id: int | None = 0
                while after_id is not None:
                    found, after_id = Progress(task).behind(connection, after_id)
                    behind += len(found)
        database.close()
        return behind

    def _sqlite(self, seed: Seed) -> str:
        path = self.folder / f"{self._count}.db"
        database = open_sqlite(path)
        plant(database, seed)
        database.close()
        return f"sqlite:///{path}"

    def _on_mariadb(self, seed: Seed) -> str:
        url = self._mariadb.url(self._mariadb.create_database())
        database = open_mysql(sa.make_url(url), accept_unsafe=False)
        plant(database, seed)
        database.close()
        return url

    def _node(self, seed: Seed) -> str:
        name = self._mariadb.create_database()
        with self._mariadb.connect(name) as connection, connection.cursor() as cursor:
            for statement in NODE_TABLES:
                cursor.execute(statement)
            memberships = ((c.id, *member) for c in seed.conversations() for member in c.members)
            people = {member for c in seed.conversations() for member in c.members}
            named = ((kind, number, f"{kind.capitalize()} {number}") for kind, number in people)
            while chunk := list(islice(memberships, CHUNK)):
                cursor.executemany("INSERT INTO memberships VALUES (%s, %s, %s)", chunk)
            while rows := list(islice(named, CHUNK)):
                cursor.executemany("INSERT INTO people VALUES (%s, %s, %s)", rows)
        return self._mariadb.url(name)


@contextmanager
def opened(folder: Path) -> Iterator[Databases]:
    """Starts MariaDB, and ends it."""
    with running_mariadb(folder / "mariadb") as server:
        yield Databases(folder, server)
