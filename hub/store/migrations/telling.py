"""Events for rows that devices were not told of before, as some steps of the schema need them."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

from hub.store.migrations.constraints import TIME

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


def tell(name: str, kind: str) -> None:
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


def forget(*kinds: str) -> None:
    """Drops events of kinds that an older program does not know; logs have gaps anyway."""
    op.get_bind().execute(events.delete().where(events.c.kind.in_(kinds)))
