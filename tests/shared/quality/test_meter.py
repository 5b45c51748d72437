"""How well a stream is heard, while it comes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.audio import FRAME_SAMPLES, SAMPLE_RATE, Pcm, pcm_from_float
from shared.errors import AudioFormatError
from shared.quality.meter import QualityMeter
from tests.shared.quality.sounds import Signal, at_level, coloured, in_a_room, voice


def meter(pcm: Pcm, portion_frames: int = 5) -> QualityMeter:
    """A meter that was given whole frames of `pcm`, 100 ms at a time."""
    made = QualityMeter()
    size = portion_frames * FRAME_SAMPLES
    whole = pcm[: len(pcm) // FRAME_SAMPLES * FRAME_SAMPLES]
    for start in range(0, len(whole), size):
        made.push(whole[start : start + size])
    return made


def utterance(
    *,
    seed: int = 2,
    speech_db: float = -30,
    noise_db: float = -75,
    decay_s: float = 0.0,
    gain_db: float = 0,
    seconds: float = 2.5,
) -> Pcm:
    """Half a second of noise, then a voice over it; dB re full scale before the gain."""
    speech: Signal = np.concatenate((np.zeros(SAMPLE_RATE // 2), voice(seconds - 0.5, seed)))
    if decay_s:
        speech = in_a_room(speech, decay_s)
    mix = at_level(speech, speech_db) + at_level(coloured(seconds, 0.5), noise_db)[: len(speech)]
    return pcm_from_float(mix * 10 ** (gain_db / 20))


seeds = st.integers(0, 1000)


@settings(max_examples=25, deadline=None)
@given(seeds, st.floats(-10, 10))
def test_the_score_does_not_depend_on_the_gain(seed: int, gain_db: float) -> None:
    plain = meter(utterance(seed=seed)).score
    assert meter(utterance(seed=seed, gain_db=gain_db)).score == pytest.approx(plain, abs=0.5)


@settings(max_examples=15, deadline=None)
@given(seeds)
def test_the_more_reverberation_the_lower_the_score(seed: int) -> None:
    scores = [meter(utterance(seed=seed, decay_s=decay)).score for decay in (0, 0.4, 1.2)]
    assert scores[0] > scores[1] + 2 > scores[2] + 4


@settings(max_examples=15, deadline=None)
@given(seeds)
def test_the_more_noise_the_lower_the_score(seed: int) -> None:
    scores = [meter(utterance(seed=seed, noise_db=level)).score for level in (-60, -45, -35, -25)]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] > scores[-1] + 20


@settings(max_examples=15, deadline=None)
@given(seeds)
def test_clipping_lowers_the_score(seed: int) -> None:
    clean = meter(utterance(seed=seed))
    clipping = meter(utterance(seed=seed, gain_db=35))
    assert clean.features["clipped"] == 0
    assert clipping.features["clipped"] > 0.2
    assert clipping.score < clean.score - 5


@settings(max_examples=15, deadline=None)
@given(seeds)
def test_a_quiet_good_microphone_beats_a_loud_bad_one(seed: int) -> None:
    quiet_good = utterance(seed=seed, gain_db=-20)
    loud_bad = utterance(seed=seed, noise_db=-38, decay_s=0.6, gain_db=10)
    for heard in (len(quiet_good), SAMPLE_RATE * 3 // 4):  # the whole; a quarter second of speech
        good, bad = meter(quiet_good[:heard]), meter(loud_bad[:heard])
        assert good.features["level_db"] < bad.features["level_db"]
        assert good.score > bad.score + 5


def test_speech_scores_high_and_noise_alone_low() -> None:
    assert meter(utterance()).score > 60
    assert meter(pcm_from_float(at_level(coloured(3), -30))).score < 15


portions = st.lists(st.integers(0, 30), max_size=20)


@settings(max_examples=40, deadline=None)
@given(seeds, portions)
def test_how_the_frames_are_portioned_changes_nothing(seed: int, sizes: list[int]) -> None:
    pcm = utterance(seed=seed, decay_s=0.3)[: sum(sizes) * FRAME_SAMPLES]
    at_once = QualityMeter()
    at_once.push(pcm[: len(pcm) // FRAME_SAMPLES * FRAME_SAMPLES])
    piecewise = QualityMeter()
    start = 0
    for size in sizes:
        piece = pcm[start : start + size * FRAME_SAMPLES]
        piecewise.push(piece)
        _ = piecewise.score  # asking in between changes nothing either
        start += len(piece)
    assert piecewise.envelope == at_once.envelope
    assert piecewise.features == pytest.approx(at_once.features, rel=1e-4, abs=1e-4)
    assert piecewise.score == pytest.approx(at_once.score, rel=1e-4)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 40),
    st.sampled_from(["zeros", "full", "lowest", "square", "random", "dither", "click"]),
    seeds,
)
def test_any_samples_give_finite_features_and_a_score_in_range(
    frames: int, kind: str, seed: int
) -> None:
    samples = frames * FRAME_SAMPLES
    rng = np.random.default_rng(seed)
    pcm = {
        "zeros": np.zeros(samples),
        "full": np.full(samples, 32767),
        "lowest": np.full(samples, -32768),
        "square": np.resize([32767, -32768], samples),
        "random": rng.integers(-32768, 32768, samples),
        "dither": rng.integers(-1, 2, samples),
        "click": np.eye(1, samples, seed % samples)[0] * -32768,
    }[kind].astype(np.int16)
    made = meter(pcm)
    assert len(made.envelope) == frames
    assert all(isinstance(level, int) and -120 <= level <= 0 for level in made.envelope)
    assert np.isfinite(list(made.features.values())).all()
    assert 0 <= made.score <= 100


def test_the_envelope_is_the_level_of_each_step_without_direct_current() -> None:
    tone = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(FRAME_SAMPLES) / SAMPLE_RATE)
    steps = [tone, tone / 10 + 0.25, np.zeros(FRAME_SAMPLES), np.full(FRAME_SAMPLES, 0.5)]
    assert meter(pcm_from_float(np.concatenate(steps))).envelope == [-9, -29, -120, -120]


def test_a_long_utterance_is_measured_to_its_end() -> None:
    """30 s is beyond what is kept room for at first."""
    pcm = utterance(seconds=30)
    made = meter(pcm)
    whole = QualityMeter()
    whole.push(pcm)
    assert len(made.envelope) == 1500
    assert made.features == pytest.approx(whole.features, rel=1e-3)


def test_nothing_heard_scores_next_to_nothing() -> None:
    made = QualityMeter()
    assert made.envelope == []
    assert set(made.features.values()) == {0.0}
    assert 0 <= made.score < 2
    made.push(np.zeros(0, np.int16))
    assert made.envelope == []


@pytest.mark.parametrize("shape", [(319,), (1,), (320, 2)])
def test_what_is_not_whole_frames_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(AudioFormatError, match="whole frames"):
        QualityMeter().push(np.zeros(shape, np.int16))
