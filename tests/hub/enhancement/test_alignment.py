"""Recordings by clocks of their own, brought onto one time."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.enhancement.alignment import MOST_DELAY, aligned
from shared.audio import SAMPLE_RATE
from tests.hub.enhancement.household import by_clock, likeness, talk

TALK = talk(6)
MIDDLE = slice(SAMPLE_RATE, -SAMPLE_RATE)


def with_noise(signal: np.ndarray, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (signal + rng.normal(0, 0.01, len(signal))).astype(np.float32)


@settings(max_examples=25, deadline=None)
@given(st.floats(-2_400, 2_400), st.floats(-100, 100))
def test_what_is_late_and_drifts_is_brought_into_line(late: float, ppm: float) -> None:
    reference = with_noise(TALK, 1)
    other = with_noise(by_clock(TALK, late, ppm), 2)
    found = aligned(reference, other)
    assert found.shape == reference.shape
    assert found.dtype == np.float32
    assert likeness(found[MIDDLE].astype(float), TALK[MIDDLE]) > 0.95


def test_drift_matters() -> None:
    """What the test above would not see if the drift were left in."""
    late = by_clock(TALK, 0, 100)
    assert likeness(late[MIDDLE], TALK[MIDDLE]) < 0.8


def test_what_is_too_short_for_drift_is_moved_only() -> None:
    short = with_noise(talk(1.4, seed=3), 1)
    moved = np.roll(short, 500)
    moved[:500] = 0
    found = aligned(short, moved)
    assert np.array_equal(found[:-500], short[:-500])
    assert not found[-500:].any()


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 3 * MOST_DELAY), st.sampled_from(["silence", "click", "noise"]))
def test_anything_at_all_gives_samples(samples: int, what: str) -> None:
    rng = np.random.default_rng(samples)
    other = np.zeros(samples, np.float32)
    if what == "click":
        other[samples // 2] = 1
    elif what == "noise":
        other[:] = rng.standard_normal(samples)
    found = aligned(rng.standard_normal(samples).astype(np.float32), other)
    assert found.shape == (samples,)
    assert np.isfinite(found).all()
