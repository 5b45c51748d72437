"""Recordings that come as a whole: WAV, FLAC, or plain samples."""

from __future__ import annotations

import os

import numpy as np
import soundfile

from shared.audio import FRAME_SAMPLES, SAMPLE_RATE, Pcm, mono, pcm_from_bytes, resample
from shared.errors import AudioFormatError

LONGEST_S = 30
"""As long as a device's utterance may be."""
SHORTEST_S = 0.1


def read_recording(data: bytes, rate: int) -> Pcm:
    """A recording's sound.

    Args:
        data: a WAV or FLAC file, or little-endian 16-bit mono samples.
        rate: of plain samples, in Hz; a file says its own.

    Returns:
        Shape (n,), int16, 16 kHz, of whole frames.

    Raises:
        AudioFormatError: it is damaged, of another format, too long, too short, or silent.
    """
    if data[:4] in (b"RIFF", b"fLaC"):
        pcm = _from_file(data)
    else:
        _check_length(len(data) / 2 / rate)
        pcm = resample(pcm_from_bytes(data), rate)
    if not pcm.any():
        raise AudioFormatError("The recording holds nothing but digital silence.")
    return np.concatenate((pcm, np.zeros(-len(pcm) % FRAME_SAMPLES, np.int16)))


def as_flac(pcm: Pcm) -> bytes:
    """A FLAC file of sound of shape (n,), int16, 16 kHz; `read_recording` gives it back."""
    handle = os.memfd_create("recording")
    try:
        with soundfile.SoundFile(
            handle, "w", SAMPLE_RATE, 1, "PCM_16", format="FLAC", closefd=False
        ) as file:
            file.write(pcm)
        size = os.lseek(handle, 0, os.SEEK_END)
        return os.pread(handle, size, 0)
    finally:
        os.close(handle)


def _from_file(data: bytes) -> Pcm:
    # As a file in memory: for one of Python's, soundfile would make code at run time, which the
    # hub's sandbox forbids.
    handle = os.memfd_create("recording")
    try:
        os.write(handle, data)
        os.lseek(handle, 0, os.SEEK_SET)
        with soundfile.SoundFile(handle, closefd=False) as file:
            _check_length(file.frames / file.samplerate)
            # Read no further than that: a FLAC file may say less than it unpacks to.
            samples = file.read(round((LONGEST_S + 1) * file.samplerate), dtype="int16")
            rate: int = file.samplerate
    except (soundfile.SoundFileError, ValueError) as error:
        raise AudioFormatError(
            f"The recording is damaged, or no WAV or FLAC file: {error}."
        ) from error
    finally:
        os.close(handle)
    _check_length(len(samples) / rate)
    return resample(mono(samples), rate)


def _check_length(seconds: float) -> None:
    if not SHORTEST_S <= seconds <= LONGEST_S:
        raise AudioFormatError(
            f"The recording is {seconds:.1f} s long; {SHORTEST_S} to {LONGEST_S} s can be taken.",
            "Send one utterance at a time.",
        )
