"""What all tests share."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator

import pytest
from hypothesis import settings

# pytest-asyncio asks for the current loop before it sets its own; where none was ever set, asyncio
# makes one that nobody closes, and with warnings as errors that fails an innocent test.
asyncio.set_event_loop(None)

# How long an example takes says nothing on a machine that does other things too.
settings.register_profile("mira", deadline=None)
settings.load_profile("mira")


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """A daemon's command sets up logging for its whole process, which here is that of all tests."""
    root, access = logging.getLogger(), logging.getLogger("aiohttp.access")
    before = root.handlers[:], root.level, access.level
    yield
    root.handlers[:], root.level, access.level = before
