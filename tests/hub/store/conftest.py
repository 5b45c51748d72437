"""A database that is made once and copied for each test, and a clock that tests wind.

What is asked of `store` holds for the fake too; what is asked of `sqlite_store` is the real one's.
"""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from hub.store import postgres, schema, sqlite
from hub.store.database import Database
from hub.store.database_file import change_schema
from hub.store.records import NetworkInfo
from hub.store.store import Store
from tests.fakes import MemoryStore
from tests.hub.store.making import WoundClock, furnish
from tests.hub.store.server import Server


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database of the present schema."""
    path = tmp_path_factory.mktemp("template") / "mira.db"
    change_schema(path, schema.HEAD)
    return path


@pytest.fixture
def path(template: Path, tmp_path: Path) -> Path:
    """The file of a fresh database."""
    return Path(shutil.copy(template, tmp_path / "mira.db"))


@pytest.fixture
async def database(path: Path) -> AsyncIterator[Database]:
    """A fresh database, open."""
    database = await Database.open(path)
    yield database
    await database.close()


@pytest.fixture
def clock() -> WoundClock:
    """The hub's clock."""
    return WoundClock()


@pytest.fixture
async def sqlite_store(path: Path, clock: WoundClock) -> AsyncIterator[Store]:
    """A fresh store in the file `path`."""
    database = await Database.open(path)
    yield Store(database, clock)
    await database.close()


@pytest.fixture
def postgres_name(server: Server) -> Iterator[str]:
    """The name of a fresh database on the server."""
    with server.database() as name:
        yield name


@pytest.fixture
async def postgres_database(server: Server, postgres_name: str) -> AsyncIterator[Database]:
    """A fresh database on the server, open as the hub's plain role."""
    database = await Database.open(server.hub(postgres_name))
    yield database
    await database.close()


@pytest.fixture(params=["sqlite", "postgres"])
def any_database(request: pytest.FixtureRequest) -> Database:
    """A fresh database on either engine."""
    fixture = "database" if request.param == "sqlite" else "postgres_database"
    found: Database = request.getfixturevalue(fixture)
    return found


@pytest.fixture(params=["sqlite", "postgres"])
async def owner(
    request: pytest.FixtureRequest, server: Server, path: Path
) -> AsyncIterator[AsyncEngine]:
    """A fresh database on either engine, as one to whom it hides nothing."""
    if request.param == "sqlite":
        engine = sqlite.engine(path)
    else:
        name = request.getfixturevalue("postgres_name")
        engine = postgres.engine(postgres.address(server.owner(name)))
    yield engine
    await engine.dispose()


@pytest.fixture(params=["sqlite", "postgres", "memory"])
def store(request: pytest.FixtureRequest, clock: WoundClock) -> Store:
    """A fresh store: the real one on both engines, then the fake that stands in for it."""
    if request.param == "memory":
        return MemoryStore(clock)
    if request.param == "postgres":
        return Store(request.getfixturevalue("postgres_database"), clock)
    real: Store = request.getfixturevalue("sqlite_store")
    return real


@pytest.fixture
async def home(store: Store) -> NetworkInfo:
    """A network with the devices `kitchen` and `hall`."""
    return await furnish(store)


@pytest.fixture
async def sqlite_home(sqlite_store: Store) -> NetworkInfo:
    """The same, in the real store."""
    return await furnish(sqlite_store)
