"""Whose turn it is to write, within a program and between programs."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.store.sqlite import BUSY_TIMEOUT_S
from hub.store.turn import LOOK_EVERY_S, Turn

pytestmark = pytest.mark.looptime


def seconds() -> float:
    """Since the test began, of virtual time."""
    return asyncio.get_running_loop().time()


@pytest.fixture
def turns(tmp_path: Path) -> Iterator[tuple[Turn, Turn]]:
    """Those of two programs that use one database."""
    opened = [os.open(tmp_path / "turn", os.O_RDWR | os.O_CREAT) for _ in range(2)]
    yield Turn(opened[0]), Turn(opened[1])
    for descriptor in opened:
        os.close(descriptor)


async def test_only_one_program_has_it_and_the_other_gets_it_soon(
    turns: tuple[Turn, Turn],
) -> None:
    said: list[str] = []

    async def write(turn: Turn, name: str, for_s: float) -> None:
        async with turn:
            said.append(f"{name} begins")
            await asyncio.sleep(for_s)
            said.append(f"{name} ends")

    first = asyncio.ensure_future(write(turns[0], "first", 1.0))
    await asyncio.sleep(0.1)
    await write(turns[1], "second", 0.0)
    await first
    assert said == ["first begins", "first ends", "second begins", "second ends"]
    assert seconds() == pytest.approx(1.0, abs=2 * LOOK_EVERY_S)


async def test_within_a_program_it_goes_to_who_came_first(turns: tuple[Turn, Turn]) -> None:
    order: list[int] = []

    async def write(number: int) -> None:
        async with turns[0]:
            await asyncio.sleep(0.01)
            order.append(number)

    await asyncio.gather(*(write(number) for number in range(5)))
    assert order == [0, 1, 2, 3, 4]


async def test_who_gives_up_waiting_leaves_it_to_the_others(turns: tuple[Turn, Turn]) -> None:
    async with turns[0]:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1), turns[1]:
                pytest.fail("two had it at once")
    async with asyncio.timeout(0.1), turns[1]:
        pass


async def test_a_program_that_hangs_does_not_keep_it_for_ever(turns: tuple[Turn, Turn]) -> None:
    async with turns[0], turns[1]:
        assert seconds() == pytest.approx(BUSY_TIMEOUT_S, abs=0.1)
