"""WAV files, read as audio of Mira's format and written as such."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shared.audio import BYTES_PER_SAMPLE, SAMPLE_RATE, Pcm, mono, pcm_to_bytes, resample
from shared.errors import AudioFormatError


def read_wav(path: Path) -> Pcm:
    """A WAV file's sound: PCM of 8, 16, 24 or 32 bits, any rate, its channels mixed.

    Returns:
        Shape (n,), int16, 16 kHz; of a truncated file what there is.

    Raises:
        AudioFormatError: not there, not readable, not such a file, or a rate no microphone has.
    """
    try:
        with wave.open(str(path), "rb") as file:
            channels, width, rate = file.getnchannels(), file.getsampwidth(), file.getframerate()
            data = file.readframes(file.getnframes())
    except OSError as error:
        raise AudioFormatError(f"{path} cannot be read: {error.strerror or error}.") from error
    except (wave.Error, EOFError) as error:
        raise AudioFormatError(
            f"{path} is not a WAV file of PCM samples: {error or 'it ends too early'}.",
            "Convert it, for example: ffmpeg -i IN -c:a pcm_s16le -ar 16000 -ac 1 OUT.wav",
        ) from error
    whole = len(data) - len(data) % (width * channels)
    samples = _to_int16(np.frombuffer(data[:whole], np.uint8), width)
    return resample(mono(samples.reshape(-1, channels)), rate)


def write_wav(path: Path, pcm: Pcm) -> None:
    """Writes samples of shape (n,), int16, 16 kHz."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(BYTES_PER_SAMPLE)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(pcm_to_bytes(pcm))


def _to_int16(data: NDArray[np.uint8], width: int) -> NDArray[np.int16]:
    """Little-endian samples of `width` bytes as int16; the lower bits are dropped."""
    if width == 1:  # the only width that is unsigned
        return (data.astype(np.int16) - 128) << 8
    upper: NDArray[np.uint8] = np.ascontiguousarray(data.reshape(-1, width)[:, -2:])
    return upper.view("<i2").ravel().astype(np.int16)
