"""How a sound card's blocks become frames with capture times."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.microphone.microphone import DRIFT_US, Frame, FrameCutter
from shared.audio import Pcm, resample
from shared.errors import AudioFormatError

START_US = 1_700_000_000_000_000


def ramp(samples: int) -> Pcm:
    return np.arange(samples).astype(np.int16)


def joined(frames: list[Frame]) -> Pcm:
    return np.concatenate([frame.pcm for frame in frames]) if frames else np.empty(0, np.int16)


def push_all(cutter: FrameCutter, pcm: Pcm, block: int, rate: int = 16_000) -> list[Frame]:
    frames = []
    for start in range(0, len(pcm), block):
        at_us = START_US + start * 1_000_000 // rate
        frames += cutter.push(pcm[start : start + block], at_us)
    return frames


@given(st.lists(st.integers(0, 2000), max_size=30))
def test_blocks_of_any_length_become_frames_that_lose_nothing(lengths: list[int]) -> None:
    pcm = ramp(sum(lengths))
    cutter, frames, start = FrameCutter(16_000), [], 0
    for length in lengths:
        at_us = START_US + start * 1_000_000 // 16_000
        frames += cutter.push(pcm[start : start + length], at_us)
        start += length
    assert all(len(frame.pcm) == 320 for frame in frames)
    assert np.array_equal(joined(frames), pcm[: len(pcm) // 320 * 320])
    assert [frame.captured_at_us for frame in frames] == [
        START_US + index * 20_000 for index in range(len(frames))
    ]


@settings(max_examples=20, deadline=None)
@given(st.sampled_from([8_000, 22_050, 44_100, 48_000]), st.integers(100, 3000))
def test_other_rates_are_resampled_and_keep_their_times(rate: int, block: int) -> None:
    time = np.arange(rate) / rate
    pcm = np.rint(8000 * np.sin(2 * np.pi * 440 * time)).astype(np.int16)
    frames = push_all(FrameCutter(rate), pcm, block, rate)
    assert len(frames) >= 45  # the resampler keeps some milliseconds back
    got, expected = joined(frames).astype(float), resample(pcm, rate).astype(float)
    assert np.abs(got - expected[: len(got)]).max() <= 2
    assert frames[-1].captured_at_us == START_US + (len(frames) - 1) * 20_000


def test_channels_are_mixed() -> None:
    stereo = np.column_stack((np.full(640, 100), np.full(640, 301))).astype(np.int16)
    assert set(joined(FrameCutter(16_000).push(stereo, START_US))) == {200}


@given(st.lists(st.integers(0, 40_000), min_size=20, max_size=100))
def test_late_blocks_do_not_shake_the_capture_times(delays: list[int]) -> None:
    """As long as one in eight comes in time."""
    cutter, frames = FrameCutter(16_000), []
    for index, delay in enumerate(delays):
        late = 0 if index % 8 == 0 else delay
        frames += cutter.push(ramp(320), START_US + index * 20_000 + late)
    assert [frame.captured_at_us for frame in frames] == [
        START_US + index * 20_000 for index in range(len(delays))
    ]


@settings(max_examples=20, deadline=None)
@given(st.floats(-300, 300))
def test_times_follow_the_clock_when_the_cards_crystal_is_off(parts_per_million: float) -> None:
    cutter = FrameCutter(16_000)
    for index in range(3000):
        true_us = START_US + round(index * 20_000 * (1 + parts_per_million / 1e6))
        (frame,) = cutter.push(ramp(320), true_us)
        assert abs(frame.captured_at_us - true_us) <= DRIFT_US + 8 * 20_000 * 300 / 1e6


@pytest.mark.parametrize("said", [True, False], ids=["reported gap", "silent gap"])
def test_after_lost_samples_the_times_are_right_again(said: bool) -> None:
    cutter = FrameCutter(16_000)
    push_all(cutter, ramp(16_000 + 100), 160)
    resumed_us = START_US + 3_000_000
    frames = []
    for index in range(20):
        gap = said and index == 0
        frames += cutter.push(ramp(320), resumed_us + index * 20_000, gap=gap)
    due_us = resumed_us + 19 * 20_000
    assert abs(frames[-1].captured_at_us - due_us) <= 20_000
    if said:
        assert frames[0].captured_at_us == resumed_us
        assert np.array_equal(frames[0].pcm, ramp(320))  # not joined to what was before
    assert all(later.captured_at_us > earlier.captured_at_us for earlier, later in pairwise(frames))


def test_a_first_block_that_came_late_is_set_right() -> None:
    cutter = FrameCutter(16_000)
    cutter.push(ramp(320), START_US + 60_000)
    for index in range(1, 20):
        (frame,) = cutter.push(ramp(320), START_US + index * 20_000)
    assert frame.captured_at_us == START_US + 19 * 20_000


def test_a_rate_of_no_microphone_is_refused() -> None:
    with pytest.raises(AudioFormatError, match="12 Hz"):
        FrameCutter(12)
