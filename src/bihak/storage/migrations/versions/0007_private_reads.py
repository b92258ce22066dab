"""What was read in private stays so, reactions in the order of their events, an index of changed profiles."""

import sqlalchemy as sa
from alembic import op

from bihak.storage.migrations.steps import add_column, big, create_index

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    add_column("message_read_receipts", sa.Column("is_private", sa.Boolean, nullable=False, server_default=sa.false()))
    add_column("conversation_participants", big("shown_read_message_id", nullable=True))
    op.execute(
        "UPDATE conversation_participants SET shown_read_message_id = last_read_message_id "
        "WHERE shown_read_message_id IS NULL AND last_read_message_id IS NOT NULL"
    )
    add_column("message_reactions", big("seq", default="0"))
    create_index("ix_participants_updated_ms", "participants", ["updated_ms"])
