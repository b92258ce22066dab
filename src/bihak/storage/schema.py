"""The tables that the core stands on. A feature's own tables are in its file, on the same `metadata`.

Ids come from blocks that a process reserves (`id_blocks`), never from AUTO_INCREMENT: a message's id is known before
its row is written, and a batch needs one statement. Times are milliseconds since the epoch, UTC. There are no foreign
keys: each insert would lock its parents, and nothing that is referred to is ever deleted.
"""

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

metadata = sa.MetaData(
    naming_convention={"ix": "ix_%(table_name)s_%(column_0_N_name)s", "uq": "uq_%(table_name)s_%(column_0_N_name)s"}
)

MYSQL_OPTIONS: dict[str, Any] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
    "mariadb_engine": "InnoDB",
    "mariadb_charset": "utf8mb4",
    "mariadb_collate": "utf8mb4_bin",
}


def table(name: str, *parts: sa.schema.SchemaItem) -> sa.Table:
    """A table of this product, with the engine and collation that the guarantees need."""
    made: sa.Table = sa.Table(name, metadata, *parts, **MYSQL_OPTIONS, sqlite_with_rowid=has_number_as_key(parts))
    return made


def has_number_as_key(parts: Iterable[sa.schema.SchemaItem]) -> bool:
    """Whether the primary key is one number, which SQLite then has as its rowid.

    A table with another key is WITHOUT ROWID, or SQLite would keep the key twice (https://sqlite.org/withoutrowid.html).
    """
    keys = [part for part in parts if isinstance(part, sa.Column) and part.primary_key]
    return len(keys) == 1 and isinstance(keys[0].type, sa.BigInteger)


NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
"""64 bits on every database; INTEGER, to the letter, is what SQLite needs to take a key as its rowid."""


def big(name: str, *, nullable: bool = False, default: str | None = None, key: bool = False) -> sa.Column[int]:
    """An integer of 64 bits: an id, a seq or a time in milliseconds."""
    return sa.Column(name, NUMBER, nullable=nullable, server_default=default, primary_key=key, autoincrement=False)


def participant_type(name: str = "participant_type", *, nullable: bool = False, key: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(16), nullable=nullable, primary_key=key)


def exact_bytes(name: str, size: int, *, key: bool = False) -> sa.Column[bytes]:
    """Text that is compared byte for byte: a binary collation still ignores trailing spaces."""
    kind = sa.LargeBinary(size).with_variant(mysql.VARBINARY(size), "mysql", "mariadb")
    return sa.Column(name, kind, nullable=not key, primary_key=key)


id_blocks = table(
    "id_blocks",
    sa.Column("name", sa.String(32), primary_key=True),
    big("next_id"),
)

participants = table(
    "participants",
    participant_type(key=True),
    big("participant_id", key=True),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("avatar_url", sa.String(2000)),
    sa.Column("email", sa.String(320)),
    # Whether others are told what they have read.
    sa.Column("shares_reads", sa.Boolean, nullable=False, server_default=sa.true()),
    big("created_ms"),
    big("updated_ms"),
    sa.Index(None, "updated_ms"),
)

conversations = table(
    "conversations",
    big("id", key=True),
    sa.Column("conversation_type", sa.String(16), nullable=False),
    sa.Column("name", sa.String(200)),
    # Both people of a direct conversation in one string, so that it exists once; NULL for the other types.
    sa.Column("direct_key", sa.String(80), unique=True),
    big("last_seq", default="0"),
    big("last_message_ms", default="0"),
    # Of memberships that last; presence is not told in large conversations.
    sa.Column("member_count", sa.Integer, nullable=False, server_default="0"),
    # By the database's clock, rounded down (`CHANGED_GRAIN_MS`); what the sweep looks for.
    big("changed_ms", default="0"),
    big("created_ms"),
    sa.Index(None, "changed_ms"),
)

conversation_participants = table(
    "conversation_participants",
    big("conversation_id", key=True),
    participant_type(key=True),
    big("participant_id", key=True),
    sa.Column("role", sa.String(16), nullable=False, server_default="member"),
    # A membership covers the events after joined_seq, up to and with left_seq; NULL: it lasts.
    big("joined_seq", default="0"),
    big("left_seq", nullable=True),
    big("joined_ms"),
    big("last_read_seq", default="0"),
    big("last_read_message_id", nullable=True),
    # As far as others are told; it stays behind while its reader keeps that private.
    big("shown_read_message_id", nullable=True),
    sa.Index("ix_conversation_participants_by_participant", "participant_type", "participant_id", "conversation_id"),
)

messages = table(
    "messages",
    big("id", key=True),
    big("conversation_id"),
    big("seq"),
    participant_type("sender_type"),
    big("sender_id"),
    sa.Column("content", sa.Text, nullable=False),
    big("reply_to_id", nullable=True),
    exact_bytes("idempotency_key", 64),
    # Of what was sent, to tell a repeat from another message under the same key; gone when the message is deleted.
    exact_bytes("body_digest", 16),
    # The user_ids of those mentioned, as a JSON list; NULL: nobody.
    sa.Column("mentions", sa.Text),
    big("created_ms"),
    big("edited_ms", nullable=True),
    big("deleted_ms", nullable=True),
    sa.Index("uq_messages_conversation_id_seq", "conversation_id", "seq", unique=True),
    sa.Index(
        "uq_messages_idempotency_key",
        *("conversation_id", "sender_type", "sender_id", "idempotency_key"),
        unique=True,
        sqlite_where=sa.text("idempotency_key IS NOT NULL"),
    ),
)

conversation_events = table(
    "conversation_events",
    big("conversation_id", key=True),
    big("seq", key=True),
    big("id"),
    sa.Column("kind", sa.String(32), nullable=False),
    participant_type("actor_type"),
    big("actor_id"),
    big("message_id", nullable=True),
    # What the event says beyond the columns above, as JSON; never a message's body.
    sa.Column("data", sa.Text, nullable=False),
    big("created_ms"),
    sa.Index("uq_conversation_events_id", "id", unique=True),
)

user_online_status = table(
    "user_online_status",
    participant_type(key=True),
    big("participant_id", key=True),
    sa.Column("status", sa.String(16), nullable=False),
    # By choice, whatever the connections say; outlives them.
    sa.Column("appears_offline", sa.Boolean, nullable=False, server_default=sa.false()),
    big("last_seen_ms"),
    big("updated_ms"),
)

message_read_receipts = table(
    "message_read_receipts",
    # One row for each step of a reader's cursor: read up to this message at this time.
    big("conversation_id", key=True),
    participant_type(key=True),
    big("participant_id", key=True),
    big("seq", key=True),
    big("message_id"),
    big("read_ms"),
    # Read while its reader kept that private; so it stays, whatever they choose later.
    sa.Column("is_private", sa.Boolean, nullable=False, server_default=sa.false()),
)

typing_indicators = table(
    "typing_indicators",
    big("conversation_id", key=True),
    participant_type(key=True),
    big("participant_id", key=True),
    big("expires_ms"),
    sa.Index(None, "expires_ms"),
)

installation = table(
    "installation",
    # One row, made at random with the database: what its nodes say to each other elsewhere goes under this name.
    sa.Column("name", sa.String(32), primary_key=True),
)
