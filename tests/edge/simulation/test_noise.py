from __future__ import annotations

from typing import get_args

import numpy as np
import pytest

from edge.simulation.home import NoiseKind
from edge.simulation.noise import Signal, make_noise, make_street
from shared.audio import SAMPLE_RATE
from tests.edge.simulation.homes import voice

KINDS: tuple[NoiseKind, ...] = get_args(NoiseKind)


def noise(kind: NoiseKind, seed: int = 1, samples: int = 4 * SAMPLE_RATE) -> Signal:
    return make_noise(kind, samples, np.random.default_rng(seed), [voice(seed=1), voice(seed=2)])


def share_above(signal: Signal, hertz: float) -> float:
    power = np.abs(np.fft.rfft(signal)) ** 2
    frequency = np.fft.rfftfreq(len(signal), 1 / SAMPLE_RATE)
    return float(power[frequency > hertz].sum() / power.sum())


@pytest.mark.parametrize("kind", KINDS)
def test_noise_has_the_asked_length_and_a_level_of_one(kind: NoiseKind) -> None:
    signal = noise(kind)

    assert signal.shape == (4 * SAMPLE_RATE,)
    assert np.sqrt(np.mean(signal**2)) == pytest.approx(1)


@pytest.mark.parametrize("kind", KINDS)
def test_noise_follows_from_its_seed(kind: NoiseKind) -> None:
    assert np.array_equal(noise(kind), noise(kind))
    assert not np.array_equal(noise(kind), noise(kind, seed=2))


@pytest.mark.parametrize("kind", KINDS)
def test_no_time_gives_no_noise(kind: NoiseKind) -> None:
    assert len(noise(kind, samples=0)) == 0


def test_a_fan_hums_and_a_tap_hisses() -> None:
    assert share_above(noise("fan"), 1000) < 0.3
    assert share_above(noise("tap"), 1000) > 0.6


def test_a_television_without_voices_is_silent() -> None:
    silent = make_noise("television", 100, np.random.default_rng(0), [])

    assert not silent.any()


def test_a_television_swells_like_speech_and_a_fan_does_not() -> None:
    def spread(signal: Signal) -> float:
        levels = 10 * np.log10(np.mean(signal.reshape(-1, 320) ** 2, axis=1))
        return float(np.percentile(levels, 90) - np.percentile(levels, 10))

    assert spread(noise("television")) > 2 * spread(noise("fan"))


def test_a_street_rumbles_and_is_louder_at_times() -> None:
    street = make_street(8 * SAMPLE_RATE, np.random.default_rng(1))
    levels = np.sqrt(np.mean(street.reshape(-1, SAMPLE_RATE // 2) ** 2, axis=1))

    assert np.sqrt(np.mean(street**2)) == pytest.approx(1)
    assert levels.max() > 1.3 * levels.min()
    assert np.array_equal(street, make_street(8 * SAMPLE_RATE, np.random.default_rng(1)))
