"""Revoked sessions: before when a participant's tokens are refused."""

from typing import Any

import sqlalchemy as sa

from bihak.storage.migrations.steps import create_index, create_table

revision = "0005"
down_revision = "0004"

OPTIONS: dict[str, Any] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
    "mariadb_engine": "InnoDB",
    "mariadb_charset": "utf8mb4",
    "mariadb_collate": "utf8mb4_bin",
}


def upgrade() -> None:
    create_table(
        "session_revocations",
        sa.Column("participant_type", sa.String(16), nullable=False, primary_key=True),
        sa.Column("participant_id", sa.BigInteger, nullable=False, primary_key=True, autoincrement=False),
        sa.Column("revoked_before_ms", sa.BigInteger, nullable=False, autoincrement=False),
        **OPTIONS,
    )
    create_index("ix_session_revocations_revoked_before_ms", "session_revocations", ["revoked_before_ms"])
