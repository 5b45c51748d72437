"""A transaction reaches its own network and nothing else, whatever is asked of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy import delete, func, insert, text, update
from sqlalchemy.orm import aliased
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.store.database import Database
from hub.store.errors import ScopeError
from hub.store.scope import OPERATOR, Scope
from hub.store.store import Store
from hub.store.tables import Client, Network, Row, TenantRow, Token
from shared.ids import new_id
from tests.hub.store.making import WoundClock, furnish, raw
from tests.hub.store.server import Server


@pytest.fixture
async def homes(any_database: Database) -> tuple[str, str]:
    """Two networks with the same devices."""
    store = Store(any_database, WoundClock())
    ours, theirs = [await furnish(store) for _ in range(2)]
    return ours.network_id, theirs.network_id


def test_every_tenant_table_is_known_to_the_guard() -> None:
    tables = {table.name for table in Row.metadata.sorted_tables} - {"networks"}
    assert {kind.__tablename__ for kind in TenantRow.__subclasses__()} == tables


async def test_a_query_that_forgets_its_network_finds_its_own_rows_only(
    any_database: Database, homes: tuple[str, str]
) -> None:
    ours, _ = homes
    other = aliased(Client)
    queries = [
        select(col(Client.network_id)),
        select(col(Client.network_id)).where(
            col(Client.id).in_(select(col(Client.id)).order_by(col(Client.id)).limit(3))
        ),
        select(col(other.network_id)).join(Client, col(Client.name) == col(other.name)),
        select(col(Network.id)).where(col(Network.name) == "Home"),
        select(col(Token.network_id)).outerjoin(Client, col(Client.name) == "kitchen"),
        select(select(col(Client.network_id)).limit(1).scalar_subquery()),
    ]
    async with any_database.session(Scope(ours)) as session:
        for query in queries:
            found = set(await session.exec(query))
            assert found == {ours}, query


async def test_a_subquery_counts_its_own_rows_only(
    any_database: Database, homes: tuple[str, str]
) -> None:
    counted = select(func.count()).select_from(select(Client).subquery())
    async with any_database.session(Scope(homes[0])) as session:
        assert await session.scalar(counted) == 2


async def test_a_change_that_forgets_its_network_changes_its_own_rows_only(
    any_database: Database, homes: tuple[str, str]
) -> None:
    ours, theirs = homes
    async with any_database.transaction(Scope(ours)) as session:
        await session.exec(update(Client).values(name="Changed"))
        await session.exec(update(Network).values(name="Changed"))
        await session.exec(delete(Token).where(col(Token.network_id) != ours))
    store = Store(any_database, WoundClock())
    assert {client.name for client in await store.clients(ours)} == {"Changed"}
    assert {client.name for client in await store.clients(theirs)} == {"kitchen", "hall"}
    assert {network.name for network in await store.networks()} == {"Changed", "Home"}
    async with any_database.session(Scope(theirs)) as session:
        assert await session.scalar(select(func.count()).select_from(Token)) == 3


async def _insert_theirs(session: AsyncSession, theirs: str) -> None:
    client = (await session.exec(select(Client))).first()
    assert client is not None
    values = client.model_dump() | {"id": new_id(), "network_id": theirs, "client_id": "new"}
    await session.exec(insert(Client), params=values)


async def _add_theirs(session: AsyncSession, theirs: str) -> None:
    client = (await session.exec(select(Client))).first()
    assert client is not None
    session.add(Client(**client.model_dump() | {"id": new_id(), "network_id": theirs}))
    await session.flush()


async def _give_away(session: AsyncSession, theirs: str) -> None:
    client = (await session.exec(select(Client))).first()
    assert client is not None
    client.network_id = theirs
    await session.flush()


async def _insert_unseen(session: AsyncSession, theirs: str) -> None:
    await session.exec(insert(Network).values(id=theirs))


async def _ask_in_sql(session: AsyncSession, _: str) -> None:
    await session.exec(text("SELECT * FROM clients"))  # type: ignore[call-overload]


async def _ask_the_table(session: AsyncSession, _: str) -> None:
    await session.exec(select(Client.__table__))  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "deed",
    [_insert_theirs, _add_theirs, _give_away, _insert_unseen, _ask_in_sql, _ask_the_table],
)
async def test_what_the_guard_cannot_allow_is_refused(
    any_database: Database,
    homes: tuple[str, str],
    deed: Callable[[AsyncSession, str], Awaitable[None]],
) -> None:
    ours, theirs = homes
    with pytest.raises(ScopeError):
        async with any_database.transaction(Scope(ours)) as session:
            await deed(session, theirs)
    assert len(await Store(any_database, WoundClock()).clients(theirs)) == 2


@pytest.mark.parametrize("scope", [Scope(), OPERATOR, Scope(token_hash="x")])
async def test_without_a_network_no_tenants_rows_are_to_be_had(
    any_database: Database, homes: tuple[str, str], scope: Scope
) -> None:
    assert homes
    async with any_database.session(scope) as session:
        with pytest.raises(ScopeError):
            await session.exec(select(Client))


async def test_a_hash_opens_its_own_token_only(
    any_database: Database, homes: tuple[str, str]
) -> None:
    ours, _ = homes
    async with any_database.session(Scope(ours)) as session:
        wanted = (await session.exec(select(Token.token_hash))).all()[0]
    async with any_database.session(Scope(token_hash=wanted)) as session:
        assert list(await session.exec(select(Token.token_hash))) == [wanted]
        with pytest.raises(ScopeError):
            await session.exec(select(Network))


async def test_the_server_itself_shows_a_plain_role_nothing_without_a_network(
    postgres_database: Database,
) -> None:
    """What the guard lets through by mistake, row-level security does not."""
    store = Store(postgres_database, WoundClock())
    ours, theirs = [await furnish(store) for _ in range(2)]
    tables = [table.name for table in Row.metadata.sorted_tables]
    async with raw(postgres_database) as session:
        connection = await session.connection()
        for table in tables:
            count = await connection.scalar(text(f"SELECT count(*) FROM {table}"))  # noqa: S608
            assert count == 0, table
        await connection.execute(
            text("SELECT set_config('mira.network_id', :id, true)"), {"id": ours.network_id}
        )
        seen = await connection.scalars(text("SELECT DISTINCT network_id::text FROM clients"))
        assert list(seen) == [ours.network_id]
        gone = await connection.execute(
            text("DELETE FROM clients WHERE network_id = :id"), {"id": theirs.network_id}
        )
        assert gone.rowcount == 0


async def test_row_level_security_binds_the_tables_owner_too(
    server: Server, postgres_database: Database
) -> None:
    assert server
    async with raw(postgres_database) as session:
        connection = await session.connection()
        unbound = await connection.scalars(
            text(
                "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace ="
                " 'public'::regnamespace AND NOT (relrowsecurity AND relforcerowsecurity)"
            )
        )
        assert list(unbound) == ["alembic_version"]


async def test_a_pooled_connection_forgets_for_whom_it_was(
    postgres_database: Database,
) -> None:
    store = Store(postgres_database, WoundClock())
    home = await furnish(store)
    assert len(await store.clients(home.network_id)) == 2
    async with raw(postgres_database) as session:
        connection = await session.connection()
        assert await connection.scalar(text("SELECT count(*) FROM clients")) == 0
