"""Revoked sessions: before when a participant's tokens are refused."""

import sqlalchemy as sa

from bihak.storage.migrations.steps import big, create_index, create_table

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    create_table(
        "session_revocations",
        sa.Column("participant_type", sa.String(16), nullable=False, primary_key=True),
        big("participant_id", key=True),
        big("revoked_before_ms"),
    )
    create_index("ix_session_revocations_revoked_before_ms", "session_revocations", ["revoked_before_ms"])
