"""The legacy system's filters, against SciPy's and against what they are for."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import butter, filtfilt, lfilter

from edge.simulation.speech import murmur
from hub.speakers.legacy_chain import high_pass, legacy_chain, noise_floor, reduce_noise
from shared.audio import FULL_SCALE, SAMPLE_RATE


def noise(samples: int, seed: int = 0) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.random.default_rng(seed).normal(0, 0.1, samples)


@pytest.mark.parametrize("samples", [1, 1000, 48_000])
def test_the_high_pass_is_scipys(samples: int) -> None:
    signal = noise(samples) + 0.5
    expected = lfilter(*butter(5, 80, "highpass", fs=SAMPLE_RATE), signal)
    np.testing.assert_allclose(high_pass(signal), expected, atol=1e-7)


@pytest.mark.parametrize("silent", [1, 2, 235])
def test_the_noise_floor_is_that_of_a_filter_run_over_the_silence_too(silent: int) -> None:
    magnitudes = np.abs(noise(5 * 40).reshape(40, 5))
    frames = 2 * SAMPLE_RATE / 128
    gain = (np.sqrt(1 + 4 * frames**2) - 1) / (2 * frames**2)
    whole = np.pad(magnitudes, ((50, silent), (0, 0)))
    expected = filtfilt([gain], [1, gain - 1], whole, axis=0, padtype=None)
    np.testing.assert_allclose(noise_floor(magnitudes, silent), expected[50:90], rtol=1e-9)


def test_a_steady_hum_is_lowered_by_14_db_and_what_stands_out_stays() -> None:
    time = np.arange(4 * SAMPLE_RATE) / SAMPLE_RATE
    hum = 0.01 * np.sin(2 * np.pi * 200 * time)
    burst = np.where((time > 2) & (time < 2.2), noise(len(time)), 0)
    reduced = reduce_noise(hum + burst)
    before, after = (np.std(s[SAMPLE_RATE : 3 * SAMPLE_RATE // 2]) for s in (hum, reduced))
    assert 20 * np.log10(before / after) == pytest.approx(13.98, abs=0.05)
    loud = slice(round(2.05 * SAMPLE_RATE), round(2.15 * SAMPLE_RATE))
    assert np.dot(reduced[loud], burst[loud]) / np.dot(burst[loud], burst[loud]) > 0.9


@pytest.mark.parametrize("samples", [0, 1, 127, 4000, 16_001])
def test_any_length_stays_and_silence_stays_silence(samples: int) -> None:
    for signal in (np.zeros(samples, np.float32), noise(samples).astype(np.float32)):
        out = legacy_chain(signal)
        assert out.shape == signal.shape
        assert out.dtype == np.float32
        assert np.isfinite(out).all()
        assert signal.any() or not out.any()


def test_loudness_makes_no_difference() -> None:
    signal = murmur(1).astype(np.float32) / np.float32(FULL_SCALE)
    gain = np.float32(1 / 64)
    np.testing.assert_allclose(legacy_chain(signal * gain), legacy_chain(signal) * gain, atol=1e-6)
