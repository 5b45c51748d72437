"""PostgreSQL: who may work with it, what is said when it cannot be used."""

from __future__ import annotations

import pytest
from sqlalchemy import NullPool, create_engine, text
from sqlalchemy.exc import ProgrammingError

from hub.store import postgres, schema
from hub.store.database import Database
from hub.store.errors import SchemaError, StoreConflictError, StoreServerError
from hub.store.store import Store
from shared.errors import StoreError
from tests.hub.store.making import WoundClock, furnish
from tests.hub.store.server import Server


async def test_an_empty_database_is_made_ready_with_its_owner_and_kept(server: Server) -> None:
    with server.database("template1") as name:
        for _ in range(2):
            database = await Database.open(server.hub(name), server.owner(name))
            await furnish(Store(database, WoundClock()))
            await database.close()
        database = await Database.open(server.hub(name))
        assert len(await Store(database, WoundClock()).networks()) == 2
        await database.close()


async def test_without_its_owner_an_old_schema_is_left_and_named(server: Server) -> None:
    with server.database("template1") as name:
        with pytest.raises(SchemaError, match="not made yet") as error:
            await Database.open(server.hub(name))
        assert "owner_url" in str(error.value)


async def test_a_newer_programs_schema_is_left_alone(server: Server, postgres_name: str) -> None:
    _run(server.owner(postgres_name), "UPDATE alembic_version SET version_num = '9999'")
    for owner in (None, server.owner(postgres_name)):
        with pytest.raises(SchemaError, match="9999"):
            await Database.open(server.hub(postgres_name), owner)


async def test_a_role_that_row_security_does_not_bind_is_refused(
    server: Server, postgres_name: str
) -> None:
    with pytest.raises(StoreServerError, match="exempt from row-level security"):
        await Database.open(server.owner(postgres_name))


async def test_the_hubs_role_can_neither_change_tables_nor_their_revision(
    server: Server, postgres_name: str
) -> None:
    for statement in ("DROP TABLE clients", "UPDATE alembic_version SET version_num = '0001'"):
        with pytest.raises(ProgrammingError, match=r"must be owner|permission denied"):
            _run(server.hub(postgres_name), statement)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://nobody:secret@/postgres?host=/nowhere",
        "postgresql://nobody:secret@127.0.0.1:1/postgres",
        "mysql://nobody:secret@localhost/mira",
        "not a url",
    ],
)
async def test_a_server_that_cannot_be_used_is_explained_and_no_password_shown(url: str) -> None:
    with pytest.raises(StoreServerError) as error:
        await Database.open(url)
    assert "secret" not in str(error.value)


async def test_a_wrong_password_is_no_missing_server(server: Server, postgres_name: str) -> None:
    url = server.hub(postgres_name).replace("/" + postgres_name, "/no_such_database")
    with pytest.raises(StoreServerError, match="no_such_database"):
        await Database.open(url)


@pytest.mark.parametrize(
    ("state", "kind"),
    [("23505", StoreConflictError), ("57P01", StoreServerError), ("42703", StoreError)],
)
def test_errors_are_told_apart(state: str, kind: type[StoreError]) -> None:
    error = RuntimeError("said the server")
    error.sqlstate = state  # type: ignore[attr-defined]
    explained = postgres.explain(error)
    assert type(explained) is kind
    assert "said the server" in str(explained)


def test_the_history_goes_down_to_the_legacy_schema_and_up_again(server: Server) -> None:
    with server.database("template1") as name:
        engine = create_engine(postgres.address(server.owner(name)), poolclass=NullPool)
        for revision in (schema.HEAD, schema.LEGACY, schema.HEAD):
            with engine.begin() as connection:
                schema.run(connection, revision)


def _run(url: str, statement: str) -> None:
    with create_engine(postgres.address(url), poolclass=NullPool).begin() as connection:
        connection.execute(text(statement))
