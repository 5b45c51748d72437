"""Microphones held against each other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.audio import FRAME_SAMPLES, Pcm, pcm_from_float
from shared.quality.comparison import BANDS, FEATURES, FEWEST_STEPS, Levels, compare
from shared.quality.meter import QualityMeter
from tests.shared.quality.sounds import Signal, at_level, coloured, in_a_room, voice

SYLLABLE = 4_000


def _irregular() -> Signal:
    """A voice whose pauses are of all lengths: an even one is like itself a syllable later."""
    even, draw = voice(3.0), np.random.default_rng(4)
    parts = []
    for start in range(0, len(even), SYLLABLE):
        parts += [even[start : start + SYLLABLE], np.zeros(draw.integers(0, 3_200))]
    return np.concatenate(parts)


VOICE = _irregular()
SECONDS = len(VOICE) / 16_000


def levels(signal: Signal, dbfs: float = -30.0, noise_dbfs: float = -75.0, seed: int = 5) -> Levels:
    """What a device would send of a signal."""
    noise = at_level(coloured(len(signal) / 16_000, 0.5, seed), noise_dbfs)
    return of(pcm_from_float(at_level(signal, dbfs) + noise[: len(signal)]))


def of(pcm: Pcm) -> Levels:
    meter = QualityMeter()
    meter.push(pcm[: len(pcm) // FRAME_SAMPLES * FRAME_SAMPLES])
    return np.frombuffer(bytes(meter.bands), np.uint8).reshape(-1, BANDS).astype(np.float32)


def features(*heard: Levels, offsets: tuple[int, ...] = ()) -> dict[str, list[float]]:
    rows = compare(heard, offsets or (0,) * len(heard))
    return {name: list(column) for name, column in zip(FEATURES, rows.T, strict=True)}


def test_reverberation_shows_in_how_syllables_die_away_and_vary() -> None:
    found = features(levels(VOICE), levels(in_a_room(VOICE, 0.7)))
    for name in ("change", "modulation", "fall", "snr", "least_snr"):
        dry, wet = found[name]
        assert dry > wet, name


def test_noise_shows_in_the_pauses() -> None:
    clean, noisy = features(levels(VOICE), levels(VOICE, noise_dbfs=-40.0))["snr"]
    assert clean > noisy + 5
    found = features(levels(VOICE), levels(VOICE), levels(coloured(SECONDS)))
    assert found["likeness"][2] < min(found["likeness"][:2]) - 0.3


@pytest.mark.parametrize("gain_db", [-10.0, 15.0])
def test_gain_says_nothing(gain_db: float) -> None:
    quiet, loud = levels(VOICE, -35.0, -70.0), levels(VOICE, -35.0 + gain_db, -70.0 + gain_db)
    for name, (one, other) in features(quiet, loud).items():
        assert one == pytest.approx(other, abs=0.5), name


@pytest.mark.parametrize("late_steps", [-5, 3, 6])
def test_clocks_that_are_off_are_seen_through(late_steps: int) -> None:
    near, far = levels(VOICE), levels(in_a_room(VOICE, 0.4))
    right = compare([near, far], [0, 0])
    wrong = compare([near, far], [0, late_steps])
    np.testing.assert_allclose(wrong, right, atol=0.02)


def test_those_who_began_later_are_compared_on_what_all_heard() -> None:
    near, far = levels(VOICE), levels(in_a_room(VOICE, 0.4))
    cut = compare([near, far[30:]], [0, 30])
    np.testing.assert_allclose(cut, compare([near[30:], far[30:]], [0, 0]), atol=0.2)


def test_one_alone_and_what_is_too_short_are_no_fault() -> None:
    assert compare([levels(VOICE)], [0]).shape == (1, len(FEATURES))
    short = levels(VOICE)[: FEWEST_STEPS - 1]
    assert not compare([short, levels(VOICE)], [0, 0]).any()
    assert not compare([levels(VOICE), levels(VOICE)], [0, 10_000]).any()
    assert not compare([np.zeros((0, BANDS), np.float32)], [0]).any()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 120), st.integers(-30, 30)), min_size=1, max_size=5),
    st.sampled_from([0, 1, 255]),
    st.integers(0, 2**32 - 1),
)
def test_whatever_is_sent_the_features_are_finite(
    devices: list[tuple[int, int]], most: int, seed: int
) -> None:
    draw = np.random.default_rng(seed)
    heard = [draw.integers(0, most + 1, (n, BANDS)).astype(np.float32) for n, _ in devices]
    rows = compare(heard, [offset for _, offset in devices])
    assert rows.shape == (len(devices), len(FEATURES))
    assert np.isfinite(rows).all()
