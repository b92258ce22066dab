"""Reactions, pins, mentions, private reads, appearing offline, and how many are in a conversation."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

from bihak.storage.migrations.steps import add_column, create_index, create_table

revision = "0002"
down_revision = "0001"

OPTIONS: dict[str, Any] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
    "mariadb_engine": "InnoDB",
    "mariadb_charset": "utf8mb4",
    "mariadb_collate": "utf8mb4_bin",
}


def upgrade() -> None:
    add_column("messages", sa.Column("mentions", sa.Text))
    add_column("participants", sa.Column("shares_reads", sa.Boolean, nullable=False, server_default=sa.true()))
    add_column(
        "user_online_status", sa.Column("appears_offline", sa.Boolean, nullable=False, server_default=sa.false())
    )
    add_column("conversations", sa.Column("member_count", sa.Integer, nullable=False, server_default="0"))
    op.execute(
        "UPDATE conversations SET member_count = (SELECT COUNT(*) FROM conversation_participants p "
        "WHERE p.conversation_id = conversations.id AND p.left_seq IS NULL)"
    )
    emoji = sa.LargeBinary(64).with_variant(mysql.VARBINARY(64), "mysql", "mariadb")
    create_table(
        "message_reactions",
        _big("message_id", key=True),
        sa.Column("emoji", emoji, primary_key=True, nullable=False),
        sa.Column("participant_type", sa.String(16), nullable=False, primary_key=True),
        _big("participant_id", key=True),
        _big("created_ms"),
        **OPTIONS,
    )
    create_table(
        "message_pins",
        _big("message_id", key=True),
        _big("conversation_id"),
        sa.Column("participant_type", sa.String(16), nullable=False),
        _big("participant_id"),
        _big("pinned_ms"),
        **OPTIONS,
    )
    create_index("ix_message_pins_conversation_id", "message_pins", ["conversation_id"])
    create_table(
        "presence_leases",
        sa.Column("participant_type", sa.String(16), nullable=False, primary_key=True),
        _big("participant_id", key=True),
        _big("node_id", key=True),
        sa.Column("status", sa.String(16), nullable=False),
        _big("renewed_ms"),
        **OPTIONS,
    )
    create_index("ix_presence_leases_node_id", "presence_leases", ["node_id"])
    create_index("ix_presence_leases_renewed_ms", "presence_leases", ["renewed_ms"])


def _big(name: str, *, key: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False, primary_key=key, autoincrement=False)
