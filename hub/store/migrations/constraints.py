"""Constraints that the steps write alike, under the names that the table models expect."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from alembic.operations import BatchOperations

TIME = sa.DateTime(timezone=True)


def primary_key(table: str, *columns: str) -> sa.PrimaryKeyConstraint:
    """The table's primary key."""
    return sa.PrimaryKeyConstraint(*columns, name=f"pk_{table}")


def unique(table: str, *columns: str) -> sa.UniqueConstraint:
    """No two rows with the same `columns`."""
    return sa.UniqueConstraint(*columns, name=f"uq_{table}_{'_'.join(columns)}")


def of_network(table: str) -> sa.ForeignKeyConstraint:
    """The row belongs to a network and goes with it."""
    return sa.ForeignKeyConstraint(
        ["network_id"], ["networks.id"], name=f"fk_{table}_network_id", ondelete="CASCADE"
    )


def within_network(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    """`column` refers to a row of `target` in the same network; checked at commit."""
    return sa.ForeignKeyConstraint(
        ["network_id", column],
        [f"{target}.network_id", f"{target}.id"],
        name=f"fk_{table}_network_id_{column}",
        deferrable=True,
        initially="DEFERRED",
    )


def hold_to_network(
    batch: BatchOperations, table: str, references: tuple[tuple[str, str], ...]
) -> None:
    """Gives an existing table its `of_network`, and `within_network` for each reference."""
    batch.create_foreign_key(
        f"fk_{table}_network_id", "networks", ["network_id"], ["id"], ondelete="CASCADE"
    )
    for column, target in references:
        add_within_network(batch, table, column, target)


def add_within_network(batch: BatchOperations, table: str, column: str, target: str) -> None:
    """Gives an existing table a `within_network`."""
    batch.create_foreign_key(
        f"fk_{table}_network_id_{column}",
        target,
        ["network_id", column],
        ["network_id", "id"],
        deferrable=True,
        initially="DEFERRED",
    )


def check_references() -> None:
    """Has PostgreSQL check references now that it would check at commit.

    A table whose rows a step wrote cannot be altered before, by a later step.
    """
    if op.get_bind().dialect.name == "postgresql":
        op.execute("SET CONSTRAINTS ALL IMMEDIATE")
        op.execute("SET CONSTRAINTS ALL DEFERRED")
