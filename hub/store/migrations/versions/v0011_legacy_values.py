"""What a legacy row said that its new columns cannot hold, and what it was like when it was moved.

Interactions and actions have free data for it since 0003; people and conversations get theirs.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

TABLES = ("persons", "conversations")


def upgrade() -> None:
    """Adds the columns."""
    for table in TABLES:
        op.add_column(table, sa.Column("legacy", sa.JSON))
    op.add_column("id_map", sa.Column("checksum", sa.String(32)))
    op.add_column(
        "id_map", sa.Column("quarantined", sa.Boolean, nullable=False, server_default=sa.false())
    )


def downgrade() -> None:
    """Takes them away: repaired values stay repaired."""
    with op.batch_alter_table("id_map") as batch:
        batch.drop_column("checksum")
        batch.drop_column("quarantined")
    for table in TABLES:
        with op.batch_alter_table(table) as batch:
            batch.drop_column("legacy")
