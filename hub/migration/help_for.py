"""Whether a second process is worth it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from hub.migration.helper import Helper, helper
from hub.migration.moving import move_half
from hub.migration.verification import compare_half

WORTH_BYTES = 50_000_000
"""A smaller legacy file is moved before a second process has begun."""


@asynccontextmanager
async def help_for(size: int, *, served: bool) -> AsyncIterator[Helper | None]:
    """A second process for a legacy file, if that is worth it.

    Args:
        size: of the file, in bytes.
        served: a hub is at work on the same database, for people who wait.
    """
    if served or size < WORTH_BYTES or os.cpu_count() == 1:
        yield None
        return
    async with helper(move_half, compare_half) as other:
        yield other
