"""The legacy API's part of a hub's life: what it counted is stored again and again."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

import pytest

from hub.legacy.serving import keep_counts
from hub.legacy.tally import NOTED_EVERY_S, Tally
from shared.errors import StoreError

pytestmark = pytest.mark.looptime


class Stored(Tally):
    """Notes when it is to store; the disk is full at first."""

    def __init__(self) -> None:
        self.at: list[float] = []

    async def store(self) -> None:
        self.at.append(asyncio.get_running_loop().time())
        if len(self.at) <= 2:
            raise StoreError("the disk is full")


async def test_counts_are_stored_once_a_minute_whatever_the_disk_does(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    tally = Stored()
    with suppress(TimeoutError):
        async with asyncio.timeout(4.5 * NOTED_EVERY_S):
            await keep_counts(tally)
    assert tally.at == [NOTED_EVERY_S * n for n in (1, 2, 3, 4)]
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
