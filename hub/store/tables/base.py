"""What all tables share: names of constraints, and that a row belongs to one network."""

from __future__ import annotations

from sqlalchemy import ForeignKeyConstraint, Index, MetaData
from sqlmodel import Field, SQLModel

from hub.store.types import UuidText

NAMING = {
    "pk": "pk_%(table_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
}


class Row(SQLModel):
    """Base of all tables."""

    metadata = MetaData(naming_convention=NAMING)


class TenantRow(Row):
    """Base of all tables but `networks`: each row belongs to one network and goes with it."""

    network_id: str = Field(sa_type=UuidText)


def of_network() -> ForeignKeyConstraint:
    """The row goes when its network goes."""
    return ForeignKeyConstraint(["network_id"], ["networks.id"], ondelete="CASCADE")


def within_network(column: str, target: str) -> ForeignKeyConstraint:
    """`column` refers to a row of `target` in the same network; checked at commit."""
    return ForeignKeyConstraint(
        ["network_id", column],
        [f"{target}.network_id", f"{target}.id"],
        deferrable=True,
        initially="DEFERRED",
    )


def index(*columns: str) -> Index:
    """An index that begins with the network."""
    return Index(None, "network_id", *columns)
