"""The foundation: people, conversations, their log, presence, receipts, notifications."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

from bihak.storage.migrations.steps import create_index, create_table

revision = "0001"
down_revision = None

OPTIONS: dict[str, Any] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
    "mariadb_engine": "InnoDB",
    "mariadb_charset": "utf8mb4",
    "mariadb_collate": "utf8mb4_bin",
}


def upgrade() -> None:
    create_table("id_blocks", sa.Column("name", sa.String(32), primary_key=True), _big("next_id"), **OPTIONS)
    blocks = sa.table("id_blocks", sa.column("name", sa.String), sa.column("next_id", sa.BigInteger))
    seeded = set(op.get_bind().execute(sa.select(blocks.c.name)).scalars())
    for name in ("messages", "conversation_events", "conversations"):
        if name not in seeded:
            op.bulk_insert(blocks, [{"name": name, "next_id": 1}])
    create_table(
        "participants",
        *_participant(key=True),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("avatar_url", sa.String(2000)),
        sa.Column("email", sa.String(320)),
        _big("created_ms"),
        _big("updated_ms"),
        **OPTIONS,
    )
    create_table(
        "conversations",
        _big("id", key=True),
        sa.Column("conversation_type", sa.String(16), nullable=False),
        sa.Column("name", sa.String(200)),
        sa.Column("direct_key", sa.String(80)),
        _big("last_seq", default="0"),
        _big("last_message_ms", default="0"),
        _big("changed_ms", default="0"),
        _big("created_ms"),
        sa.UniqueConstraint("direct_key", name="uq_conversations_direct_key"),
        **OPTIONS,
    )
    create_index("ix_conversations_changed_ms", "conversations", ["changed_ms"])
    create_table(
        "conversation_participants",
        _big("conversation_id", key=True),
        *_participant(key=True),
        sa.Column("role", sa.String(16), nullable=False, server_default="member"),
        _big("joined_seq", default="0"),
        _big("left_seq", nullable=True),
        _big("joined_ms"),
        _big("last_read_seq", default="0"),
        _big("last_read_message_id", nullable=True),
        **OPTIONS,
    )
    create_index(
        "ix_conversation_participants_by_participant",
        "conversation_participants",
        ["participant_type", "participant_id", "conversation_id"],
    )
    create_table(
        "messages",
        _big("id", key=True),
        _big("conversation_id"),
        _big("seq"),
        sa.Column("sender_type", sa.String(16), nullable=False),
        _big("sender_id"),
        sa.Column("content", sa.Text, nullable=False),
        _big("reply_to_id", nullable=True),
        _bytes("idempotency_key", 64),
        _bytes("body_digest", 16),
        _big("created_ms"),
        _big("edited_ms", nullable=True),
        _big("deleted_ms", nullable=True),
        **OPTIONS,
    )
    create_index("uq_messages_conversation_id_seq", "messages", ["conversation_id", "seq"], unique=True)
    create_index(
        "uq_messages_idempotency_key",
        "messages",
        ["conversation_id", "sender_type", "sender_id", "idempotency_key"],
        unique=True,
    )
    create_table(
        "conversation_events",
        _big("conversation_id", key=True),
        _big("seq", key=True),
        _big("id"),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("actor_type", sa.String(16), nullable=False),
        _big("actor_id"),
        _big("message_id", nullable=True),
        sa.Column("data", sa.Text, nullable=False),
        _big("created_ms"),
        **OPTIONS,
    )
    create_index("uq_conversation_events_id", "conversation_events", ["id"], unique=True)
    create_table(
        "user_online_status",
        *_participant(key=True),
        sa.Column("status", sa.String(16), nullable=False),
        _big("last_seen_ms"),
        _big("updated_ms"),
        **OPTIONS,
    )
    create_table(
        "message_read_receipts",
        _big("conversation_id", key=True),
        *_participant(key=True),
        _big("seq", key=True),
        _big("message_id"),
        _big("read_ms"),
        **OPTIONS,
    )
    create_table(
        "typing_indicators",
        _big("conversation_id", key=True),
        *_participant(key=True),
        _big("expires_ms"),
        **OPTIONS,
    )
    create_index("ix_typing_indicators_expires_ms", "typing_indicators", ["expires_ms"])
    create_table(
        "notifications",
        _big("id", key=True),
        *_participant(),
        sa.Column("kind", sa.String(32), nullable=False),
        _big("conversation_id", nullable=True),
        _big("message_id", nullable=True),
        _big("count", default="1"),
        _big("created_ms"),
        _big("read_ms", nullable=True),
        **OPTIONS,
    )
    create_index(
        "ix_notifications_participant_type_participant_id_read_ms",
        "notifications",
        ["participant_type", "participant_id", "read_ms"],
    )


def _big(name: str, *, nullable: bool = False, default: str | None = None, key: bool = False) -> sa.Column[int]:
    return sa.Column(
        name, sa.BigInteger, nullable=nullable, server_default=default, primary_key=key, autoincrement=False
    )


def _bytes(name: str, size: int) -> sa.Column[bytes]:
    kind = sa.LargeBinary(size).with_variant(mysql.VARBINARY(size), "mysql", "mariadb")
    return sa.Column(name, kind, nullable=True)


def _participant(*, key: bool = False) -> tuple[sa.Column[str], sa.Column[int]]:
    return sa.Column("participant_type", sa.String(16), nullable=False, primary_key=key), _big(
        "participant_id", key=key
    )
