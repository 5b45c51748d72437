"""The life of what a device heard: nothing is forgotten before the hub says so."""

from __future__ import annotations

from itertools import count, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.candidates import OFFERED_AT_ONCE, Candidates
from shared.audio import FRAME_SAMPLES, Pcm, pcm_from_bytes
from shared.wire.audio import AudioFrame
from shared.wire.fields import Message
from shared.wire.utterance import (
    Quality,
    Release,
    SendAudio,
    StopAudio,
    UtteranceEnded,
    UtteranceStarted,
)

START_US = 5_000_000


def frames(number: int, first: int = 0, level: int = 1000) -> list[Pcm]:
    """Frames that differ, so that order and loss show."""
    rng = np.random.default_rng(7)
    noise = rng.integers(-level, level, (first + number, FRAME_SAMPLES)).astype(np.int16)
    return list(noise[first:])


def make(**limits: int) -> Candidates:
    ids = (f"00000000-0000-4000-8000-{n:012d}" for n in count(1))
    return Candidates(lambda: next(ids), **limits)


def speak(
    candidates: Candidates, number: int, *, end: bool = True, silent_from: int | None = None
) -> list[Message]:
    """An utterance of `number` frames, the first 25 of them pre-roll."""
    heard = frames(number)
    messages = candidates.begin(heard[:25], 20 * FRAME_SAMPLES, START_US)
    for index, pcm in enumerate(heard[25:], 25):
        messages += candidates.extend(pcm, voiced=silent_from is None or index < silent_from)
    return messages + (candidates.end() if end else [])


def pump(candidates: Candidates) -> list[AudioFrame]:
    pieces = []
    while (frame := candidates.audio()) is not None:
        pieces.append(frame)
    return pieces


def joined(pieces: list[AudioFrame]) -> list[int]:
    samples: list[int] = pcm_from_bytes(b"".join(p.payload for p in pieces)).tolist()
    return samples


def samples_of(number: int, first: int = 0) -> list[int]:
    whole: list[int] = np.concatenate(frames(number, first)).tolist()
    return whole


def test_it_claims_tells_every_100_ms_and_ends() -> None:
    messages = speak(make(), 60)
    assert isinstance(messages[0], UtteranceStarted)
    assert messages[0].captured_at_us == START_US
    assert messages[0].onset_sample == 20 * FRAME_SAMPLES
    told = [m for m in messages if isinstance(m, Quality)]
    assert [len(q.envelope) for q in told] == [25, 5, 5, 5, 5, 5, 5, 5, 0]
    assert isinstance(messages[-1], UtteranceEnded)
    assert messages[-1].samples == 60 * FRAME_SAMPLES


def test_no_audio_goes_out_unless_it_is_asked_for() -> None:
    candidates = make()
    speak(candidates, 60)
    assert candidates.audio() is None


def test_the_whole_utterance_is_sent_from_its_first_sample() -> None:
    candidates = make()
    speak(candidates, 200)
    candidates.take(SendAudio(utterance_id=candidates.held[0]))
    pieces = pump(candidates)
    assert joined(pieces) == samples_of(200)
    assert [p.sequence for p in pieces] == list(range(len(pieces)))
    assert pieces[0].captured_at_us == START_US
    assert [p.last for p in pieces] == [False] * (len(pieces) - 1) + [True]
    for before, after in pairwise(pieces):
        assert after.first_sample == before.first_sample + len(before.payload) // 2
        assert after.captured_at_us == START_US + after.first_sample * 1_000_000 // 16_000


def test_a_live_utterance_is_sent_as_it_comes() -> None:
    candidates = make()
    speak(candidates, 40, end=False)
    candidates.take(SendAudio(utterance_id=candidates.held[0], from_sample=100))
    pieces = pump(candidates)
    assert joined(pieces) == samples_of(40)[100:]
    for pcm in frames(7, first=40):
        candidates.extend(pcm, voiced=True)
        pieces += pump(candidates)
    candidates.end()
    pieces += pump(candidates)
    assert joined(pieces) == samples_of(47)[100:]


