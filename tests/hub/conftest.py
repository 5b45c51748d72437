"""What all tests of the hub share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.hub.store.server import Server, running_server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A PostgreSQL server."""
    # A socket's path is short.
    with TemporaryDirectory(prefix="mira-pg-") as folder, running_server(Path(folder)) as server:
        yield server
