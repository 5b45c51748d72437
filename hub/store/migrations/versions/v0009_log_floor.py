"""Up to where a network's event log was cut off; and devices learn of people and reminders."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

from hub.store.migrations.constraints import TIME

revision = "0009"
down_revision = "0008"

networks = sa.table(
    "networks",
    sa.column("id", sa.Uuid),
    sa.column("event_seq", sa.BigInteger),
    sa.column("event_floor", sa.BigInteger),
)
events = sa.table(
    "events",
    sa.column("network_id", sa.Uuid),
    sa.column("seq", sa.BigInteger),
    sa.column("kind", sa.String),
    sa.column("row_id", sa.Uuid),
    sa.column("created_at", TIME),
)


def upgrade() -> None:
    """Adds the column, and an event for each person and reminder that nobody was told of."""
    op.add_column(
        "networks", sa.Column("event_floor", sa.BigInteger, nullable=False, server_default="0")
    )
    _find_floor()
    for table, kind in (("persons", "person_changed"), ("reminders", "reminder_changed")):
        _tell(table, kind)


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


def _tell(name: str, kind: str) -> None:
    """Logs an event for each row of a table, numbered on from its network's newest."""
    rows = sa.table(name, sa.column("id", sa.Uuid), sa.column("network_id", sa.Uuid))
    number = sa.func.row_number().over(partition_by=rows.c.network_id, order_by=rows.c.id)
    bind = op.get_bind()
    bind.execute(
        events.insert().from_select(
            ["network_id", "seq", "kind", "row_id", "created_at"],
            sa.select(
                rows.c.network_id,
                networks.c.event_seq + number,
                sa.literal(kind),
                rows.c.id,
                sa.literal(datetime.now(UTC), TIME),
            ).join_from(rows, networks, networks.c.id == rows.c.network_id),
        )
    )
    count = (
        sa.select(sa.func.count())
        .select_from(rows)
        .where(rows.c.network_id == networks.c.id)
        .scalar_subquery()
    )
    bind.execute(networks.update().values(event_seq=networks.c.event_seq + count))
