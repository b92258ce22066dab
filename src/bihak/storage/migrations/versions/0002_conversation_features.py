"""Reactions, pins, mentions, private reads, appearing offline, and how many are in a conversation."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

from bihak.storage.migrations.steps import add_column, big, create_index, create_table

revision = "0002"
down_revision = "0001"


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
        big("message_id", key=True),
        sa.Column("emoji", emoji, primary_key=True, nullable=False),
        sa.Column("participant_type", sa.String(16), nullable=False, primary_key=True),
        big("participant_id", key=True),
        big("created_ms"),
    )
    create_table(
        "message_pins",
        big("message_id", key=True),
        big("conversation_id"),
        sa.Column("participant_type", sa.String(16), nullable=False),
        big("participant_id"),
        big("pinned_ms"),
    )
    create_index("ix_message_pins_conversation_id", "message_pins", ["conversation_id"])
    create_table(
        "presence_leases",
        sa.Column("participant_type", sa.String(16), nullable=False, primary_key=True),
        big("participant_id", key=True),
        big("node_id", key=True),
        sa.Column("status", sa.String(16), nullable=False),
        big("renewed_ms"),
    )
    create_index("ix_presence_leases_node_id", "presence_leases", ["node_id"])
    create_index("ix_presence_leases_renewed_ms", "presence_leases", ["renewed_ms"])
