"""Notifications: one row for each participant, conversation and kind, and one for each mention."""

import sqlalchemy as sa
from alembic import op

from bihak.storage.migrations.steps import big, create_index, create_table

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.drop_table("notifications", if_exists=True)  # nothing has ever written to it
    create_table(
        "notifications",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
        sa.Column("participant_type", sa.String(16), nullable=False),
        big("participant_id"),
        big("conversation_id"),
        sa.Column("kind", sa.String(16), nullable=False),
        big("once_key"),
        big("message_id", nullable=True),
        big("seq"),
        big("count"),
        big("created_ms"),
        big("read_ms", nullable=True),
    )
    whose = ["participant_type", "participant_id"]
    create_index("uq_notifications_once", "notifications", [*whose, "conversation_id", "kind", "once_key"], unique=True)
    create_index("ix_notifications_created", "notifications", [*whose, "created_ms"])
    create_index("ix_notifications_unread", "notifications", [*whose, "read_ms"])
    create_index("ix_notifications_conversation", "notifications", ["conversation_id", "once_key"])
    create_index("ix_notifications_read_ms", "notifications", ["read_ms"])
    # What was said before there were notifications is no news.
    op.execute("DELETE FROM deferred_progress WHERE task = 'notify'")
    op.execute(
        "INSERT INTO deferred_progress (task, conversation_id, seq) SELECT 'notify', id, last_seq FROM conversations"
    )
