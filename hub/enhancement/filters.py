"""Filters over several microphones that take reverberation and noise away.

All are computed in each frequency for itself, from the utterance alone: nothing is learned, and
nobody needs to know where the microphones are.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hub.enhancement.spectra import Spectra

_TAPS, _DELAY = 6, 2
"""Frames of the past that reverberation is predicted from, and how far back they begin: nearer
ones hold the syllable itself."""
_LOADING, _NOISE_LOADING = 1e-4, 1e-3
"""Of a covariance's mean diagonal, added to it, so that it can be inverted."""
_QUIETEST = 15
"""Percentile of a frequency's power that counts as its noise."""
_RANGE_DB = -5.0, 30.0
_SPEECH_DB, _SOFTNESS_DB = 6.0, 1.5
"""Above the noise by this is as likely speech as not, and how soft that limit is."""

Matrices = NDArray[np.complex64]
"""One of each frequency: shape (frequencies, rows, columns)."""


def dereverberated(spectra: Spectra) -> Spectra:
    """Weighted prediction error (Nakatani et al. 2010), with all microphones' pasts (WPE).

    What can be predicted from what all microphones heard a while ago is reverberation, or noise
    that lasts, and is taken away.
    """
    past = _past(spectra)
    # Weights from what is left, round after round, understand no more (0.349 against 0.348).
    weighted: Spectra = past / _power(spectra)[:, None, :]
    among = _loaded(weighted @ _adjoint(past), _LOADING)
    prediction: Matrices = np.linalg.solve(among, weighted @ _adjoint(spectra))
    return spectra - _adjoint(prediction) @ past


def beamformed(spectra: Spectra, speech: NDArray[np.float32]) -> NDArray[np.complex64]:
    """Minimum variance distortionless response towards the first microphone (MVDR).

    In the form of Souden, Benesty and Affes (2010), which asks for no directions: only for the
    share `speech`, shape (frequencies, frames), of each moment that is speech.
    """
    noise = _loaded(_covariance(spectra, 1 - speech), _NOISE_LOADING)
    ratio = np.linalg.solve(noise, _covariance(spectra, speech))
    gain = np.trace(ratio, axis1=1, axis2=2).real
    weights = ratio[:, :, 0] / (gain[:, None] + 1e-12)
    beam: NDArray[np.complex64] = (weights.conj()[:, None, :] @ spectra)[:, 0]
    return beam


def speech_share(spectra: Spectra) -> NDArray[np.float32]:
    """How likely each moment of each frequency is speech: shape (frequencies, frames), 0 to 1.

    It is where all microphones together are above their own noise.
    """
    power = np.abs(spectra) ** 2
    noise = np.percentile(power, _QUIETEST, axis=-1, keepdims=True) * 1.5 + 1e-12
    above = np.clip(10 * np.log10(power / noise + 1e-6), *_RANGE_DB).mean(axis=1)
    wider = np.pad(above, ((1, 1), (0, 0)), mode="edge")
    smooth = (wider[:-2] + wider[1:-1] + wider[2:]) / 3  # over neighbouring frequencies
    share: NDArray[np.float32] = 1 / (1 + np.exp((_SPEECH_DB - smooth) / _SOFTNESS_DB))
    return share.astype(np.float32)


def _past(spectra: Spectra) -> Spectra:
    """The frames that each is predicted from: shape (frequencies, taps * microphones, frames)."""
    frequencies, microphones, frames = spectra.shape
    past = np.zeros((frequencies, _TAPS, microphones, frames), spectra.dtype)
    for tap in range(_TAPS):
        ago = _DELAY + tap
        past[:, tap, :, ago:] = spectra[:, :, : max(0, frames - ago)]
    return past.reshape(frequencies, _TAPS * microphones, frames)


def _power(spectra: Spectra) -> NDArray[np.float32]:
    """Mean over the microphones and three frames: shape (frequencies, frames), never 0."""
    power = (np.abs(spectra) ** 2).mean(axis=1)
    wider = np.pad(power, ((0, 0), (1, 1)), mode="edge")
    smooth: NDArray[np.float32] = (wider[:, :-2] + wider[:, 1:-1] + wider[:, 2:]) / 3
    floor: NDArray[np.float32] = 1e-6 * smooth.max(axis=1, keepdims=True) + 1e-12
    return np.maximum(smooth, floor)


def _covariance(spectra: Spectra, weights: NDArray[np.float32]) -> Matrices:
    total = np.maximum(weights.sum(axis=-1), 1e-6)[:, None, None]
    covariance: Matrices = (spectra * weights[:, None, :]) @ _adjoint(spectra) / total
    return covariance


def _loaded(covariance: Matrices, loading: float) -> Matrices:
    """With that share of its mean diagonal added to it, so that it can be inverted."""
    size = covariance.shape[-1]
    mean = np.trace(covariance, axis1=1, axis2=2).real / size
    diagonal = (loading * mean + 1e-10).astype(np.float32)
    loaded: Matrices = covariance + diagonal[:, None, None] * np.eye(size, dtype=np.float32)
    return loaded


def _adjoint(matrices: Matrices) -> Matrices:
    adjoint: Matrices = matrices.conj().swapaxes(-1, -2)
    return adjoint
