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
_LEAST_COVERED = 0.7
"""Share of the elected recording's energy of whose time a companion has to have a recording."""


@dataclass(frozen=True)
class Piece:
    """What another microphone than the elected one recorded of an utterance, or of a part of it."""

    pcm: Pcm  # shape (n,), int16, 16 kHz
    late_us: int  # its first sample after the elected one's, to within 0.15 s


def enhance(elected: Pcm, companions: Sequence[Sequence[Piece]]) -> Pcm:
    """What the elected microphone would have heard with less reverberation and noise.

    The companions are aligned with it, reverberation is taken away by prediction from all of them
    (WPE), and noise by a beam (MVDR).

    Args:
        elected: shape (n,), int16, 16 kHz.
        companions: the pieces of each other device. One that lacks too much of what the elected
            one heard is left out: its silence would be taken for the room's.

    Returns:
        Samples of the elected recording's shape and level; itself, where it has no companions.
    """
    if not companions or not elected.any():
        return elected
    reference = _signal(elected)
    beside = [_beside(pieces, reference) for pieces in companions]
    signals = [reference, *(aligned(reference, signal) for signal in beside if signal is not None)]
    if len(signals) == 1:
        return elected
    heard = np.stack([_levelled(signal) for signal in signals])
    spectra = dereverberated(spectra_of(heard))
    made = signal_of(beamformed(spectra, speech_share(spectra)), len(reference))
    made = _levelled(made) * reference.std()
    return pcm_from_float(made * min(1.0, _PEAK / max(1e-9, float(np.abs(made).max()))))


def _beside(pieces: Sequence[Piece], elected: Signal) -> Signal | None:
    """A companion's samples from the elected one's first on, 0 where it has none; None: too few."""
    beside = np.zeros_like(elected)
    covered = np.zeros(len(elected), np.bool_)
    for piece in pieces:
        late = us_to_samples(piece.late_us)
        first, last = max(0, late), min(len(elected), late + len(piece.pcm))
        if last > first:
            beside[first:last] = _signal(piece.pcm[first - late : last - late])
            covered[first:last] = True
    energy = elected**2
    enough = energy[covered].sum() >= _LEAST_COVERED * energy.sum()
    return beside if enough and beside.any() else None


def _signal(pcm: Pcm) -> Signal:
    return pcm.astype(np.float32) / np.float32(FULL_SCALE)


def _levelled(signal: Signal) -> Signal:
    """Of variance 1."""
    levelled: Signal = signal / (signal.std() + np.float32(1e-9))
    return levelled
