"""pytest fixtures for tests of households; in a conftest.py or a test file:

pytest_plugins = ["edge.simulation.fixtures"]
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest_asyncio

from edge.simulation.household import MakeHousehold, SimulatedHousehold


@pytest_asyncio.fixture
async def household(tmp_path: Path) -> AsyncIterator[MakeHousehold]:
    """Makes households: `await household(seed=1, devices=5, engine="fake")`.

    Each is ready when it is returned, ends with the test, and keeps its files (the hub's log among
    them) in the test's `tmp_path`.
    """
    async with AsyncExitStack() as stack:
        made = 0

        async def make(
            *, seed: int = 0, devices: int = 5, engine: str = "fake"
        ) -> SimulatedHousehold:
            nonlocal made
            made += 1
            folder = tmp_path / f"household-{made}"
            home = SimulatedHousehold(seed=seed, devices=devices, engine=engine, folder=folder)
            return await stack.enter_async_context(home)

        yield make
