"""WAV files in and out."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from shared.audio import Pcm
from shared.errors import AudioFormatError
from shared.wav import read_wav, write_wav


def write(
    path: Path, data: bytes, *, width: int = 2, rate: int = 16_000, channels: int = 1
) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(data)
    return path


def bytes_of(pcm: Pcm, width: int) -> bytes:
    if width == 1:
        return ((pcm >> 8) + 128).astype(np.uint8).tobytes()
    wide = pcm.astype("<i4") << 16
    return wide.view(np.uint8).reshape(-1, 4)[:, 4 - width :].tobytes()


@given(hnp.arrays(np.int16, st.integers(0, 2_000)))
def test_what_is_written_is_read_back(tmp_path_factory: pytest.TempPathFactory, pcm: Pcm) -> None:
    path = tmp_path_factory.getbasetemp() / "round.wav"
    write_wav(path, pcm)
    assert np.array_equal(read_wav(path), pcm)


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_files_of_any_sample_width_are_read(tmp_path: Path, width: int) -> None:
    pcm = np.arange(-32768, 32768, 7).astype(np.int16)
    got = read_wav(write(tmp_path / "a.wav", bytes_of(pcm, width), width=width))
    assert np.abs(got.astype(int) - pcm).max() <= (255 if width == 1 else 0)


def test_other_rates_and_channels_are_converted(tmp_path: Path) -> None:
    time = np.arange(48_000) / 48_000
    tone = 8000 * np.sin(2 * np.pi * 440 * time)
    stereo = np.column_stack((tone, tone / 2)).astype(np.int16)
    got = read_wav(write(tmp_path / "a.wav", stereo.tobytes(), rate=48_000, channels=2))
    expected = 6000 * np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000)
    assert len(got) == 16_000
    assert np.abs(got - expected)[500:-500].max() < 20


def test_a_truncated_file_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    pcm = np.arange(16_000, dtype=np.int16)
    write_wav(tmp_path / "a.wav", pcm)
    data = (tmp_path / "a.wav").read_bytes()
    (tmp_path / "a.wav").write_bytes(data[:-9_001])
    assert np.array_equal(read_wav(tmp_path / "a.wav"), pcm[: 16_000 - 4501])


def test_an_empty_file_is_silence(tmp_path: Path) -> None:
    assert len(read_wav(write(tmp_path / "a.wav", b""))) == 0


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "cannot be read"), (b"", "not a WAV file"), (b"fLaC" * 30, "not a WAV file")],
)
def test_what_is_no_wav_file_is_named(tmp_path: Path, content: bytes | None, words: str) -> None:
    path = tmp_path / "speech.wav"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(AudioFormatError, match=rf"speech\.wav.*{words}"):
        read_wav(path)
