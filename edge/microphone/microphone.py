"""What every microphone gives, and how a stream of samples becomes frames with capture times."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from shared.audio import FRAME_SAMPLES, Pcm, Resampler, mono, samples_to_us

DRIFT_US = 5_000
"""How far counted samples may stray from the clock before the count is set right."""
_LATENESS_WINDOW = 8


@dataclass(frozen=True, slots=True)
class Frame:
    """20 ms of audio."""

    pcm: Pcm  # shape (320,), int16, 16 kHz mono
    captured_at_us: int  # device clock at the first sample, microseconds


class Microphone(Protocol):
    """A microphone that can be opened and closed many times; iterating it gives its frames.

    The iteration ends when the microphone is closed, whoever closes it. One task iterates.
    """

    @property
    def name(self) -> str:
        """What people call it."""
        ...

    async def open(self) -> None:
        """Starts listening; does nothing when it is open.

        Raises:
            MicrophoneError: it is not there, or cannot be used.
        """
        ...

    async def close(self) -> None:
        """Stops listening and lets go of the device; does nothing when it is closed."""
        ...

    def __aiter__(self) -> AsyncIterator[Frame]:
        """The microphone itself."""
        ...

    async def __anext__(self) -> Frame:
        """The next frame.

        Raises:
            MicrophoneError: it went away; `open` may bring it back.
            StopAsyncIteration: it is closed.
        """
        ...


class FrameCutter:
    """Cuts a sound card's blocks, of any length, rate and channels, into frames of 20 ms.

    Capture times count samples from an anchor, so they are even although blocks arrive unevenly.
    A block can be late for many reasons but never early, so the least late of the last few tells
    how far the count has strayed: more than `DRIFT_US` (the card's crystal drifts, samples were
    lost) sets the anchor anew.
    """

    def __init__(self, rate: int) -> None:
        """Raises AudioFormatError where `rate`, in Hz, is not one of a microphone."""
        self._rate = rate
        self._restart()

    def _restart(self) -> None:
        self._resampler = Resampler(self._rate)
        self._rest: Pcm = np.empty(0, np.int16)
        self._anchor_us: int | None = None
        self._pushed = 0  # samples at the card's rate since the anchor
        self._cut = 0  # samples at 16 kHz given since the anchor
        self._lateness: deque[int] = deque(maxlen=_LATENESS_WINDOW)

    def push(
        self, block: NDArray[np.int16], captured_at_us: int, *, gap: bool = False
    ) -> list[Frame]:
        """The frames that `block` completed.

        Args:
            block: samples of shape (n,) or (n, channels), int16, at the card's rate.
            captured_at_us: device clock at the block's first sample, as well as it is known.
            gap: samples were lost before this block; what was begun is dropped (less than a frame).
        """
        if gap:
            self._restart()
        if self._anchor_us is None:
            self._anchor_us = captured_at_us
        expected_us = self._anchor_us + self._pushed * 1_000_000 // self._rate
        self._lateness.append(captured_at_us - expected_us)
        if len(self._lateness) == _LATENESS_WINDOW:
            strayed = min(self._lateness)
            if abs(strayed) > DRIFT_US:
                self._anchor_us += strayed
                self._lateness.clear()
        self._pushed += len(block)

        ready = np.concatenate((self._rest, self._resampler.push(mono(block))))
        whole = len(ready) - len(ready) % FRAME_SAMPLES
        self._rest = ready[whole:]
        frames = []
        for start in range(0, whole, FRAME_SAMPLES):
            at_us = self._anchor_us + samples_to_us(self._cut)
            frames.append(Frame(ready[start : start + FRAME_SAMPLES], at_us))
            self._cut += FRAME_SAMPLES
        return frames
