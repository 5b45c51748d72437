"""Pieces and mel spectra as librosa and the reference have them."""

from __future__ import annotations

import numpy as np
import pytest

from hub.speakers.features import mel_spectrogram, partial_starts, partials
from shared.audio import SAMPLE_RATE


def tone(hz: float, samples: int = SAMPLE_RATE) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    wave = np.sin(2 * np.pi * hz * np.arange(samples) / SAMPLE_RATE)
    return wave.astype(np.float32)


# From Resemblyzer's compute_partial_slices.
@pytest.mark.parametrize(
    ("samples", "count"),
    [(1, 1), (25600, 1), (31519, 1), (31520, 2), (38000, 2), (44239, 3), (48000, 3), (160000, 12)],
)
def test_pieces_overlap_and_the_last_is_mostly_signal(samples: int, count: int) -> None:
    assert partial_starts(samples) == [77 * index for index in range(count)]
    assert partials(np.zeros(samples, np.float32)).shape == (count, 160, 40)


# The bands that librosa's filters of Slaney's kind give these tones the most of.
@pytest.mark.parametrize(("hz", "band"), [(80, 0), (160, 1), (1040, 13), (2560, 25), (7400, 39)])
def test_a_tone_is_in_its_band(hz: float, band: int) -> None:
    mels = mel_spectrogram(tone(hz))
    assert mels.shape == (101, 40)
    assert set(mels[2:-2].argmax(axis=1)) == {band}


def test_it_is_power_and_each_frame_is_centred() -> None:
    loud = mel_spectrogram(tone(1040))
    half = np.float32(0.5)
    np.testing.assert_allclose(mel_spectrogram(tone(1040) * half), loud * half**2, rtol=1e-4)
    assert loud[50, 13] == pytest.approx(145.899, rel=1e-4)  # librosa's
    assert loud[0, 13] == pytest.approx(49.6197, rel=1e-4)  # for half of it is zeros
    click = np.zeros(SAMPLE_RATE, np.float32)
    click[4800] = 1
    assert mel_spectrogram(click).sum(axis=1).argmax() == 30
