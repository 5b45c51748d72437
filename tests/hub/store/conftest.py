"""A database that is made once and copied for each test, and a clock that tests wind.

What is asked of `store` holds for the fake too; what is asked of `sqlite_store` is the real one's.
"""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hub.store import schema
from hub.store.database import Database
from hub.store.database_file import change_schema
from hub.store.records import NetworkInfo
from hub.store.store import Store
from tests.fakes import MemoryStore
from tests.hub.store.making import WoundClock, furnish


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


@pytest.fixture(params=["sqlite", "memory"])
def store(request: pytest.FixtureRequest, clock: WoundClock) -> Store:
    """A fresh store: the real one, then the fake that other tests use in its place."""
    if request.param == "memory":
        return MemoryStore(clock)
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
