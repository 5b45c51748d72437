"""What is said in a simulated home.

Real speech: two readings, cut at their pauses into utterances with their text.

The recordings are the `sample-speech` weights (see `models/catalog.toml`): the opening of
Dickens' "A Tale of Two Cities" and a line of Beckett's "Worstward Ho".
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.signal import lfilter

from shared.audio import SAMPLE_RATE, Pcm, pcm_from_float
from shared.errors import AudioFormatError, WeightsError
from shared.wav import read_wav

_FADE_S = 0.02
_FETCH = "Fetch it with: mira-hub models pull sample-speech"


@dataclass(frozen=True)
class SpokenUtterance:
    """What one person says in one go; `pcm` has shape (n,), dtype int16, 16 kHz."""

    name: str
    pcm: Pcm
    reference: str
    talker: str = ""  # who says it, where that is known


def murmur(seconds: float = 2.0, seed: int = 0) -> Pcm:
    """A voice without words, for whoever has no weights: shape (n,), int16, 16 kHz.

    About four syllables a second of different length and loudness: gliding pulse trains, each
    through two formants of its own. Voice detection takes it for speech.
    """
    rng = np.random.default_rng(seed)
    signal = np.zeros(0)
    while len(signal) < seconds * SAMPLE_RATE:
        length = int(rng.uniform(0.16, 0.34) * SAMPLE_RATE)
        time = np.linspace(0, 1, length)
        pitch = rng.uniform(95, 150) * (1 + rng.uniform(-0.2, 0.2) * time)
        pulses = (np.diff(np.floor(np.cumsum(pitch) / SAMPLE_RATE), prepend=0) > 0).astype(float)
        syllable = np.zeros(length)
        for low_hz, high_hz in ((300, 800), (1000, 2400)):
            angle = 2 * np.pi * rng.uniform(low_hz, high_hz) / SAMPLE_RATE
            syllable += lfilter([1], [1, -2 * 0.97 * np.cos(angle), 0.97**2], pulses)
        syllable *= np.sin(np.pi * np.minimum(1, time / 0.8)) ** 0.5  # a fifth of it is a gap
        syllable *= rng.uniform(0.1, 0.4) / np.abs(syllable).max()
        signal = np.concatenate((signal, syllable))
    return pcm_from_float(signal[: round(seconds * SAMPLE_RATE)])


@dataclass(frozen=True)
class _Cut:
    file: str
    name: str
    start_s: float
    end_s: float
    reference: str


_TALE, _HO = "two_cities.wav", "beckett.wav"
# Times were taken in the middle of the pauses, at least 0.1 s away from the words.
_CUTS = (
    _Cut(_TALE, "times", 1.10, 4.80, "It was the best of times, it was the worst of times,"),
    _Cut(_HO, "tried", 0.20, 5.75, "Ever tried. Ever failed. No matter. Try again."),
    _Cut(_TALE, "wisdom", 4.85, 8.45, "it was the age of wisdom, it was the age of foolishness,"),
    _Cut(
        _TALE,
        "belief",
        8.65,
        13.05,
        "it was the epoch of belief, it was the epoch of incredulity,",
    ),
    _Cut(
        _TALE, "light", 13.30, 16.95, "it was the season of Light, it was the season of Darkness,"
    ),
    _Cut(_HO, "better", 6.45, 9.90, "Fail again. Fail better."),
    _Cut(_TALE, "spring", 17.35, 20.75, "it was the spring of hope, it was the winter of despair,"),
    _Cut(
        _TALE,
        "everything",
        21.05,
        24.25,
        "we had everything before us, we had nothing before us,",
    ),
    _Cut(
        _TALE,
        "heaven",
        24.45,
        28.55,
        "we were all going direct to Heaven, we were all going direct the other way,",
    ),
    _Cut(_TALE, "period", 28.90, 32.50, "in short, the period was so far like the present period,"),
    _Cut(
        _TALE,
        "authorities",
        32.55,
        36.75,
        "that some of its noisiest authorities insisted on its being received,",
    ),
    _Cut(
        _TALE,
        "comparison",
        36.80,
        42.00,
        "for good or for evil, in the superlative degree of comparison only.",
    ),
)


def utterances(folder: Path) -> list[SpokenUtterance]:
    """All utterances of the recordings in `folder`, in a fixed order that mixes the two readers.

    Raises:
        WeightsError: a recording is missing or is not the one that the cuts were made for.
    """
    recordings = {file: _read(folder / file) for file in (_TALE, _HO)}
    return [
        SpokenUtterance(
            cut.name, _cut(recordings[cut.file], cut), cut.reference, Path(cut.file).stem
        )
        for cut in _CUTS
    ]


def _read(path: Path) -> Pcm:
    try:
        return read_wav(path)
    except AudioFormatError as error:
        raise WeightsError(f"The sample speech cannot be used: {error.message}", _FETCH) from error


def _cut(recording: Pcm, cut: _Cut) -> Pcm:
    """The stretch of the recording, faded in and out so that the cut does not click."""
    start, end = round(cut.start_s * SAMPLE_RATE), round(cut.end_s * SAMPLE_RATE)
    if end > len(recording):
        raise WeightsError(
            f"{cut.file} is {len(recording) / SAMPLE_RATE:.1f} s long; at least {cut.end_s} s"
            " were expected.",
            _FETCH,
        )
    fade = np.linspace(0, 1, round(_FADE_S * SAMPLE_RATE))
    stretch = recording[start:end].astype(np.float64)
    stretch[: len(fade)] *= fade
    stretch[-len(fade) :] *= fade[::-1]
    pcm: Pcm = np.rint(stretch).astype(np.int16)
    return pcm
