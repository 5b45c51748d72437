"""What was refused is remembered once, for a while, and of nobody else."""

from __future__ import annotations

import asyncio
import gc
import weakref

import pytest

from hub.speakers.refusals import REMEMBERED_S, Refusals
from hub.speakers.spaces import CAMPPLUS, GE2E
from tests.hub.speakers.people import person

pytestmark = pytest.mark.looptime


async def test_the_last_refusal_is_told_once() -> None:
    refusals = Refusals()
    refusals.note("home", "ann", person(1), 3.0, GE2E)
    await asyncio.sleep(REMEMBERED_S / 2)
    refusals.note("home", "ann", person(2), 4.0, GE2E)
    await asyncio.sleep(REMEMBERED_S - 1)  # counted anew
    assert refusals.take("home", "ben", GE2E) is None
    found = refusals.take("home", "ann", GE2E)
    assert found is not None
    assert found.speech_s == 4.0
    assert found.vector.tolist() == person(2).tolist()
    assert refusals.take("home", "ann", GE2E) is None


async def test_after_a_while_it_is_gone_though_nobody_asks() -> None:
    refusals, vector = Refusals(), person(1)
    kept = weakref.ref(vector)
    refusals.note("home", "ann", vector, 3.0, GE2E)
    del vector
    await asyncio.sleep(REMEMBERED_S + 1)
    gc.collect()
    assert kept() is None
    assert refusals.take("home", "ann", GE2E) is None


async def test_it_is_of_one_space() -> None:
    refusals = Refusals()
    refusals.note("home", "ann", person(1), 3.0, GE2E)
    assert refusals.take("home", "ann", CAMPPLUS) is None


async def test_what_is_forgotten_is_remembered_no_more() -> None:
    refusals = Refusals()
    for network, name in (("home", "ann"), ("home", "ben"), ("other", "ann")):
        refusals.note(network, name, person(1), 3.0, GE2E)
    refusals.forget("home", "ann")
    assert refusals.take("home", "ann", GE2E) is None
    refusals.forget("home")
    assert refusals.take("home", "ben", GE2E) is None
    assert refusals.take("other", "ann", GE2E) is not None
