"""Search: the words of each message, an index over them, and how far deferred work has come."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

from bihak.storage.migrations.steps import big, create_table, has_index

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    create_table(
        "deferred_progress",
        sa.Column("task", sa.String(16), primary_key=True),
        big("conversation_id", key=True),
        big("seq"),
    )
    create_table(
        "message_words",
        big("message_id", key=True),
        big("edited_ms"),
        sa.Column("words", sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb"), nullable=False),
    )
    if op.get_context().dialect.name == "sqlite":
        for statement in SQLITE:
            op.execute(statement)
    elif not has_index("ft_message_words_words", "message_words"):
        op.execute("CREATE FULLTEXT INDEX ft_message_words_words ON message_words (words)")


# https://sqlite.org/fts5.html#external_content_tables: the words stand in `message_words` alone, and the index follows.
SQLITE = (
    """
    CREATE VIRTUAL TABLE message_words_fts USING fts5(
      words, content='message_words', content_rowid='message_id', tokenize="ascii tokenchars '_'",
      detail='none', columnsize=0
    )
    """,
    """
    CREATE TRIGGER message_words_added AFTER INSERT ON message_words BEGIN
      INSERT INTO message_words_fts (rowid, words) VALUES (new.message_id, new.words);
    END
    """,
    """
    CREATE TRIGGER message_words_removed AFTER DELETE ON message_words BEGIN
      INSERT INTO message_words_fts (message_words_fts, rowid, words) VALUES ('delete', old.message_id, old.words);
    END
    """,
    """
    CREATE TRIGGER message_words_changed AFTER UPDATE ON message_words BEGIN
      INSERT INTO message_words_fts (message_words_fts, rowid, words) VALUES ('delete', old.message_id, old.words);
      INSERT INTO message_words_fts (rowid, words) VALUES (new.message_id, new.words);
    END
    """,
)
