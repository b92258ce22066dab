"""Notifications: one row for each participant, conversation and kind, and one for each mention."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from bihak.storage.migrations.steps import create_index, create_table

revision = "0004"
down_revision = "0003"

OPTIONS: dict[str, Any] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
    "mariadb_engine": "InnoDB",
    "mariadb_charset": "utf8mb4",
    "mariadb_collate": "utf8mb4_bin",
}


def upgrade() -> None:
    op.drop_table("notifications", if_exists=True)  # nothing has ever written to it
    create_table(
        "notifications",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
        sa.Column("participant_type", sa.String(16), nullable=False),
        _big("participant_id"),
        _big("conversation_id"),
        sa.Column("kind", sa.String(16), nullable=False),
        _big("once_key"),
        _big("message_id", nullable=True),
        _big("seq"),
        _big("count"),
        _big("created_ms"),
        _big("read_ms", nullable=True),
        **OPTIONS,
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


def _big(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=nullable, autoincrement=False)
