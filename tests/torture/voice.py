"""Words as in `tests.voice`, but each with a vowel of its own.

The hub tells what two devices hear apart by when which bands are loud. All of `tests.voice` has the
same two formants, so a wrong clock made one sentence in five look like another; with these, one in
fifty.
"""

from __future__ import annotations

import numpy as np

from shared.audio import SAMPLE_RATE, Pcm, pcm_from_float
from tests.voice import GAP_S, LENGTHS_S, LOUDNESS, PITCHES

FORMANTS_HZ = {
    "ba": (400, 1000),
    "de": (550, 2300),
    "fi": (300, 2900),
    "go": (450, 700),
    "hu": (350, 1400),
    "ka": (800, 1900),
    "le": (650, 3100),
    "mi": (500, 1600),
}
WIDTHS_HZ = (200, 250)


def say(text: str, gain: float) -> Pcm:
    """The sound of some words, which `tests.voice.understand` understands."""
    pieces = []
    for word in text.split():
        pitch, length_s = PITCHES[word], LENGTHS_S[word]
        time = np.arange(round(length_s * SAMPLE_RATE)) / SAMPLE_RATE
        fade = np.minimum(1, np.minimum(time, length_s - time) / 0.03)
        harmonics = pitch * np.arange(1, 3500 // pitch)
        first, second = (
            np.exp(-(((harmonics - formant) / width) ** 2))
            for formant, width in zip(FORMANTS_HZ[word], WIDTHS_HZ, strict=True)
        )
        levels = first + 0.5 * second + 0.03
        tone = levels @ np.sin(2 * np.pi * harmonics[:, np.newaxis] * time)
        tone *= 0.4 * LOUDNESS[word] / np.abs(tone).max()
        pieces += [tone * fade, np.zeros(round(GAP_S * SAMPLE_RATE))]
    return pcm_from_float(np.concatenate(pieces) * gain)