def test_stopped_audio_is_still_held_and_can_be_asked_for_again() -> None:
    candidates = make()
    speak(candidates, 200)
    candidates.take(SendAudio(utterance_id=candidates.held[0]))
    assert candidates.audio() is not None
    candidates.take(StopAudio(utterance_id=candidates.held[0]))
    assert candidates.audio() is None
    candidates.take(SendAudio(utterance_id=candidates.held[0]))
    assert joined(pump(candidates)) == samples_of(200)


def test_a_released_utterance_is_forgotten() -> None:
    candidates = make()
    speak(candidates, 60)
    utterance = candidates.held[0]
    assert candidates.take(Release(utterance_id=utterance)) == []
    assert candidates.held == []
    assert candidates.take(SendAudio(utterance_id=utterance)) == []
    assert candidates.audio() is None


def test_speech_after_the_released_part_is_a_new_utterance() -> None:
    candidates = make()
    speak(candidates, 100, end=False)
    first = candidates.held[0]
    messages = candidates.take(Release(utterance_id=first, until_sample=80 * FRAME_SAMPLES))
    claim = messages[0]
    assert isinstance(claim, UtteranceStarted)
    assert claim.captured_at_us == START_US + 80 * 20_000
    assert candidates.live is not None
    candidates.extend(frames(1, first=100)[0], voiced=True)
    candidates.end()
    assert candidates.held == [claim.utterance_id]
    candidates.take(SendAudio(utterance_id=claim.utterance_id))
    assert joined(pump(candidates)) == samples_of(21, first=80)


def test_an_ended_utterance_keeps_its_later_speech_too() -> None:
    candidates = make()
    speak(candidates, 100)
    messages = candidates.take(
        Release(utterance_id=candidates.held[0], until_sample=80 * FRAME_SAMPLES)
    )
    assert [type(m) for m in messages] == [UtteranceStarted, Quality, UtteranceEnded]
    assert candidates.live is None


def test_silence_after_the_released_part_is_not_an_utterance() -> None:
    candidates = make()
    speak(candidates, 100, end=False, silent_from=80)
    assert (
        candidates.take(Release(utterance_id=candidates.held[0], until_sample=80 * FRAME_SAMPLES))
        == []
    )
    assert candidates.held == []
    assert candidates.live is None


def test_what_is_held_is_offered_again_with_its_whole_envelope() -> None:
    candidates = make()
    speak(candidates, 60)
    speak(candidates, 40, end=False)
    offers = candidates.offer_all()
    kinds = [type(m) for m in offers]
    assert kinds == [UtteranceStarted, Quality, UtteranceStarted, Quality, UtteranceEnded]
    assert all(m.reoffered for m in offers if isinstance(m, UtteranceStarted))
    assert [len(m.envelope) for m in offers if isinstance(m, Quality)] == [40, 60]
    assert [m.envelope_start for m in offers if isinstance(m, Quality)] == [0, 0]


def test_of_many_held_utterances_so_many_are_offered_at_once_and_the_others_in_turn() -> None:
    candidates = make(held_s=10_000)
    for _ in range(OFFERED_AT_ONCE + 3):
        speak(candidates, 30)
    held = candidates.held
    offered = [m.utterance_id for m in candidates.offer_all() if isinstance(m, UtteranceStarted)]
    assert len(offered) == OFFERED_AT_ONCE
    assert offered[:4] == [held[-1], held[-2], held[-3], held[0]]  # the oldest has its turn, too
    for utterance in held:
        offered += [
            m.utterance_id
            for m in candidates.take(Release(utterance_id=utterance))
            if isinstance(m, UtteranceStarted)
        ]
    assert sorted(offered) == held


