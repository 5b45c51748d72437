"""Up to where a network's event log was cut off; and devices learn of people and reminders."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from hub.store.migrations.telling import events, networks, tell

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Adds the column, and an event for each person and reminder that nobody was told of."""
    op.add_column(
        "networks", sa.Column("event_floor", sa.BigInteger, nullable=False, server_default="0")
    )
    _find_floor()
    for table, kind in (("persons", "person_changed"), ("reminders", "reminder_changed")):
        tell(table, kind)


def downgrade() -> None:
    """Takes the column away. To an older program the new events tell of what it never knew."""
    with op.batch_alter_table("networks") as batch:
        batch.drop_column("event_floor")


def _find_floor() -> None:
    """A log that begins late was cut off before, by a program that knew the column already."""
    first = (
        sa.select(sa.func.min(events.c.seq) - 1)
        .where(events.c.network_id == networks.c.id)
        .scalar_subquery()
    )
    floor = sa.func.coalesce(first, networks.c.event_seq)
    op.get_bind().execute(networks.update().values(event_floor=floor))
