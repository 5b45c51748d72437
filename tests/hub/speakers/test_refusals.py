"""What was refused is remembered once, for a while, and of nobody else."""

from __future__ import annotations

from hub.speakers.refusals import REMEMBERED_S, Refusals
from hub.speakers.spaces import CAMPPLUS, GE2E
from tests.hub.speakers.people import person
from tests.hub.store.making import WoundClock


def test_the_last_refusal_is_told_once_and_not_after_a_while() -> None:
    clock = WoundClock()
    refusals = Refusals(clock)
    refusals.note("home", "ann", person(1), 3.0, GE2E)
    refusals.note("home", "ann", person(2), 4.0, GE2E)
    assert refusals.take("home", "ben", GE2E) is None
    found = refusals.take("home", "ann", GE2E)
    assert found is not None
    assert found.speech_s == 4.0
    assert found.vector.tolist() == person(2).tolist()
    assert refusals.take("home", "ann", GE2E) is None
    refusals.note("home", "ann", person(1), 3.0, GE2E)
    clock.now_us += round(REMEMBERED_S * 1e6)
    assert refusals.take("home", "ann", GE2E) is None


def test_it_is_of_one_space() -> None:
    refusals = Refusals(WoundClock())
    refusals.note("home", "ann", person(1), 3.0, GE2E)
    assert refusals.take("home", "ann", CAMPPLUS) is None


def test_what_is_forgotten_is_remembered_no_more() -> None:
    refusals = Refusals(WoundClock())
    for network, name in (("home", "ann"), ("home", "ben"), ("other", "ann")):
        refusals.note(network, name, person(1), 3.0, GE2E)
    refusals.forget("home", "ann")
    assert refusals.take("home", "ann", GE2E) is None
    refusals.forget("home")
    assert refusals.take("home", "ben", GE2E) is None
    assert refusals.take("other", "ann", GE2E) is not None
