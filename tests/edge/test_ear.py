"""What a device makes of what it hears."""

from __future__ import annotations

from itertools import chain, count, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.activity import ActivityDetector, Endpoint, Onset
from edge.candidate import Candidate
from edge.candidates import Candidates
from edge.ear import Ear
from edge.microphone.microphone import Frame
from edge.preroll import PreRoll
from shared.audio import FRAME_MS, FRAME_SAMPLES, SAMPLE_RATE, Pcm
from shared.wire.fields import Message
from shared.wire.utterance import Quality, Release, UtteranceEnded, UtteranceStarted
from tests.voice import say

START_US = 5_000_000
FRAME_US = FRAME_MS * 1000
PREROLL_MS = 660
HANGOVER_MS = 300
HANGOVER_FRAMES = HANGOVER_MS // FRAME_MS
LOUD_DB, QUIET_DB = -30.0, -60.0


def new_ear(activity: ActivityDetector | None = None, longest_s: int = 30) -> Ear:
    ids = (f"00000000-0000-4000-8000-{n:012d}" for n in count(1))
    return Ear(
        activity or ActivityDetector(hangover_ms=HANGOVER_MS),
        PreRoll(PREROLL_MS),
        Candidates(lambda: next(ids), longest_s),
    )


def silence(seconds: float) -> Pcm:
    rng = np.random.default_rng(0)
    return rng.normal(0, 10, round(seconds * SAMPLE_RATE)).astype(np.int16)


def spoken(text: str) -> Pcm:
    """The words in a room that is never quite silent."""
    words = say(text)
    return words // 2 + silence(len(words) / SAMPLE_RATE)


