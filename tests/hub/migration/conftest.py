"""A fresh database on either engine, and a folder for copies and reports."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.migration.runs import Runs
from hub.store.database import Database
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
def runs(any_database: Database, clock: WoundClock, tmp_path: Path) -> Runs:
    """Moves into a fresh database."""
    return Runs(any_database, clock, tmp_path / "migration")
