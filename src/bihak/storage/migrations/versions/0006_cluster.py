"""What a cluster shares: a name of its own, and which of its nodes live."""

import secrets

import sqlalchemy as sa
from alembic import op

from bihak.storage.migrations.steps import big, create_table

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    create_table("installation", sa.Column("name", sa.String(32), nullable=False, primary_key=True))
    if op.get_bind().exec_driver_sql("SELECT COUNT(*) FROM installation").scalar_one() == 0:
        op.execute(f"INSERT INTO installation (name) VALUES ('{secrets.token_hex(16)}')")
    create_table("presence_nodes", big("node_id", key=True), big("renewed_ms"))
