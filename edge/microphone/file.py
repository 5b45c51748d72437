"""A WAV file as a microphone, in real time."""

from __future__ import annotations

import asyncio
import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.microphone.paced import PacedMicrophone
from shared.audio import FRAME_SAMPLES, SAMPLE_RATE, Pcm, mono, resample
from shared.clock import Clock
from shared.errors import MicrophoneError


def read_wav(path: Path) -> Pcm:
    """A WAV file's sound: PCM of 8, 16, 24 or 32 bits, any rate, its channels mixed.

    Raises:
        MicrophoneError: not there, not readable, or not such a file.
        AudioFormatError: a rate that no microphone has.
    """
    try:
        with wave.open(str(path), "rb") as file:
            channels, width, rate = file.getnchannels(), file.getsampwidth(), file.getframerate()
            data = file.readframes(file.getnframes())
    except OSError as error:
        raise MicrophoneError(f"{path} cannot be read: {error.strerror or error}.") from error
    except (wave.Error, EOFError) as error:
        raise MicrophoneError(
            f"{path} is not a WAV file of PCM samples: {error or 'it ends too early'}.",
            "Convert it, for example: ffmpeg -i IN -c:a pcm_s16le -ar 16000 -ac 1 OUT.wav",
        ) from error
    whole = len(data) - len(data) % (width * channels)
    samples = _to_int16(np.frombuffer(data[:whole], np.uint8), width)
    return resample(mono(samples.reshape(-1, channels)), rate)


def _to_int16(data: NDArray[np.uint8], width: int) -> NDArray[np.int16]:
    """Little-endian samples of `width` bytes as int16; the lower bits are dropped."""
    if width == 1:  # the only width that is unsigned
        return (data.astype(np.int16) - 128) << 8
    upper: NDArray[np.uint8] = np.ascontiguousarray(data.reshape(-1, width)[:, -2:])
    return upper.view("<i2").ravel().astype(np.int16)


class FileMicrophone(PacedMicrophone):
    """Plays a WAV file as if it were heard; before it and after it there is digital silence.

    The file keeps its place in time when the microphone is closed and opened again, as a voice in
    a room would.
    """

    def __init__(
        self, path: Path, clock: Clock, *, start_at_us: int | None = None, loop: bool = False
    ) -> None:
        """Makes a closed microphone; `open` raises what `read_wav` raises.

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
            self._pcm = await asyncio.to_thread(read_wav, self._path)
            if self._start_at_us is None:
                self._start_at_us = self._clock()
        await super().open()

    def sound(self, at_us: int) -> Pcm:
        """See `PacedMicrophone`."""
        out = np.zeros(FRAME_SAMPLES, np.int16)
        if self._pcm is None or self._start_at_us is None or not len(self._pcm):
            return out
        first = round((at_us - self._start_at_us) * SAMPLE_RATE / 1_000_000)
        places = np.arange(first, first + FRAME_SAMPLES)
        heard = places >= 0
        if self._loop:
            places %= len(self._pcm)
        heard &= places < len(self._pcm)
        out[heard] = self._pcm[places[heard]]
        return out
