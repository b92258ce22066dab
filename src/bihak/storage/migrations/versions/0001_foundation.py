"""The foundation: people, conversations, their log, presence, receipts, notifications."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

from bihak.storage.migrations.steps import big, create_index, create_table

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_table("id_blocks", sa.Column("name", sa.String(32), primary_key=True), big("next_id"))
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
        big("created_ms"),
        big("updated_ms"),
    )
    create_table(
        "conversations",
        big("id", key=True),
        sa.Column("conversation_type", sa.String(16), nullable=False),
        sa.Column("name", sa.String(200)),
        sa.Column("direct_key", sa.String(80)),
        big("last_seq", default="0"),
        big("last_message_ms", default="0"),
        big("changed_ms", default="0"),
        big("created_ms"),
        sa.UniqueConstraint("direct_key", name="uq_conversations_direct_key"),
    )
    create_index("ix_conversations_changed_ms", "conversations", ["changed_ms"])
    create_table(
        "conversation_participants",
        big("conversation_id", key=True),
        *_participant(key=True),
        sa.Column("role", sa.String(16), nullable=False, server_default="member"),
        big("joined_seq", default="0"),
        big("left_seq", nullable=True),
        big("joined_ms"),
        big("last_read_seq", default="0"),
        big("last_read_message_id", nullable=True),
    )
    create_index(
        "ix_conversation_participants_by_participant",
        "conversation_participants",
        ["participant_type", "participant_id", "conversation_id"],
    )
    create_table(
        "messages",
        big("id", key=True),
        big("conversation_id"),
        big("seq"),
        sa.Column("sender_type", sa.String(16), nullable=False),
        big("sender_id"),
        sa.Column("content", sa.Text, nullable=False),
        big("reply_to_id", nullable=True),
        _bytes("idempotency_key", 64),
        _bytes("body_digest", 16),
        big("created_ms"),
        big("edited_ms", nullable=True),
        big("deleted_ms", nullable=True),
    )
    create_index("uq_messages_conversation_id_seq", "messages", ["conversation_id", "seq"], unique=True)
    create_index(
        "uq_messages_idempotency_key",
        "messages",
        ["conversation_id", "sender_type", "sender_id", "idempotency_key"],
        unique=True,
        sqlite_where="idempotency_key IS NOT NULL",
    )
    create_table(
        "conversation_events",
        big("conversation_id", key=True),
        big("seq", key=True),
        big("id"),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("actor_type", sa.String(16), nullable=False),
        big("actor_id"),
        big("message_id", nullable=True),
        sa.Column("data", sa.Text, nullable=False),
        big("created_ms"),
    )
    create_index("uq_conversation_events_id", "conversation_events", ["id"], unique=True)
    create_table(
        "user_online_status",
        *_participant(key=True),
        sa.Column("status", sa.String(16), nullable=False),
        big("last_seen_ms"),
        big("updated_ms"),
    )
    create_table(
        "message_read_receipts",
        big("conversation_id", key=True),
        *_participant(key=True),
        big("seq", key=True),
        big("message_id"),
        big("read_ms"),
    )
    create_table(
        "typing_indicators",
        big("conversation_id", key=True),
        *_participant(key=True),
        big("expires_ms"),
    )
    create_index("ix_typing_indicators_expires_ms", "typing_indicators", ["expires_ms"])
    create_table(
        "notifications",
        big("id", key=True),
        *_participant(),
        sa.Column("kind", sa.String(32), nullable=False),
        big("conversation_id", nullable=True),
        big("message_id", nullable=True),
        big("count", default="1"),
        big("created_ms"),
        big("read_ms", nullable=True),
    )
    create_index(
        "ix_notifications_participant_type_participant_id_read_ms",
        "notifications",
        ["participant_type", "participant_id", "read_ms"],
    )


def _bytes(name: str, size: int) -> sa.Column[bytes]:
    kind = sa.LargeBinary(size).with_variant(mysql.VARBINARY(size), "mysql", "mariadb")
    return sa.Column(name, kind, nullable=True)


def _participant(*, key: bool = False) -> tuple[sa.Column[str], sa.Column[int]]:
    return sa.Column("participant_type", sa.String(16), nullable=False, primary_key=key), big("participant_id", key=key)
