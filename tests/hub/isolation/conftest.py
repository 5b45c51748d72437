"""Both engines, each with one database for many households."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hub.store import postgres
from tests.hub.isolation.overseer import Overseer, Place
from tests.hub.store.conftest import path, postgres_name, template

__all__ = ("path", "postgres_name", "template")


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest) -> Place:
    """Where a fresh database is."""
    if request.param == "sqlite":
        file = request.getfixturevalue("path")
        return Place(file, f"sqlite:///{file}")
    name = request.getfixturevalue("postgres_name")
    server = request.getfixturevalue("server")
    owner = server.owner(name)
    return Place(server.hub(name), postgres.address(owner))


@pytest.fixture
def overseer(place: Place) -> Iterator[Overseer]:
    """Sees all of the database of `place`."""
    with Overseer.of(place) as overseer:
        yield overseer
