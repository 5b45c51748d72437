"""The one audio format, and how other formats become it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from shared.audio import (
    FRAME_SAMPLES,
    Pcm,
    Resampler,
    mono,
    pcm_from_bytes,
    pcm_from_float,
    pcm_to_bytes,
    resample,
    samples_to_us,
    us_to_samples,
)
from shared.errors import AudioFormatError

pcms = hnp.arrays(np.int16, st.integers(0, 50))


@given(pcms)
def test_samples_survive_the_way_through_bytes(pcm: Pcm) -> None:
    back = pcm_from_bytes(pcm_to_bytes(pcm))
    assert back.dtype == np.int16
    assert np.array_equal(back, pcm)


def test_bytes_are_little_endian() -> None:
    assert pcm_to_bytes(np.array([1, -2], np.int16)) == b"\x01\x00\xfe\xff"


def test_half_a_sample_is_refused() -> None:
    with pytest.raises(AudioFormatError, match="3 bytes"):
        pcm_from_bytes(b"abc")


def test_a_frame_lasts_20_ms() -> None:
    assert samples_to_us(FRAME_SAMPLES) == 20_000
    assert us_to_samples(20_000) == FRAME_SAMPLES


@given(st.integers(-(10**12), 10**12))
def test_samples_and_microseconds_agree(samples: int) -> None:
    assert abs(us_to_samples(samples_to_us(samples)) - samples) <= 1


@given(hnp.arrays(np.float32, st.integers(0, 50)))
def test_any_floats_become_samples(signal: np.ndarray) -> None:
    assert pcm_from_float(signal).dtype == np.int16


def test_floats_are_scaled_clipped_and_cleaned() -> None:
    signal = np.array([0.5, -1.0, 1.0, 7.0, -7.0, np.nan, np.inf])
    assert pcm_from_float(signal).tolist() == [16384, -32768, 32767, 32767, -32768, 0, 0]


def test_channels_are_averaged_without_overflow() -> None:
    stereo = np.array([[32767, 32767], [-32768, -32768], [10, 20]], np.int16)
    assert mono(stereo).tolist() == [32767, -32768, 15]
    assert mono(stereo[:, 0]).tolist() == [32767, -32768, 10]


@pytest.mark.parametrize("rate", [8_000, 11_025, 44_100, 48_000, 96_000])
def test_a_tone_keeps_its_pitch_place_and_level_at_any_rate(rate: int) -> None:
    tone = 8000 * np.sin(2 * np.pi * 440 * np.arange(rate) / rate)
    got = resample(np.rint(tone).astype(np.int16), rate)
    expected = 8000 * np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000)
    assert len(got) == pytest.approx(16_000, abs=1)
    assert np.abs(got[300:15_700] - expected[300:15_700]).max() < 20


@given(st.lists(st.integers(0, 700), min_size=1, max_size=20))
def test_a_stream_resampled_in_pieces_is_the_whole_resampled(lengths: list[int]) -> None:
    pcm = np.random.default_rng(1).integers(-9000, 9000, sum(lengths)).astype(np.int16)
    resampler = Resampler(48_000)
    ends = np.cumsum(lengths)
    pieces = [
        resampler.push(pcm[end - length : end]) for end, length in zip(ends, lengths, strict=True)
    ]
    pieces.append(resampler.push(np.empty(0, np.int16), last=True))
    whole, joined = resample(pcm, 48_000), np.concatenate(pieces)
    assert len(joined) == len(whole)
    assert np.abs(joined.astype(int) - whole).max(initial=0) <= 3  # soxr dithers


def test_16_khz_passes_untouched() -> None:
    pcm = np.arange(100, dtype=np.int16)
    assert np.array_equal(resample(pcm, 16_000), pcm)


@pytest.mark.parametrize("rate", [0, -16_000, 3_999, 10**9])
def test_a_rate_of_no_microphone_is_refused(rate: int) -> None:
    with pytest.raises(AudioFormatError, match="not a sample rate"):
        Resampler(rate)
