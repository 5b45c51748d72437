"""A second process that does a part of the work."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import pytest

from hub.migration.errors import LegacyFileError, MigrationError
from hub.migration.helper import Tell, both, helper


def double(given: int, tell: Tell) -> int:
    tell(f"{given} twice")
    return 2 * given


def fail(given: str, _: Tell) -> None:
    raise LegacyFileError(given, "Mend it.", problems=3)


def die(_: None, __: Tell) -> None:
    os._exit(9)


def wait(_: None, tell: Tell) -> None:
    tell(os.getpid())
    while True:
        pass


async def test_it_does_one_work_after_another_and_tells_how_far_it_is() -> None:
    told: list[Any] = []
    async with helper(double) as other:
        assert await other.do(double, 2, told.append) == 4
        assert await other.do(double, 21, told.append) == 42
    assert told == ["2 twice", "21 twice"]


async def test_its_errors_are_those_of_whoever_asked() -> None:
    async with helper(fail, double) as other:
        with pytest.raises(LegacyFileError) as raised:
            await other.do(fail, "It is damaged.", print)
        assert (raised.value.hint, raised.value.details) == ("Mend it.", {"problems": 3})
        assert await other.do(double, 1, print) == 2


async def test_one_that_is_killed_is_an_error() -> None:
    async with helper(die) as other:
        for _ in range(2):
            with pytest.raises(MigrationError, match="has ended by itself"):
                await other.do(die, None, print)


async def test_both_works_go_on_at_once_and_one_that_fails_ends_the_other() -> None:
    begun: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def own() -> int:
        return await begun

    async def own_that_fails() -> None:
        await begun
        raise ValueError("no room")

    def heard(pid: int) -> None:
        begun.set_result(pid)

    with pytest.raises(ValueError, match="no room"):
        async with helper(wait) as other:
            await both(own_that_fails(), other.do(wait, None, heard))
    with pytest.raises(ProcessLookupError):
        os.kill(begun.result(), 0)
    async with helper(fail) as other:
        endless = asyncio.get_running_loop().create_future()

        async def own_that_goes_on() -> None:
            await endless

        with pytest.raises(LegacyFileError):
            await both(own_that_goes_on(), other.do(fail, "It is damaged.", print))
        assert endless.cancelled()
    async with helper(double) as other:
        assert await both(own(), other.do(double, 2, print)) == (begun.result(), 4)
