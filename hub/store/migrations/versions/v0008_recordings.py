"""Recordings of what was said, for networks that want them kept, and of what was not recognised."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from hub.store.migrations.constraints import TIME, of_network, primary_key, within_network

revision = "0008"
down_revision = "0007"

TENANT = "nullif(current_setting('mira.network_id', true), '')::uuid"


def upgrade() -> None:
    """Makes the table, which PostgreSQL keeps to the network that a transaction is for."""
    op.create_table(
        "recordings",
        sa.Column("network_id", sa.Uuid, nullable=False),
        sa.Column("interaction_id", sa.Uuid, nullable=False),
        sa.Column("audio", sa.LargeBinary, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        primary_key("recordings", "network_id", "interaction_id"),
        of_network("recordings"),
        within_network("recordings", "interaction_id", "interactions"),
    )
    op.create_index(
        "ix_recordings_network_id_created_at", "recordings", ["network_id", "created_at"]
    )
    if op.get_bind().dialect.name != "postgresql":
        return
    op.execute("ALTER TABLE recordings ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE recordings FORCE ROW LEVEL SECURITY")
    op.execute(
        "CREATE POLICY of_network ON recordings"
        f" USING (network_id = {TENANT}) WITH CHECK (network_id = {TENANT})"
    )


def downgrade() -> None:
    """Takes it away, with what it holds."""
    op.drop_table("recordings")
