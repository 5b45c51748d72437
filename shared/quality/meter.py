"""Measures how well a stream is heard, while it comes.

Reverberation and noise fill the gaps between syllables, so the envelopes of a well-heard voice
vary more, and faster. Wolf and Nadeu (Channel selection measures for multi-microphone speech
recognition, Speech Communication 57, 2014) take the variance of cube-root sub-band energies, each
band normalised by its mean. We use the same envelopes, in 12 mel bands at 20 ms steps, and measure
beside their variance their change over 40 ms, which tells more and needs less of the utterance.
All of it is kept as sums, so a step costs the same at an utterance's end as at its start.
"""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from shared.audio import FRAME_SAMPLES, FULL_SCALE, SAMPLE_RATE, Pcm
from shared.errors import AudioFormatError
from shared.quality.comparison import BANDS
from shared.quality.score import score

SILENCE_DB = -120
"""The lowest level reported, in dB re full scale; the highest is 0."""
_BANDS = 12
_LOW_HZ, _HIGH_HZ = 120.0, 4000.0
_FINE_HIGH_HZ = 7000.0
_LAG = 2
"""Steps over which the change of an envelope is taken: 40 ms."""
_CLIPPED = 32_700
"""A converter that clips may stay a little below full scale."""
_ROUNDING_POWER = 1 / 12
"""Power of the rounding to int16 in squared units: the least that a band can tell from nothing."""


def _mel(hz: NDArray[np.floating]) -> NDArray[np.floating]:
    """O'Shaughnessy's mel scale."""
    return 2595 * np.log10(1 + hz / 700)


def _filters() -> NDArray[np.float32]:
    """Weights from power spectrum to bands: (161, 13); the last column sums the whole speech band.

    The last column is scaled to mean power, in squared units of a sample.
    """
    hz = np.fft.rfftfreq(FRAME_SAMPLES, 1 / SAMPLE_RATE)
    low, high = _mel(np.array([_LOW_HZ, _HIGH_HZ]))
    edges = np.interp(np.linspace(low, high, _BANDS + 2), _mel(hz), hz)
    rising = (hz[:, None] - edges[:-2]) / np.diff(edges)[:-1]
    falling = (edges[2:] - hz[:, None]) / np.diff(edges)[1:]
    triangles = np.maximum(0, np.minimum(rising, falling))
    inside = (hz >= _LOW_HZ) & (hz <= _HIGH_HZ)
    to_power = 2 / (FRAME_SAMPLES * np.sum(_WINDOW.astype(np.float64) ** 2))
    return np.column_stack((triangles, inside * to_power)).astype(np.float32)


def _fine_filters() -> NDArray[np.float32]:
    """Weights from power spectrum to the mean power in each of `BANDS` mel bands: (161, BANDS)."""
    hz = np.fft.rfftfreq(FRAME_SAMPLES, 1 / SAMPLE_RATE)
    low, high = _mel(np.array([_LOW_HZ, _FINE_HIGH_HZ]))
    edges = 700 * (10 ** (np.linspace(low, high, BANDS + 2) / 2595) - 1)
    # A band narrower than the spectrum's lines would fall between them.
    width = np.maximum(np.diff(edges), hz[1])
    rising = (hz[:, None] - edges[:-2]) / width[:-1]
    falling = (edges[2:] - hz[:, None]) / width[1:]
    triangles = np.maximum(0, np.minimum(rising, falling))
    filters: NDArray[np.float32] = (triangles / triangles.sum(axis=0)).astype(np.float32)
    return filters


_FULL_SCALE_DB = 20 * math.log10(FULL_SCALE)
_MEAN = np.full(FRAME_SAMPLES, 1 / FRAME_SAMPLES, np.float32)
_WINDOW = np.hanning(FRAME_SAMPLES + 1)[:-1].astype(np.float32)
_FILTERS = _filters()
_FINE = _fine_filters()
_MOST_KURTOSIS = 60.0


