"""A made-up language that real voice detection takes for speech and a few lines understand.

Each word is a vowel-like sound of its own pitch, so a test can tell which words of an utterance
were understood, and which were lost or came twice.
"""

from __future__ import annotations

import numpy as np

from shared.audio import SAMPLE_RATE, Pcm, pcm_from_float

PITCHES = {"ba": 100, "de": 120, "fi": 144, "go": 173, "hu": 207, "ka": 249, "le": 299, "mi": 358}
"""The pitch of each word, Hz."""
LENGTHS_S = dict(zip(PITCHES, (0.2, 0.4, 0.26, 0.46, 0.22, 0.34, 0.5, 0.3), strict=True))
LOUDNESS = dict(zip(PITCHES, (1.0, 0.5, 0.8, 0.4, 0.6, 1.0, 0.45, 0.7), strict=True))
GAP_S = 0.1


def say(text: str, gain: float = 1.0) -> Pcm:
    """The sound of some words: shape (n,), int16, 16 kHz, 0.3 to 0.6 s a word."""
    pieces = []
    for word in text.split():
        pitch, length_s = PITCHES[word], LENGTHS_S[word]
        time = np.arange(round(length_s * SAMPLE_RATE)) / SAMPLE_RATE
        fade = np.minimum(1, np.minimum(time, length_s - time) / 0.03)
        tone = sum(
            np.sin(2 * np.pi * pitch * k * time) * np.exp(-(((pitch * k - 500) / 500) ** 2))
            + 0.3
            * np.sin(2 * np.pi * pitch * k * time)
            * np.exp(-(((pitch * k - 1800) / 400) ** 2))
            for k in range(1, 3500 // pitch)
        )
        tone *= 0.4 * LOUDNESS[word] / np.abs(tone).max()
        pieces += [tone * fade, np.zeros(round(GAP_S * SAMPLE_RATE))]
    return pcm_from_float(np.concatenate(pieces) * gain)


def understand(pcm: Pcm) -> str:
    """The words in a recording, whatever its gain, with some noise."""
    step = SAMPLE_RATE // 50
    signal = pcm[: len(pcm) // step * step].astype(np.float64)
    levels = np.sqrt((signal.reshape(-1, step) ** 2).mean(axis=1))
    if not len(levels) or levels.max() < 30:
        return ""
    loud = np.concatenate(([False], levels > levels.max() / 10, [False]))
    edges = np.flatnonzero(np.diff(loud.astype(int)))
    words = []
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        if end - start >= 6:  # less is a knock, or half a word
            middle = (start + end) // 2
            words.append(_word(signal[max(0, middle - 4) * step : (middle + 4) * step]))
    return " ".join(words)


def _word(piece: np.ndarray[tuple[int], np.dtype[np.float64]]) -> str:
    spectrum = np.abs(np.fft.rfft(piece, 4 * len(piece)))
    whole = np.fft.irfft(spectrum**2)
    lags = {word: SAMPLE_RATE / pitch for word, pitch in PITCHES.items()}
    # The longest period that fits nearly as well as the best is the pitch, not its half.
    heights = {word: whole[round(lag) - 1 : round(lag) + 2].max() for word, lag in lags.items()}
    return max(heights, key=lambda word: heights[word])
