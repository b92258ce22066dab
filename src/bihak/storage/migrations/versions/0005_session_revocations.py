"""Revoked sessions: before when a participant's tokens are refused."""

import sqlalchemy as sa

from bihak.storage.migrations.steps import create_index, create_table

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    create_table(
        "session_revocations",
        sa.Column("participant_type", sa.String(16), nullable=False, primary_key=True),
        sa.Column("participant_id", sa.BigInteger, nullable=False, primary_key=True, autoincrement=False),
        sa.Column("revoked_before_ms", sa.BigInteger, nullable=False, autoincrement=False),
    )
    create_index("ix_session_revocations_revoked_before_ms", "session_revocations", ["revoked_before_ms"])
