"""Networks, and the devices that belong to them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from hub.store.migrations.constraints import TIME, of_network, primary_key, unique

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Makes both tables, empty."""
    op.create_table(
        "networks",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("network_id", sa.String(64), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("description", sa.String),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("settings", sa.JSON, nullable=False),
        sa.Column("metadata", sa.JSON, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.Column("last_activity", TIME),
        primary_key("networks", "id"),
        unique("networks", "network_id"),
    )
    op.create_table(
        "clients",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("network_id", sa.Uuid, nullable=False),
        sa.Column("client_id", sa.String(64), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("device_type", sa.String(32), nullable=False),
        sa.Column("device_info", sa.JSON),
        sa.Column("capabilities", sa.JSON),
        sa.Column("listening", sa.Boolean, nullable=False),
        sa.Column("connection_status", sa.String(16), nullable=False),
        sa.Column("last_seen", TIME),
        sa.Column("audio_quality_score", sa.Float),
        sa.Column("location", sa.JSON),
        sa.Column("rssi", sa.Float),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        primary_key("clients", "id"),
        of_network("clients"),
        unique("clients", "network_id", "id"),
        unique("clients", "network_id", "client_id"),
    )


def downgrade() -> None:
    """Forgets networks and devices; the step after this one has seen to it that one is left."""
    op.drop_table("clients")
    op.drop_table("networks")
