"""Where somebody begins to speak and where they have ended."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.activity import ActivityDecider, ActivityDetector, Endpoint, NoiseFloor, Onset, level_db
from shared.audio import FRAME_SAMPLES, Pcm
from tests.shared.quality.sounds import noise, speech_like

QUIET_DB, LOUD_DB = -60.0, -30.0
Event = Onset | Endpoint | None


def decide(decider: ActivityDecider, flags: str, loud_db: float = LOUD_DB) -> list[Event]:
    """`#` is a loud voiced frame, `.` a quiet one without voice."""
    return [decider.push(flag == "#", loud_db if flag == "#" else QUIET_DB) for flag in flags]


def happened(events: list[Event]) -> list[tuple[int, Event]]:
    return [(index, event) for index, event in enumerate(events) if event]


def listen(pcm: Pcm, detector: ActivityDetector | None = None) -> list[tuple[int, Event]]:
    detector = detector or ActivityDetector()
    return happened([detector.push(frame) for frame in pcm.reshape(-1, FRAME_SAMPLES)])


def seconds(index: int) -> float:
    return index / 50


# The decider


def test_speech_begins_at_its_first_frame_and_ends_after_the_hangover() -> None:
    decider = ActivityDecider(hangover_ms=200)
    events = decide(decider, "." * 20 + "#" * 20 + "." * 30)
    (onset_at, onset), (end_at, end) = happened(events)
    assert isinstance(onset, Onset)
    assert onset_at - onset.frames_back == 20
    assert isinstance(end, Endpoint)
    assert end_at == 39 + 10


def test_a_knock_is_not_speech() -> None:
    assert not happened(decide(ActivityDecider(), ("." * 20 + "###") * 5 + "." * 20))


def test_a_pause_shorter_than_the_hangover_is_part_of_the_utterance() -> None:
    decider = ActivityDecider(hangover_ms=400)
    events = decide(decider, "." * 9 + "#" * 20 + "." * 19 + "#" * 9 + "." * 40)
    assert [type(event) for _, event in happened(events)] == [Onset, Endpoint]


def test_single_voiced_frames_do_not_hold_an_utterance_open() -> None:
    decider = ActivityDecider(hangover_ms=400)
    events = decide(decider, "." * 9 + "#" * 20 + ("." * 9 + "#") * 10)
    assert isinstance(happened(events)[-1][1], Endpoint)


def test_voiced_frames_at_the_level_of_the_noise_are_no_speech() -> None:
    assert not happened(decide(ActivityDecider(), "." * 50 + "#" * 100, loud_db=QUIET_DB + 3))


def test_steady_noise_that_sounds_voiced_ends_when_it_has_become_the_noise_floor() -> None:
    events = happened(decide(ActivityDecider(hangover_ms=700), "." * 250 + "#" * 400))
    assert [type(event) for _, event in events] == [Onset, Endpoint]
    assert seconds(events[-1][0] - 250) <= 5 + 0.7


def test_the_noise_floor_falls_at_once_and_rises_in_five_seconds() -> None:
    floor = NoiseFloor()
    assert [floor.push(-40.0) for _ in range(300)][-1] == pytest.approx(-40)
    assert [floor.push(-60.0) for _ in range(20)][-1] == pytest.approx(-60, abs=0.1)
    rising = [floor.push(-40.0) for _ in range(300)]
    assert rising[190] < -55
    assert rising[255] == pytest.approx(-40, abs=0.1)


levels = st.floats(-200, 20, allow_nan=False)


@given(st.lists(st.tuples(st.booleans(), levels), max_size=400), st.integers(1, 60))
def test_onsets_and_endpoints_take_turns_whatever_comes(
    frames: list[tuple[bool, float]], hangover_frames: int
) -> None:
    decider = ActivityDecider(hangover_ms=hangover_frames * 20)
    speaking = False
    for index, (voiced, level) in enumerate(frames):
        event = decider.push(voiced, level)
        match event:
            case Onset(frames_back=back):
                assert not speaking
                assert 5 <= back <= 7
                assert back <= index
                assert frames[index - back][0]
                speaking = True
            case Endpoint():
                assert speaking
                speaking = False
        assert decider.speaking == speaking


@given(st.lists(st.tuples(st.booleans(), levels), max_size=200), st.integers(1, 60))
def test_speech_always_ends_after_the_hangover_when_no_frame_is_voiced(
    frames: list[tuple[bool, float]], hangover_frames: int
) -> None:
    decider = ActivityDecider(hangover_ms=hangover_frames * 20)
    for voiced, level in frames:
        decider.push(voiced, level)
    was_speaking = decider.speaking
    ends = [decider.push(False, QUIET_DB) for _ in range(hangover_frames)]
    assert ends.count(Endpoint()) == was_speaking
    assert not decider.speaking


# With webrtcvad


@pytest.mark.parametrize("gain_db", [0, -15, 10])
def test_speech_over_noise_is_found_where_it_is_at_any_gain(gain_db: float) -> None:
    pcm = noise(6, -65 + gain_db)
    pcm[2 * 16000 : 4 * 16000] += speech_like(2, -30 + gain_db)
    (onset_at, onset), (end_at, end) = listen(pcm)
    assert isinstance(onset, Onset)
    assert seconds(onset_at - onset.frames_back) == pytest.approx(2, abs=0.1)
    assert isinstance(end, Endpoint)
    assert seconds(end_at) == pytest.approx(4 + 0.7, abs=0.2)


@pytest.mark.parametrize(
    "pcm",
    [
        np.zeros(16000 * 5, np.int16),
        np.full(16000 * 5, 12_000, np.int16),
        noise(10, -60),
        noise(10, -30),
        noise(10, -30, tilt=1.0),
    ],
    ids=["digital silence", "direct current", "quiet noise", "loud noise", "fan"],
)
def test_what_is_not_speech_is_not_taken_for_it(pcm: Pcm) -> None:
    assert not listen(pcm)


def test_a_fan_that_is_switched_on_does_not_hold_an_utterance_open() -> None:
    pcm = np.concatenate((noise(5, -65), noise(15, -35, tilt=1.0)))
    detector = ActivityDetector()
    listen(pcm, detector)
    assert not detector.speaking


def test_speech_is_found_over_the_fan_that_has_become_the_noise_floor() -> None:
    pcm = np.concatenate((noise(2, -70), noise(12, -45, tilt=0.5)))
    pcm[10 * 16000 : 12 * 16000] += speech_like(2, -25)
    detector = ActivityDetector()
    late = [seconds(at) for at, event in listen(pcm, detector) if isinstance(event, Onset)]
    assert late[-1] == pytest.approx(10.1, abs=0.2)


def test_after_a_reset_nothing_is_remembered() -> None:
    heard = np.concatenate((noise(1, -65), speech_like(2, -30)))
    detector = ActivityDetector()
    listen(heard, detector)
    assert detector.speaking
    detector.reset()
    assert listen(heard, detector) == listen(heard)


def test_the_level_is_re_full_scale_and_ignores_direct_current() -> None:
    tone = np.rint(16384 * np.sin(2 * np.pi * np.arange(FRAME_SAMPLES) / 16)).astype(np.int16)
    assert level_db(tone) == pytest.approx(-9.03, abs=0.01)
    assert level_db(tone // 2 + 8000) == pytest.approx(-15.05, abs=0.01)
    assert level_db(np.full(FRAME_SAMPLES, 32767, np.int16)) == -90
    for value in itertools.product([0, -32768], repeat=2):
        assert np.isfinite(level_db(np.resize(np.array(value, np.int16), FRAME_SAMPLES)))
