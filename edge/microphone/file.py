"""A WAV file as a microphone, in real time."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np

from edge.microphone.paced import PacedMicrophone
from shared.audio import FRAME_SAMPLES, SAMPLE_RATE, Pcm
from shared.clock import Clock
from shared.errors import AudioFormatError, MicrophoneError
from shared.wav import read_wav


class FileMicrophone(PacedMicrophone):
    """Plays a WAV file as if it were heard; before it and after it there is digital silence.

    The file keeps its place in time when the microphone is closed and opened again, as a voice in
    a room would.
    """

    def __init__(
        self, path: Path, clock: Clock, *, start_at_us: int | None = None, loop: bool = False
    ) -> None:
        """Makes a closed microphone; `open` raises MicrophoneError where there is no WAV file.

        Args:
            path: the file.
            clock: the device clock.
            start_at_us: when its first sample is heard (device clock); None: at the first `open`.
            loop: begin again at the file's end.
        """
        super().__init__(path.name, clock)
        self._path = path
        self._start_at_us = start_at_us
        self._loop = loop
        self._pcm: Pcm | None = None

    async def open(self) -> None:
        """Reads the file at the first call, then starts; see `Microphone`."""
        if self._pcm is None:
            try:
                self._pcm = await asyncio.to_thread(read_wav, self._path)
            except AudioFormatError as error:
                raise MicrophoneError(error.message, error.hint) from error
            if self._start_at_us is None:
                self._start_at_us = self._clock()
        await super().open()

    def sound(self, at_us: int) -> Pcm:
        """See `PacedMicrophone`."""
        if self._pcm is None or self._start_at_us is None or not len(self._pcm):
            return np.zeros(FRAME_SAMPLES, np.int16)
        first = round((at_us - self._start_at_us) * SAMPLE_RATE / 1_000_000)
        if self._loop and first >= 0:
            first %= len(self._pcm)
        if 0 <= first <= len(self._pcm) - FRAME_SAMPLES:
            return self._pcm[first : first + FRAME_SAMPLES]
        out = np.zeros(FRAME_SAMPLES, np.int16)
        places = np.arange(first, first + FRAME_SAMPLES)
        heard = places >= 0
        if self._loop:
            places %= len(self._pcm)
        heard &= places < len(self._pcm)
        out[heard] = self._pcm[places[heard]]
        return out