class QualityMeter:
    """Takes an utterance's frames as they come and says how well it is heard so far.

    The result does not depend on how the frames are portioned, nor on the microphone's gain (as
    long as nothing clips).
    """

    def __init__(self) -> None:
        self.envelope: list[int] = []
        """Level of each 20 ms step, whole dB re full scale, -120 to 0, without direct current."""
        self.bands = bytearray()
        """Levels in `BANDS` mel bands from 120 Hz to 7 kHz, a byte each, for every 20 ms step: dB
        re one squared unit of the step's spectrum (Hann window), rounded, at least 0."""
        self._powers = np.zeros(2)  # sums of the samples' second and fourth powers
        self._speech_db = np.empty(512, np.float32)  # same in the speech band, re one unit; grows
        self._last = np.empty((0, _BANDS))  # cube-root band energies of the last steps
        self._sum = np.zeros(_BANDS)
        self._sum_of_squares = np.zeros(_BANDS)
        self._sum_of_changes = np.zeros(_BANDS)
        self._clipped_steps = 0

    def push(self, pcm: Pcm) -> None:
        """Takes the next frames: shape (n * 320,), int16.

        Raises:
            AudioFormatError: not whole frames.
        """
        if pcm.ndim != 1 or len(pcm) % FRAME_SAMPLES:
            raise AudioFormatError(f"Samples of shape {pcm.shape} are not whole frames of 20 ms.")
        if not len(pcm):
            return
        self.__dict__.pop("features", None)
        # A few numbers, ten times a second: the number of calls costs, not what they compute.
        steps = pcm.reshape(-1, FRAME_SAMPLES)
        if pcm.max() >= _CLIPPED or pcm.min() <= -_CLIPPED:
            clipped = (steps.max(axis=1) >= _CLIPPED) | (steps.min(axis=1) <= -_CLIPPED)
            self._clipped_steps += int(clipped.sum())

        signal = steps.astype(np.float32)
        signal -= (signal @ _MEAN)[:, None]
        power = np.einsum("ij,ij->i", signal, signal) / (FRAME_SAMPLES * FULL_SCALE**2)
        for step in (power + 10 ** (SILENCE_DB / 10)).tolist():
            self.envelope.append(min(0, max(SILENCE_DB, round(10 * math.log10(step)))))

        spectrum = np.fft.rfft(signal * _WINDOW, axis=1)
        density = (spectrum * spectrum.conj()).real
        fine = 10 * np.log10(density @ _FINE + 1)
        self.bands += np.rint(fine).astype(np.uint8).tobytes()
        squares = np.square(signal, dtype=np.float64)
        self._powers += squares.sum(), np.square(squares).sum()
        bands = density @ _FILTERS
        end = len(self.envelope)
        if end > len(self._speech_db):
            self._speech_db = np.resize(self._speech_db, 2 * end)
        self._speech_db[end - len(steps) : end] = 10 * np.log10(bands[:, -1] + _ROUNDING_POWER)
        roots = np.cbrt(bands[:, :-1]).astype(np.float64)
        self._sum += roots.sum(axis=0)
        self._sum_of_squares += (roots * roots).sum(axis=0)
        joined = np.concatenate((self._last, roots))
        changes = joined[_LAG:] - joined[:-_LAG]
        self._sum_of_changes += (changes * changes).sum(axis=0)
        self._last = joined[-_LAG:]

    @cached_property
    def features(self) -> dict[str, float]:
        """What the score is made of, over everything pushed; all finite, zeros before any push.

        `envelope_variance` and `envelope_change` (over 40 ms): mean over the bands, in squared
        means of the band. `range_db`: 90th minus 10th percentile of the level in the speech
        band: the speech above the noise floor. `level_db`: that 90th percentile, dB re full
        scale. `clipped`: share of steps with a clipped sample. `kurtosis`: natural logarithm
        of the samples' kurtosis, which reverberation and noise lower (at least 0).
        """
        steps = len(self.envelope)
        if not steps:
            return dict.fromkeys(
                (
                    "envelope_variance",
                    "envelope_change",
                    "range_db",
                    "level_db",
                    "clipped",
                    "kurtosis",
                ),
                0.0,
            )
        # One unit more keeps digital silence from dividing by nothing; speech is far above.
        squared_mean = (self._sum / steps) ** 2 + 1
        variance = self._sum_of_squares / steps - (self._sum / steps) ** 2
        change = self._sum_of_changes / max(1, steps - _LAG)
        low, high = steps // 10, steps * 9 // 10
        ordered = np.partition(self._speech_db[:steps], (low, high))
        return {
            "envelope_variance": max(0.0, float((variance / squared_mean).sum()) / _BANDS),
            "envelope_change": float((change / squared_mean).sum()) / _BANDS,
            "range_db": float(ordered[high] - ordered[low]),
            "level_db": max(float(SILENCE_DB), float(ordered[high]) - _FULL_SCALE_DB),
            "clipped": self._clipped_steps / steps,
            "kurtosis": self._log_kurtosis(),
        }

    def _log_kurtosis(self) -> float:
        second, fourth = self._powers
        samples = len(self.envelope) * FRAME_SAMPLES
        kurtosis = samples * fourth / second**2 if second > 0 else 1.0
        return float(np.log(np.clip(kurtosis, 1.0, _MOST_KURTOSIS)))

    @property
    def score(self) -> float:
        """Predicted share of words understood, 0 to 100."""
        return score(self.features)
