"""The one audio format of Mira: 16 kHz, mono, signed 16-bit, in frames of 20 ms."""

from __future__ import annotations

import numpy as np
import soxr
from numpy.typing import NDArray

from shared.errors import AudioFormatError

SAMPLE_RATE = 16_000
"""Samples per second."""
FRAME_MS = 20
"""Length of a frame in milliseconds."""
FRAME_SAMPLES = SAMPLE_RATE * FRAME_MS // 1000
"""Samples in a frame: 320."""
BYTES_PER_SAMPLE = 2
FULL_SCALE = 32768.0

Pcm = NDArray[np.int16]
"""Samples of shape (n,), dtype int16, 16 kHz mono."""


def samples_to_us(samples: int) -> int:
    """How long `samples` samples last, in microseconds."""
    return samples * 1_000_000 // SAMPLE_RATE


def us_to_samples(us: int) -> int:
    """How many samples fit into `us` microseconds."""
    return us * SAMPLE_RATE // 1_000_000


def pcm_from_bytes(data: bytes) -> Pcm:
    """Samples from little-endian int16 bytes.

    Raises:
        AudioFormatError: an odd number of bytes.
    """
    if len(data) % BYTES_PER_SAMPLE:
        raise AudioFormatError(
            f"{len(data)} bytes are not whole 16-bit samples.", "Send 16-bit little-endian PCM."
        )
    return np.frombuffer(data, dtype="<i2").astype(np.int16, copy=False)


def pcm_to_bytes(pcm: Pcm) -> bytes:
    """Little-endian int16 bytes of `pcm`."""
    return pcm.astype("<i2", copy=False).tobytes()


def pcm_from_float(signal: NDArray[np.floating]) -> Pcm:
    """int16 samples from floats in [-1, 1); louder is clipped, NaN and infinities become 0."""
    finite = np.nan_to_num(np.asarray(signal, dtype=np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    scaled = np.rint(np.clip(finite, -1.0, 1.0) * FULL_SCALE)
    pcm: Pcm = np.minimum(scaled, FULL_SCALE - 1).astype(np.int16)
    return pcm


def mono(signal: NDArray[np.int16]) -> Pcm:
    """The mean of all channels of a signal of shape (n, channels), or the signal of shape (n,)."""
    if signal.ndim == 1:
        return signal
    mixed: Pcm = np.rint(signal.mean(axis=1, dtype=np.float64)).astype(np.int16)
    return mixed


class Resampler:
    """Turns a stream of mono int16 samples at any rate into 16 kHz, without gaps (soxr, HQ)."""

    def __init__(self, rate: int) -> None:
        if not 4_000 <= rate <= 768_000:
            raise AudioFormatError(f"{rate} Hz is not a sample rate of a microphone.", rate=rate)
        self.rate = rate
        self._stream = (
            None
            if rate == SAMPLE_RATE
            else soxr.ResampleStream(rate, SAMPLE_RATE, 1, dtype="int16", quality="HQ")
        )

    def push(self, pcm: Pcm, *, last: bool = False) -> Pcm:
        """Samples at 16 kHz that `pcm` made available; `last` flushes the filter's delay."""
        if self._stream is None:
            return pcm
        out: Pcm = self._stream.resample_chunk(pcm, last=last)
        return out


def resample(pcm: Pcm, rate: int) -> Pcm:
    """A whole recording at `rate` Hz brought to 16 kHz."""
    return Resampler(rate).push(pcm, last=True)
