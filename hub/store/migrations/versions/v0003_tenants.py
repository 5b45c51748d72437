"""The legacy tables become a network's: `network_id` on each of them.

SQLite never enforced the legacy system's references, so some point at nothing. These are nulled,
and what they said is kept under `dangling` in the row's free data; the way back restores it.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

from hub.store.errors import DowngradeRefusedError
from hub.store.migrations.constraints import TIME, hold_to_network
from hub.store.migrations.legacy_tables import NAMES, legacy_tables, references

revision = "0003"
down_revision = "0002"

FREE_DATA = {"interactions": "processing_metadata", "actions": "action_data"}
"""Where a table's rows keep what has no column."""

COMPOSITE: dict[str, tuple[tuple[str, str], ...]] = {
    "persons": (),
    "conversations": (),
    "interactions": (("conversation_id", "conversations"), ("speaker_id", "persons")),
    # The other two of the actions' references become free data in the next step.
    "actions": (("interaction_id", "interactions"),),
}
INDEXES: dict[str, tuple[str, ...]] = {
    "persons": (),
    "conversations": (),
    "interactions": ("timestamp", "conversation_id", "speaker_id"),
    "actions": ("interaction_id",),
}

networks = sa.table(
    "networks",
    sa.column("id", sa.Uuid(as_uuid=False)),
    sa.column("network_id", sa.String),
    sa.column("name", sa.String),
    sa.column("status", sa.String),
    sa.column("settings", sa.JSON),
    sa.column("metadata", sa.JSON),
    sa.column("created_at", TIME),
    sa.column("updated_at", TIME),
)


def upgrade() -> None:
    """Adds the column, fills it, then makes the database hold every row to its network."""
    for name in NAMES:
        op.add_column(name, sa.Column("network_id", sa.Uuid))
    for name, free_data in FREE_DATA.items():
        op.add_column(name, sa.Column(free_data, sa.JSON))
    _backfill()
    for name in FREE_DATA:
        for column, target in COMPOSITE[name]:
            _set_dangling_aside(name, column, target)
    for name in NAMES:
        _rebuild(name)


def downgrade() -> None:
    """Takes the column away again.

    Raises:
        DowngradeRefusedError: there is more than one network; their rows would become one heap.
    """
    count = op.get_bind().scalar(sa.select(sa.func.count()).select_from(networks)) or 0
    if count > 1:
        raise DowngradeRefusedError(
            f"The database holds {count} networks, the older schema has room for one.",
            "Delete or export all networks but one, then downgrade again.",
            networks=count,
        )
    for name in reversed(NAMES):
        _undo_rebuild(name)
    for name in FREE_DATA:
        for column, _ in COMPOSITE[name]:
            _put_dangling_back(name, column)
    for name in NAMES:
        order = tuple(column.name for column in legacy_tables()[name].columns)
        with op.batch_alter_table(name, partial_reordering=[order]) as batch:
            if name in FREE_DATA:
                batch.drop_column(FREE_DATA[name])
            batch.drop_column("network_id")
            for column, target in references(name):
                batch.create_foreign_key(f"fk_{name}_{column}", target, [column], ["id"])
            if name == "persons":
                batch.create_index("ix_persons_index", ["index"], unique=True)


def _backfill() -> None:
    bind = op.get_bind()
    tables = [sa.table(name, sa.column("network_id", sa.Uuid(as_uuid=False))) for name in NAMES]
    if not any(
        bind.execute(sa.select(sa.literal(1)).select_from(t).limit(1)).first() for t in tables
    ):
        return
    # After a downgrade the one network that was left is still there, and the rows are its own.
    ids = list(bind.scalars(sa.select(networks.c.id)))
    network_id = ids[0] if len(ids) == 1 else _legacy_network()
    for table in tables:
        bind.execute(table.update().values(network_id=network_id))


def _legacy_network() -> str:
    bind = op.get_bind()
    public_id = "legacy_migration_network"
    found = bind.scalar(sa.select(networks.c.id).where(networks.c.network_id == public_id))
    if found is not None:
        return str(found)
    network_id = str(uuid.uuid4())
    now = datetime.now(UTC)
    bind.execute(
        networks.insert().values(
            id=network_id,
            network_id=public_id,
            name="Legacy Data Migration",
            status="active",
            settings={},
            metadata={},
            created_at=now,
            updated_at=now,
        )
    )
    return network_id


def _set_dangling_aside(name: str, column: str, target: str) -> None:
    bind = op.get_bind()
    rows, targets = _loose(name, column), sa.table(target, sa.column("id"))
    dangling = bind.execute(
        sa.select(rows.c.id, rows.c[column], rows.c[FREE_DATA[name]])
        .select_from(rows.outerjoin(targets, rows.c[column] == targets.c.id))
        .where(rows.c[column].is_not(None), targets.c.id.is_(None))
    ).all()
    for key, reference, free in dangling:
        document: dict[str, Any] = free or {}
        document.setdefault("dangling", {})[column] = str(reference)
        bind.execute(
            rows.update().where(rows.c.id == key).values({column: None, FREE_DATA[name]: document})
        )


def _put_dangling_back(name: str, column: str) -> None:
    bind = op.get_bind()
    rows = _loose(name, column)
    free_data = rows.c[FREE_DATA[name]]
    for key, free in bind.execute(
        sa.select(rows.c.id, free_data).where(free_data.is_not(None), rows.c[column].is_(None))
    ).all():
        reference = (free or {}).get("dangling", {}).get(column)
        if reference is not None:
            bind.execute(rows.update().where(rows.c.id == key).values({column: reference}))


def _loose(name: str, column: str) -> sa.TableClause:
    """The table with ids as the database keeps them: a legacy id may be anything."""
    return sa.table(
        name,
        sa.column("id"),
        sa.column(column),
        sa.column(FREE_DATA[name], sa.JSON(none_as_null=True)),
    )


def _rebuild(name: str) -> None:
    table = legacy_tables()[name]
    table.append_column(sa.Column("network_id", sa.Uuid))
    if name in FREE_DATA:
        table.append_column(sa.Column(FREE_DATA[name], sa.JSON))
    with op.batch_alter_table(name, copy_from=table) as batch:
        for column, _ in references(name):
            batch.drop_constraint(f"fk_{name}_{column}", type_="foreignkey")
        batch.alter_column("network_id", existing_type=sa.Uuid(), nullable=False)
        hold_to_network(batch, name, COMPOSITE[name])
        batch.create_unique_constraint(f"uq_{name}_network_id_id", ["network_id", "id"])
        if name == "persons":
            batch.drop_index("ix_persons_index")
            batch.create_unique_constraint("uq_persons_network_id_index", ["network_id", "index"])
        for column in INDEXES[name]:
            batch.create_index(f"ix_{name}_network_id_{column}", ["network_id", column])


def _undo_rebuild(name: str) -> None:
    with op.batch_alter_table(name) as batch:
        for column in INDEXES[name]:
            batch.drop_index(f"ix_{name}_network_id_{column}")
        for column, _ in COMPOSITE[name]:
            batch.drop_constraint(f"fk_{name}_network_id_{column}", type_="foreignkey")
        batch.drop_constraint(f"fk_{name}_network_id", type_="foreignkey")
        batch.drop_constraint(f"uq_{name}_network_id_id", type_="unique")
        if name == "persons":
            batch.drop_constraint("uq_persons_network_id_index", type_="unique")
