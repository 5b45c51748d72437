"""The elected recording, cleaned with the help of the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hub.enhancement.alignment import Signal, aligned
from hub.enhancement.filters import beamformed, dereverberated, speech_share
from hub.enhancement.spectra import signal_of, spectra_of
from shared.audio import FULL_SCALE, Pcm, pcm_from_float, us_to_samples

_PEAK = 0.99


@dataclass(frozen=True)
class Companion:
    """What another microphone than the elected one recorded of an utterance."""

    pcm: Pcm  # shape (n,), int16, 16 kHz
    late_us: int  # its first sample after the elected one's, to within 0.15 s


def enhance(elected: Pcm, companions: Sequence[Companion]) -> Pcm:
    """What the elected microphone would have heard with less reverberation and noise.

    The companions are aligned with it, reverberation is taken away by prediction from all of them
    (WPE), and noise by a beam (MVDR).

    Args:
        elected: shape (n,), int16, 16 kHz.
        companions: other recordings of the utterance.

    Returns:
        Samples of the elected recording's shape and level; itself, where it has no companions.
    """
    if not companions or not elected.any():
        return elected
    reference = _signal(elected)
    signals = [reference]
    signals += [aligned(reference, _beside(one, len(reference))) for one in companions]
    heard = np.stack([_levelled(signal) for signal in signals if signal.any()])
    spectra = dereverberated(spectra_of(heard))
    made = signal_of(beamformed(spectra, speech_share(spectra)), len(reference))
    made = _levelled(made) * reference.std()
    return pcm_from_float(made * min(1.0, _PEAK / max(1e-9, float(np.abs(made).max()))))


def _beside(companion: Companion, samples: int) -> Signal:
    """The companion's samples from the elected one's first on; 0 where it has none."""
    late = us_to_samples(companion.late_us)
    beside = np.zeros(samples, np.float32)
    first, last = max(0, late), min(samples, late + len(companion.pcm))
    if last > first:
        beside[first:last] = _signal(companion.pcm[first - late : last - late])
    return beside


def _signal(pcm: Pcm) -> Signal:
    return pcm.astype(np.float32) / np.float32(FULL_SCALE)


def _levelled(signal: Signal) -> Signal:
    """Of variance 1."""
    levelled: Signal = signal / (signal.std() + np.float32(1e-9))
    return levelled
