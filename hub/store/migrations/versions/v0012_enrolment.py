"""Sentences that somebody read so that their voice is known, beside what was learned in passing."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Adds the column."""
    op.add_column(
        "voice_centroids",
        sa.Column("enrolled", sa.Boolean, nullable=False, server_default=sa.false()),
    )


def downgrade() -> None:
    """Takes it away."""
    with op.batch_alter_table("voice_centroids") as batch:
        batch.drop_column("enrolled")
