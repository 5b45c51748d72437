"""The API on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from hub.store.database import Database
from tests.hub.api.site import Household, Site, open_site
from tests.hub.store.conftest import (
    any_database,
    clock,
    database,
    path,
    postgres_database,
    postgres_name,
    template,
)
from tests.hub.store.making import WoundClock

__all__ = (
    "any_database",
    "clock",
    "database",
    "path",
    "postgres_database",
    "postgres_name",
    "template",
)


@pytest.fixture
async def site(any_database: Database, clock: WoundClock) -> AsyncIterator[Site]:
    """See `Site`."""
    async with open_site(any_database, clock) as site:
        yield site


@pytest.fixture
async def home(site: Site) -> Household:
    """A household."""
    return await site.household("home")


@pytest.fixture
async def neighbours(site: Site) -> Household:
    """Another, whose devices are called the same."""
    return await site.household("next door")
