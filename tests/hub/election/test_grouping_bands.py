"""Who hears the same utterance: told by where in time and pitch the energy lies."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from hub.election.candidate import STEP_US, Candidate
from hub.election.grouping import (
    DIVERGENCE_OF_A_STEP_DB,
    MOST_DIVERGENCE_DB,
    SAME,
    SURELY_SAME,
    affinity,
    divergence_db,
    likeness,
)
from shared.audio import us_to_samples
from shared.quality.comparison import BANDS
from tests.hub.election.household import START

UNCERTAINTY_US = 40_000
SEEDS = range(40)

Levels = NDArray[np.float64]
"""Levels of one microphone in dB, shape (steps, BANDS)."""


def voice(seed: int, seconds: float = 4.0) -> Levels:
    """Syllables of random colour, length and height, and pauses between them."""
    rng = np.random.default_rng(seed)
    parts: list[Levels] = [np.full((25, BANDS), -40.0)]
    while sum(map(len, parts)) < seconds * 50:
        colour = rng.normal(0, 8, BANDS) + rng.uniform(50, 65)
        parts.append(np.tile(colour, (int(rng.integers(3, 12)), 1)))
        parts.append(np.full((int(rng.integers(2, 9)), BANDS), -40.0))
    return np.concatenate(parts)[: round(seconds * 50)]


def together(*sounds: Levels) -> Levels:
    """What several make at one microphone; they add up in power."""
    summed: Levels = 10 * np.log10(sum(10 ** (sound / 10) for sound in sounds))
    return summed


def noise(steps: int, level_db: float, seed: int = 0) -> Levels:
    """Steady, but for the chance in every step."""
    return np.random.default_rng(seed).normal(level_db, 1.5, (steps, BANDS))


def candidate(levels: Levels, client: str = "a", *, late_us: int = 0) -> Candidate:
    power_db = 10 * np.log10((10 ** (levels / 10)).mean(axis=1))
    return Candidate(
        utterance_id=f"{client}-1",
        client_id=client,
        started_us=START + late_us,
        uncertainty_us=UNCERTAINTY_US,
        onset_sample=8_000,
        reoffered=False,
        envelope=bytearray(int(level) for level in np.clip(np.rint(power_db), 0, 120)),
        bands=bytearray(np.clip(np.rint(levels), 0, 255).astype(np.uint8).tobytes()),
        samples=us_to_samples(len(levels) * STEP_US),
    )


def rooms(seed: int, margin_db: float, steps: int = 200) -> tuple[Candidate, Candidate]:
    """Two talk at once, each louder by the margin in the room that he is in."""
    first, second = voice(seed)[:steps], voice(1_000 + seed)[:steps]
    hiss = noise(steps, 25, 1), noise(steps, 25, 2)
    return (
        candidate(together(first, second - margin_db, hiss[0])),
        candidate(together(first - margin_db, second, hiss[1]), "b"),
    )


def without_bands(one: Candidate) -> Candidate:
    return replace(one, bands=bytearray())


@pytest.mark.parametrize("seed", SEEDS)
def test_one_talker_is_one_whatever_each_microphone_makes_of_him(seed: int) -> None:
    said, rng = voice(seed), np.random.default_rng(seed)
    colour = rng.normal(0, 5, BANDS) + rng.uniform(-10, 20)
    near = candidate(together(said, noise(200, 20, 1)))
    far = candidate(together(said + colour, noise(200, 42, 2)), "b")
    alike = affinity(near, far)
    assert alike is not None
    assert alike > SAME


def test_two_who_talk_at_once_are_told_apart_by_who_is_louder_in_each_room() -> None:
    pairs = [rooms(seed, margin_db=14) for seed in SEEDS]
    by_bands = sum(affinity(a, b) is None for a, b in pairs)
    by_envelope = sum(affinity(without_bands(a), without_bands(b)) is None for a, b in pairs)
    assert by_bands >= 0.95 * len(pairs)
    assert by_bands > by_envelope


def test_the_more_of_the_other_each_hears_the_less_apart_they_are() -> None:
    for seed in SEEDS:
        apart = [divergence_db(*rooms(seed, margin_db)) for margin_db in (0, 4, 8, 16)]
        assert apart == sorted(apart, key=lambda value: -1 if value is None else value)
        assert apart[0] is not None
        assert apart[0] < 1
        assert affinity(*rooms(seed, 0)) is not None


def test_the_order_of_the_two_and_their_gain_change_nothing() -> None:
    here, there = rooms(3, 8)
    apart = divergence_db(here, there)
    assert apart == pytest.approx(divergence_db(there, here), abs=1e-3)
    louder = replace(there, bands=bytearray(level + 30 for level in there.bands))
    assert apart == pytest.approx(divergence_db(here, louder), abs=1e-3)


@pytest.mark.parametrize("late_us", [-80_000, -30_000, 40_000, 80_000])
def test_clocks_that_are_off_change_nothing(late_us: int) -> None:
    for seed in SEEDS:
        here, there = rooms(seed, 8)
        off = replace(there, started_us=there.started_us + late_us)
        assert divergence_db(here, off) == pytest.approx(divergence_db(here, there), abs=0.01)
        same = candidate(voice(seed), "b", late_us=late_us)
        assert affinity(candidate(voice(seed)), same) == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("missing", [200 * BANDS, 1, BANDS])
def test_where_a_device_does_not_send_all_bands_the_envelope_decides(missing: int) -> None:
    here, there = rooms(4, 8)
    partly = replace(there, bands=there.bands[: len(there.bands) - missing])
    assert divergence_db(here, partly) is None
    assert affinity(here, partly) == affinity(without_bands(here), without_bands(there))
    assert affinity(partly, here) == affinity(here, partly)


@pytest.mark.parametrize("seed", SEEDS)
def test_who_hears_the_next_sentence_too_had_the_first_in_common(seed: int) -> None:
    # To the one, a hangover of silence; to the other, somebody begins in it.
    first = np.concatenate([voice(seed)[:75], np.full((40, BANDS), -40.0)])
    second = np.concatenate([np.full((80, BANDS), -40.0), voice(1_000 + seed)[25:125] + 10])
    here = candidate(together(first, noise(115, 25, 1)))
    padded = np.concatenate([first, np.full((65, BANDS), -40.0)])
    there = candidate(together(padded, second, noise(180, 25, 2)), "b")
    assert affinity(here, there) is not None
    assert affinity(there, here) is not None


def test_bands_in_which_nobody_is_heard_say_nothing() -> None:
    steady = candidate(noise(200, 30)), candidate(noise(200, 30, 1), "b")
    assert divergence_db(*steady) is None
    assert affinity(*steady) is None


def test_a_noise_in_a_few_bands_of_one_does_not_make_two_of_an_utterance() -> None:
    said = voice(6)
    heard = together(said, noise(200, 25, 1))
    rumble = np.full(said.shape, -40.0)
    rumble[60:63, -8:] = 80.0  # a dish: as loud as the speech, and brief
    here, there = candidate(heard), candidate(together(heard, rumble), "b")
    there.envelope[:] = here.envelope  # to which it adds little
    apart = divergence_db(here, there)
    assert apart is not None
    assert apart > MOST_DIVERGENCE_DB + DIVERGENCE_OF_A_STEP_DB / 200
    assert affinity(here, there) == SAME


def test_the_shorter_they_are_the_further_apart_two_may_be() -> None:
    judged = 0
    for seed in SEEDS:
        for margin_db in np.arange(2, 12, 0.25):
            short = rooms(seed, float(margin_db), steps=60)
            apart, alike = divergence_db(*short), likeness(*short)
            assert apart is not None
            assert alike is not None
            if not 9.2 < apart < 11 or alike >= SURELY_SAME:
                continue
            assert affinity(*short) is not None
            # The same four times over is about as far apart, and longer.
            long = [
                replace(c, envelope=c.envelope * 4, bands=c.bands * 4, samples=c.samples * 4)
                for c in short
            ]
            if 9.2 < (divergence_db(*long) or 0) < 11 and (likeness(*long) or 0) < SURELY_SAME:
                assert affinity(*long) is None
                judged += 1
    assert judged > 5
