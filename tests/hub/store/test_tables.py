"""Tenants are kept apart by the database itself, not only by those who write to it."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import (
    Boolean,
    Column,
    ForeignKeyConstraint,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Table,
    UniqueConstraint,
    delete,
    insert,
    update,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import AutoString, col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.store.tables import Network, Row
from hub.store.types import JsonDocument, UtcDateTime, UuidText
from shared.ids import new_id
from tests.hub.store.making import SPOKEN_AT

OUTLIVES = "former_tokens"
"""Devices that were away learn from it that their network is gone."""
TENANT_TABLES = [table for table in Row.metadata.sorted_tables if table.name != "networks"]
REFERENCES = [
    (table, constraint)
    for table in TENANT_TABLES
    for constraint in sorted(table.foreign_key_constraints, key=lambda each: str(each.name))
    if constraint.referred_table.name != "networks"
]
OUR_ID, THEIR_ID = (f"{d * 8}-{d * 4}-{d * 4}-{d * 4}-{d * 12}" for d in "ab")
"""What all rows of a network are called."""


def test_every_tenant_table_goes_with_its_network_and_has_an_index_that_begins_with_it() -> None:
    for table in TENANT_TABLES:
        column = table.c.network_id
        assert not column.nullable, table.name
        owners = [key for key in column.foreign_keys if key.column.table.name == "networks"]
        expected = [] if table.name == OUTLIVES else ["CASCADE"]
        assert [key.ondelete for key in owners] == expected, table.name
        indexed = [index.columns for index in table.indexes] + [
            constraint.columns
            for constraint in table.constraints
            if isinstance(constraint, PrimaryKeyConstraint | UniqueConstraint)
        ]
        assert any(columns[0] is column for columns in indexed), table.name


def test_references_between_tenant_tables_name_the_network() -> None:
    for _, constraint in REFERENCES:
        assert constraint.column_keys[0] == "network_id", constraint.name
        assert constraint.elements[0].column.name == "network_id", constraint.name
        assert constraint.ondelete is None, constraint.name


async def _two_full_networks(owner: AsyncEngine) -> tuple[str, str]:
    ours, theirs = new_id(), new_id()
    async with AsyncSession(owner) as session, session.begin():
        for network_id, row_id in ((ours, OUR_ID), (theirs, THEIR_ID)):
            session.add(
                Network(
                    id=network_id,
                    network_id=network_id,
                    name="Home",
                    status="active",
                    settings={},
                    extra={},
                    created_at=SPOKEN_AT,
                    updated_at=SPOKEN_AT,
                )
            )
            await session.flush()
            for table in TENANT_TABLES:
                values = {
                    column.name: network_id
                    if column.name == "network_id"
                    else _value(column, row_id)
                    for column in table.columns
                    if not column.nullable
                }
                await session.exec(insert(table).values(values))
    return ours, theirs


def _value(column: Column[Any], row_id: str) -> object:
    match column.type:
        case UuidText():
            return row_id
        case String() | AutoString() if column.name == "token_hash":
            return row_id
        case String() | AutoString():
            return row_id[0]
        case UtcDateTime():
            return SPOKEN_AT
        case JsonDocument():
            return {}
        case LargeBinary():
            return b""
        case Boolean():
            return True
        case _:
            return 1


@pytest.mark.parametrize(
    ("table", "constraint"),
    [
        pytest.param(table, constraint, id=f"{table.name}.{constraint.column_keys[1]}")
        for table, constraint in REFERENCES
    ],
)
async def test_no_row_can_point_into_another_network(
    owner: AsyncEngine, table: Table, constraint: ForeignKeyConstraint
) -> None:
    ours, _ = await _two_full_networks(owner)
    column = table.c[constraint.column_keys[1]]
    ours_point_at = update(table).where(table.c.network_id == ours)
    async with AsyncSession(owner) as session, session.begin():
        await session.exec(ours_point_at.values({column: OUR_ID}))

    async def point_at_theirs() -> None:
        async with AsyncSession(owner) as session, session.begin():
            await session.exec(ours_point_at.values({column: THEIR_ID}))

    with pytest.raises(IntegrityError):
        await point_at_theirs()


async def test_deleting_a_network_deletes_all_of_it_and_nothing_else(owner: AsyncEngine) -> None:
    ours, theirs = await _two_full_networks(owner)
    async with AsyncSession(owner) as session, session.begin():
        for table, constraint in REFERENCES:
            column = table.c[constraint.column_keys[1]]
            mine = update(table).where(table.c.network_id == ours)
            await session.exec(mine.values({column: OUR_ID}))
    async with AsyncSession(owner) as session, session.begin():
        await session.exec(delete(Network).where(col(Network.id) == ours))
    async with AsyncSession(owner) as session:
        for table in TENANT_TABLES:
            owners = (await session.exec(select(table.c.network_id))).all()
            expected = {ours, theirs} if table.name == OUTLIVES else {theirs}
            assert set(owners) == expected, table.name