def test_what_was_asked_for_is_forgotten_with_the_utterance() -> None:
    """Else a device that is connected for months looks through all it ever sent."""
    candidates = make()
    for _ in range(5):
        speak(candidates, 40)
        candidates.take(SendAudio(utterance_id=candidates.held[0]))
        candidates.take(Release(utterance_id=candidates.held[0]))
    assert len(candidates._asked) == 0
    assert candidates.audio() is None


def test_a_new_connection_has_to_ask_for_audio_anew() -> None:
    candidates = make()
    speak(candidates, 60)
    candidates.take(SendAudio(utterance_id=candidates.held[0]))
    candidates.offer_all()
    assert candidates.audio() is None


def test_what_the_hub_needs_no_more_is_forgotten_on_connecting() -> None:
    candidates = make()
    speak(candidates, 60)
    speak(candidates, 60)
    candidates.forget([candidates.held[0], "unknown"])
    assert len(candidates.held) == 1


def test_too_long_an_utterance_is_cut_where_it_is_quietest_and_nothing_is_lost() -> None:
    candidates = make(longest_s=12)
    loud = frames(700)
    for index in range(340, 350):
        loud[index] = (loud[index] // 100).astype(np.int16)
    messages = candidates.begin(loud[:25], 0, START_US)
    for pcm in loud[25:]:
        messages += candidates.extend(pcm, voiced=True)
    messages += candidates.end()
    first, second = candidates.held
    ends = {m.utterance_id: m for m in messages if isinstance(m, UtteranceEnded)}
    assert ends[first].reason == "longest"
    assert 340 <= ends[first].samples / FRAME_SAMPLES <= 350
    for utterance in (first, second):
        candidates.take(SendAudio(utterance_id=utterance))
    assert joined(pump(candidates)) == np.concatenate(loud).tolist()


def test_beyond_the_limit_the_oldest_goes_and_is_counted() -> None:
    candidates = make(held_s=3)
    for _ in range(4):
        speak(candidates, 60)
    assert len(candidates.held) == 2
    assert candidates.dropped == 2
    assert candidates.live is None


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["speak", "begin", "end", "ask", "pump", "release"]),
            st.integers(30, 90),
            st.integers(0, 90),
        ),
        max_size=25,
    )
)
def test_every_sample_heard_is_held_or_was_released(steps: list[tuple[str, int, int]]) -> None:
    candidates = make()
    for kind, number, other in steps:
        held = candidates.held
        if kind == "speak" and candidates.live is None:
            speak(candidates, number)
        elif kind == "begin" and candidates.live is None:
            speak(candidates, number, end=False)
        elif kind == "end":
            candidates.end()
        elif kind == "ask" and held:
            candidates.take(SendAudio(utterance_id=held[other % len(held)], from_sample=other))
        elif kind == "pump":
            pump(candidates)
        elif kind == "release" and held:
            gone = held[other % len(held)]
            messages = candidates.take(
                Release(utterance_id=gone, until_sample=other * FRAME_SAMPLES)
            )
            assert gone not in candidates.held
            claims = [m for m in messages if isinstance(m, UtteranceStarted)]
            assert candidates.held[-len(claims) :] == [c.utterance_id for c in claims] or not claims
    live = candidates.live
    assert live is None or live.utterance_id in candidates.held
    for utterance in candidates.held:
        candidates.take(SendAudio(utterance_id=utterance))
    candidates.end()
    assert sum(len(p.payload) // 2 for p in pump(candidates)) == sum(
        candidates._held[utterance].samples for utterance in candidates.held
    )


@pytest.mark.parametrize("reason", ["endpoint", "closed"])
def test_the_end_says_why(reason: str) -> None:
    candidates = make()
    speak(candidates, 40, end=False)
    ended = candidates.end(reason)[-1]  # type: ignore[arg-type]
    assert isinstance(ended, UtteranceEnded)
    assert ended.reason == reason
