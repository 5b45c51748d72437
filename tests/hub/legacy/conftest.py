"""The legacy API on SQLite; what reads the store by itself, on PostgreSQL too."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from hub.store.database import Database
from tests.hub.legacy.site import LegacySite, open_legacy_site
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
async def site(database: Database, clock: WoundClock) -> AsyncIterator[LegacySite]:
    """Open to the local network."""
    async with open_legacy_site(database, clock) as site:
        yield site


@pytest.fixture
async def any_site(any_database: Database, clock: WoundClock) -> AsyncIterator[LegacySite]:
    """The same, on either database."""
    async with open_legacy_site(any_database, clock) as site:
        yield site


@pytest.fixture
async def guarded(database: Database, clock: WoundClock) -> AsyncIterator[LegacySite]:
    """Open to who shows a token."""
    async with open_legacy_site(database, clock, "token") as site:
        yield site
