"""The tokens of devices whose network, or place in it, was deleted: they are told so."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from hub.store.migrations.constraints import TIME, primary_key, unique

revision = "0010"
down_revision = "0009"

TENANT = "nullif(current_setting('mira.network_id', true), '')::uuid"
TOKEN = "nullif(current_setting('mira.token_hash', true), '')"  # noqa: S105 - a setting's name


def upgrade() -> None:
    """Makes the table. It outlives the networks that it names, so it does not refer to them."""
    op.create_table(
        "former_tokens",
        sa.Column("network_id", sa.Uuid, nullable=False),
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("ended_at", TIME, nullable=False),
        primary_key("former_tokens", "network_id", "token_hash"),
        unique("former_tokens", "token_hash"),
    )
    if op.get_bind().dialect.name != "postgresql":
        return
    op.execute("ALTER TABLE former_tokens ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE former_tokens FORCE ROW LEVEL SECURITY")
    op.execute(
        "CREATE POLICY of_network ON former_tokens"
        f" USING (network_id = {TENANT}) WITH CHECK (network_id = {TENANT})"
    )
    op.execute(f"CREATE POLICY by_hash ON former_tokens FOR SELECT USING (token_hash = {TOKEN})")


def downgrade() -> None:
    """Takes it away: devices that were away are not told any more."""
    op.drop_table("former_tokens")
