"""A pairing code is found by its public part, and proved by a key made of its secret one."""

from __future__ import annotations

from typing import Literal

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

TOKEN = "nullif(current_setting('mira.token_hash', true), '')"  # noqa: S105 - a setting's name


def upgrade() -> None:
    """Adds the key. Codes live for ten minutes: those of before are not carried over."""
    op.execute("DELETE FROM pairing_codes")
    postgres = op.get_bind().dialect.name == "postgresql"
    # SQLite adds no column that is NOT NULL to a table as it is, be it empty.
    recreate: Literal["auto", "always"] = "auto" if postgres else "always"
    with op.batch_alter_table("pairing_codes", recreate=recreate) as table:
        table.add_column(sa.Column("proof_key", sa.String(64), nullable=False))
    if postgres:
        op.execute(f"CREATE POLICY by_hash ON pairing_codes FOR SELECT USING (code_hash = {TOKEN})")


def downgrade() -> None:
    """Takes the key away."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP POLICY by_hash ON pairing_codes")
    with op.batch_alter_table("pairing_codes") as table:
        table.drop_column("proof_key")
