"""pytest fixtures for tests of households; in a conftest.py or a test file:

pytest_plugins = ["edge.simulation.fixtures"]
"""

from __future__ import annotations

from itertools import count
from pathlib import Path

import pytest

from edge.simulation.household import MakeHousehold, SimulatedHousehold


@pytest.fixture
def household(tmp_path: Path) -> MakeHousehold:
    """Makes households: `async with household(seed=1, engine="fake") as home`.

    Takes the arguments of `SimulatedHousehold`, by name. What it leaves (the hub's log among it)
    is in the test's `tmp_path`.
    """
    numbers = count(1)

    def make(*, seed: int = 0, devices: int = 5, engine: str = "fake") -> SimulatedHousehold:
        folder = tmp_path / f"household-{next(numbers)}"
        return SimulatedHousehold(seed=seed, devices=devices, engine=engine, folder=folder)

    return make