def hear(ear: Ear, *sounds: Pcm, start_us: int = START_US) -> list[Message]:
    """All that the ear says of some sounds, one after the other."""
    pcm = np.concatenate(sounds)
    pcm = pcm[: len(pcm) // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
    messages = []
    for number, samples in enumerate(pcm):
        messages += ear.hear(Frame(samples, start_us + number * FRAME_US))
    return messages


def only(messages: list[Message], kind: type[Message]) -> list[Message]:
    return [message for message in messages if isinstance(message, kind)]


def held(ear: Ear) -> list[Candidate]:
    return [ear.candidates._held[utterance_id] for utterance_id in ear.candidates.held]


# Real voices


def test_silence_says_nothing() -> None:
    ear = new_ear()
    assert hear(ear, silence(3)) == []
    assert ear.candidates.held == []


def test_a_sentence_is_claimed_scored_and_ended() -> None:
    messages = hear(new_ear(), silence(1), spoken("ba de fi go"), silence(1))
    claim, *qualities, ended = messages
    assert isinstance(claim, UtteranceStarted)
    assert isinstance(ended, UtteranceEnded)
    assert only(messages, Quality) == qualities
    assert ended.reason == "endpoint"
    assert {m.utterance_id for m in only(messages, Quality)} == {claim.utterance_id}  # type: ignore[attr-defined]


def test_an_utterance_begins_half_a_second_before_its_first_sound() -> None:
    ear = new_ear()
    hear(ear, silence(1), spoken("ba de fi go"), silence(1))
    (candidate,) = held(ear)
    spoken_us = candidate.captured_at_us + candidate.onset_sample * 1_000_000 // SAMPLE_RATE
    assert abs(spoken_us - (START_US + 1_000_000)) <= 3 * FRAME_US
    assert 450_000 <= spoken_us - candidate.captured_at_us <= 560_000


def test_its_samples_are_those_that_were_heard_from_its_beginning_to_the_hangover() -> None:
    ear = new_ear()
    sounds = silence(1), spoken("ba de fi go"), silence(1)
    hear(ear, *sounds)
    (candidate,) = held(ear)
    first = (candidate.captured_at_us - START_US) * SAMPLE_RATE // 1_000_000
    everything = np.concatenate(sounds)
    assert np.array_equal(
        np.concatenate(candidate.chunks), everything[first : first + candidate.samples]
    )
    spoken_until = len(sounds[0]) + len(sounds[1]) - round(0.1 * SAMPLE_RATE)  # a gap is its end
    tail_ms = (first + candidate.samples - spoken_until) * 1000 / SAMPLE_RATE
    assert HANGOVER_MS - 60 <= tail_ms <= HANGOVER_MS + 100


def test_who_speaks_as_the_microphone_opens_has_no_more_pre_roll_than_there_was() -> None:
    ear = new_ear()
    hear(ear, silence(0.2), spoken("ba de fi go"), silence(1))
    (candidate,) = held(ear)
    assert candidate.captured_at_us == START_US
    assert candidate.onset_sample <= 0.3 * SAMPLE_RATE


def test_what_was_heard_before_the_microphone_was_closed_is_in_no_later_utterance() -> None:
    ear = new_ear()
    hear(ear, silence(1))
    ear.close()
    again_us = START_US + 60_000_000
    hear(ear, silence(0.1), spoken("ba de fi go"), silence(1), start_us=again_us)
    (candidate,) = held(ear)
    assert candidate.captured_at_us == again_us


def test_closing_the_microphone_ends_what_is_being_said() -> None:
    ear = new_ear()
    hear(ear, silence(1), spoken("ba de"))
    (*_, ended) = ear.close()
    assert isinstance(ended, UtteranceEnded)
    assert ended.reason == "closed"
    assert ear.candidates.live is None
    assert ear.close() == []
    # The detector starts anew too: silence is no continuation of what was said.
    assert hear(ear, silence(1), start_us=START_US + 60_000_000) == []


def test_what_goes_on_after_its_release_is_another_utterance_without_the_released_part() -> None:
    ear = new_ear()
    hear(ear, silence(1), spoken("ba de fi go"))
    (live,) = held(ear)
    released_until_us = live.captured_at_us + live.samples * 1_000_000 // SAMPLE_RATE
    ear.candidates.take(Release(utterance_id=live.utterance_id))
    messages = hear(ear, spoken("hu ka le mi"), silence(1), start_us=released_until_us)
    (claim,) = only(messages, UtteranceStarted)
    assert isinstance(claim, UtteranceStarted)
    assert not claim.reoffered
    assert claim.utterance_id != live.utterance_id
    assert released_until_us <= claim.captured_at_us <= released_until_us + 5 * FRAME_US
    assert isinstance(messages[-1], UtteranceEnded)


@pytest.mark.parametrize("after_ms", [-60, 20, 60, 100, 140, 260])
def test_a_sentence_around_a_release_has_its_beginning_and_its_pre_roll(after_ms: int) -> None:
    """The release may come just before it, or within its first syllable."""
    ear = new_ear(ActivityDetector(hangover_ms=700))
    first, pause = spoken("ba de fi go"), silence(0.4)
    before = np.concatenate([silence(1), first, pause])
    begins_us = START_US + len(before) * 1_000_000 // SAMPLE_RATE
    at = (len(before) + after_ms * SAMPLE_RATE // 1000) // FRAME_SAMPLES * FRAME_SAMPLES
    pcm = np.concatenate([before, spoken("hu ka le mi"), silence(2)])
    hear(ear, pcm[:at])
    (live,) = held(ear)
    end_us = begins_us - 400_000
    until = (end_us - live.captured_at_us) * SAMPLE_RATE // 1_000_000
    ear.candidates.take(Release(utterance_id=live.utterance_id, until_sample=until))
    hear(ear, pcm[at:], start_us=START_US + at * 1_000_000 // SAMPLE_RATE)
    (second,) = held(ear)
    assert end_us - FRAME_US <= second.captured_at_us <= begins_us - 200_000


def test_silence_after_a_release_in_the_middle_is_no_utterance() -> None:
    ear = new_ear()
    hear(ear, silence(1), spoken("ba de fi go"))
    (live,) = held(ear)
    ear.candidates.take(Release(utterance_id=live.utterance_id))
    assert hear(ear, silence(2), start_us=START_US + 60_000_000) == []


# Any voice at all


class ToldActivity(ActivityDetector):
    """Decides as the real one, but is told which frames have a voice: those of odd samples."""

    def push(self, pcm: Pcm) -> Onset | Endpoint | None:
        voiced = bool(pcm[0] % 2)
        return self._decider.push(voiced, LOUD_DB if voiced else QUIET_DB)


patterns = st.lists(st.tuples(st.booleans(), st.integers(1, 60)), max_size=20).map(
    lambda runs: [flag for flag, length in runs for _ in range(length)]
)


def numbered(flags: list[bool], first: int = 0) -> list[Frame]:
    """Frames that say their own number: sample value 2n, and one more where there is a voice."""
    return [
        Frame(np.full(FRAME_SAMPLES, 2 * n + voiced, np.int16), START_US + n * FRAME_US)
        for n, voiced in enumerate(flags, first)
    ]


def numbers(candidate: Candidate) -> list[int]:
    return [int(pcm[0]) // 2 for pcm in candidate.chunks]


@given(patterns, st.integers(0, 1200))
@settings(max_examples=60)
def test_each_utterance_is_whole_and_no_frame_is_in_two(flags: list[bool], closed_at: int) -> None:
    ear = new_ear(ToldActivity(hangover_ms=HANGOVER_MS))
    for number, frame in enumerate(numbered(flags)):
        if number == closed_at:
            ear.close()
        ear.hear(frame)
    ear.close()
    for candidate in held(ear):
        inside = numbers(candidate)
        assert inside == list(range(inside[0], inside[-1] + 1))
        assert candidate.captured_at_us == START_US + inside[0] * FRAME_US
        assert flags[inside[0] + candidate.onset_sample // FRAME_SAMPLES]
        assert candidate.ended is not None
        assert not inside[0] < closed_at <= inside[-1]
    for one, other in pairwise(held(ear)):
        assert numbers(one)[-1] < numbers(other)[0]


def test_after_the_microphone_was_closed_a_knock_is_a_knock_again() -> None:
    ear = new_ear(ToldActivity(hangover_ms=HANGOVER_MS))
    for frame in numbered([False] * 20 + [True] * 30):
        ear.hear(frame)
    ear.close()
    for frame in numbered([False] * 5 + [True] + [False] * 50, first=50):
        assert ear.hear(frame) == []
    assert len(held(ear)) == 1


@pytest.mark.parametrize("pause", range(HANGOVER_FRAMES + 1, HANGOVER_FRAMES + 80, 7))
def test_between_two_sentences_nothing_within_the_pre_roll_is_lost(pause: int) -> None:
    ear = new_ear(ToldActivity(hangover_ms=HANGOVER_MS))
    preroll_frames = PREROLL_MS // FRAME_MS
    flags = [False] * 60 + [True] * 50 + [False] * pause + [True] * 50 + [False] * 60
    for frame in numbered(flags):
        ear.hear(frame)
    first, second = (numbers(candidate) for candidate in held(ear))
    onset_known = 60 + 50 + pause + 5  # six frames of voice make an onset
    assert second[0] == max(first[-1] + 1, onset_known + 1 - preroll_frames)


def test_a_very_long_speech_becomes_utterances_that_follow_each_other_without_a_gap() -> None:
    ear = new_ear(ToldActivity(hangover_ms=HANGOVER_MS), longest_s=5)
    # Words with gaps: what is steady for seconds counts as noise.
    flags = [False] * 40 + [n % 50 < 40 for n in range(790)] + [False] * 40
    for frame in numbered(flags):
        ear.hear(frame)
    parts = [numbers(candidate) for candidate in held(ear)]
    assert len(parts) >= 3
    assert list(chain(*parts)) == list(range(parts[0][0], parts[-1][-1] + 1))
    assert parts[-1][-1] == 40 + 790 + HANGOVER_FRAMES - 1


@pytest.mark.parametrize("longest_s", [5, 8, 12, 30])
def test_a_very_long_speech_is_not_cut_to_crumbs(longest_s: int) -> None:
    ear = new_ear(longest_s=longest_s)
    # The quiet before the first word is the quietest point of all, and no place to cut.
    hear(ear, silence(1), spoken("ba de fi go hu ka le mi " * 12), silence(1))
    *cut, _ = [candidate.samples / SAMPLE_RATE for candidate in held(ear)]
    assert cut
    assert all(longest_s / 2 <= length_s <= longest_s for length_s in cut)
