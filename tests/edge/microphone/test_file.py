"""The file as a microphone."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

from edge.microphone.file import FileMicrophone
from edge.microphone.microphone import Microphone
from shared.audio import Pcm, pcm_to_bytes
from shared.errors import MicrophoneError
from tests.edge.microphone.conformance import (
    EPOCH_US,
    MicrophoneConformance,
    joined,
    loop_clock,
    read,
)
from tests.shared.quality.sounds import speech_like


def write_wav(
    path: Path, data: bytes, *, width: int = 2, rate: int = 16_000, channels: int = 1
) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(data)
    return path


class TestFileMicrophone(MicrophoneConformance):
    @pytest.fixture(autouse=True)
    def folder(self, tmp_path: Path) -> None:
        self.path = tmp_path / "speech.wav"

    def playing(self, pcm: Pcm) -> Microphone:
        return FileMicrophone(write_wav(self.path, pcm_to_bytes(pcm)), loop_clock)


@pytest.mark.looptime
@pytest.mark.parametrize("start_us", [500_000, 505_000, -300_000])
async def test_the_file_starts_at_the_stated_time(tmp_path: Path, start_us: int) -> None:
    """A device that was started after it hears it from its middle on."""
    pcm = speech_like(1, -20)
    path = write_wav(tmp_path / "speech.wav", pcm_to_bytes(pcm))
    microphone = FileMicrophone(path, loop_clock, start_at_us=EPOCH_US + start_us)
    await microphone.open()
    heard = joined(await read(microphone, 100))
    start = start_us * 16 // 1000
    assert np.array_equal(heard[max(0, start) : start + 16_000], pcm[max(0, -start) :])
    assert not heard[: max(0, start)].any()
    assert not heard[start + 16_000 :].any()


@pytest.mark.looptime
async def test_a_looped_file_begins_again_without_a_gap(tmp_path: Path) -> None:
    pcm = speech_like(0.37, -20)
    path = write_wav(tmp_path / "speech.wav", pcm_to_bytes(pcm))
    microphone = FileMicrophone(path, loop_clock, loop=True, start_at_us=EPOCH_US + 100_000)
    await microphone.open()
    heard = joined(await read(microphone, 100))
    assert not heard[:1600].any()
    assert np.array_equal(heard[1600:], np.resize(pcm, len(heard) - 1600))


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "cannot be read"), (b"", "not a WAV file"), (b"fLaC" * 30, "not a WAV file")],
)
async def test_what_is_no_wav_file_is_named_with_what_to_do(
    tmp_path: Path, content: bytes | None, words: str
) -> None:
    path = tmp_path / "speech.wav"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(MicrophoneError, match=words) as caught:
        await FileMicrophone(path, loop_clock).open()
    assert "speech.wav" in str(caught.value)


async def test_an_empty_file_gives_silent_frames(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "a.wav", b"")
    microphone = FileMicrophone(path, loop_clock, loop=True)
    await microphone.open()
    assert not (await anext(microphone)).pcm.any()
    await microphone.close()
