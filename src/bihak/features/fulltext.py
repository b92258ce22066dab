"""The index of words: its table, and what differs between the databases' indexes over it."""

from collections.abc import Sequence
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from bihak.storage.schema import big, table
from bihak.storage.statement import run

PURGE_PAGES = 100
"""Of the index, in one transaction: some milliseconds of the writer's time."""


def _has_full_text(*_: Any, dialect: sa.Dialect, **_more: Any) -> bool:
    return dialect.name != "sqlite"


message_words = table(
    "message_words",
    big("message_id", key=True),
    # Of the text that the words are of, as in `messages`, 0 for NULL: an entry of another text counts for nothing.
    big("edited_ms"),
    sa.Column("words", sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb"), nullable=False),
    # SQLite has a virtual table in its place, which triggers keep in step.
    sa.Index("ft_message_words_words", "words", mysql_prefix="FULLTEXT", mariadb_prefix="FULLTEXT").ddl_if(
        callable_=_has_full_text
    ),
)


class Engine(Protocol):
    """What differs between the databases' indexes."""

    def matches(self, words: Sequence[str], whole: Sequence[str], any_of: Sequence[str]) -> sa.ColumnElement[bool]:
        """Whether a row has words with all these beginnings, all of `whole`, and, if any are given, one of `any_of`."""
        ...

    def purge(self, connection: sa.Connection, *, is_first: bool) -> bool:
        """One bounded step of taking the words of what was deleted out of the index's own tables; whether more is left.

        `is_first`: what was deleted since the steps before is to go as well.
        """
        ...


class Fts5:
    """SQLite, https://sqlite.org/fts5.html#full_text_query_syntax. Implements `Engine`."""

    def matches(self, words: Sequence[str], whole: Sequence[str], any_of: Sequence[str]) -> sa.ColumnElement[bool]:
        terms = [*whole, *(f"{word}*" for word in words)]
        if any_of:
            terms.append(f"({' OR '.join(any_of)})")
        found = sa.text("SELECT rowid FROM message_words_fts WHERE message_words_fts MATCH :match")
        return message_words.c.message_id.in_(found.bindparams(match=" AND ".join(terms)))

    def purge(self, connection: sa.Connection, *, is_first: bool) -> bool:
        """What is deleted is only marked, until all of the index is merged into one piece.

        A negative number begins that, positive ones go on, and fewer than two changes tell that it is done
        (https://sqlite.org/fts5.html#the_merge_command).
        """
        count = "SELECT total_changes()"
        ((before,),) = run(connection, count)
        pages = -PURGE_PAGES if is_first else PURGE_PAGES
        run(connection, f"INSERT INTO message_words_fts (message_words_fts, rank) VALUES ('merge', {pages:d})")
        ((after,),) = run(connection, count)
        return bool(after - before >= 2)


class FullText:
    """MySQL and MariaDB, https://mariadb.com/kb/en/full-text-index-overview/. Implements `Engine`."""

    def matches(self, words: Sequence[str], whole: Sequence[str], any_of: Sequence[str]) -> sa.ColumnElement[bool]:
        terms = [*(f"+{token}" for token in whole), *(f"+{word}*" for word in words)]
        if any_of:
            terms.append(f"+({' '.join(any_of)})")
        return mysql.match(message_words.c.words, against=" ".join(terms)).in_boolean_mode()

    def purge(self, connection: sa.Connection, *, is_first: bool) -> bool:
        """InnoDB does so when the table is next optimized, which is the operator's to decide: it locks the table."""
        return False


def engine_of(connection: sa.Connection) -> Engine:
    return Fts5() if connection.dialect.name == "sqlite" else FullText()
