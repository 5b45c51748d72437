"""The legacy schema, with which the history begins."""

from __future__ import annotations

from alembic import op

from hub.store.migrations.legacy_tables import NAMES, legacy_tables

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Makes the four legacy tables."""
    tables = legacy_tables()
    for name in NAMES:
        tables[name].create(op.get_bind())


def downgrade() -> None:
    """Leaves nothing."""
    for name in reversed(NAMES):
        op.drop_table(name)
