"""The benches' parts that judge the choice of a microphone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from edge.simulation.scene_folder import MicrophoneFacts, NoiseFacts, RecordedScene, SceneFacts
from hub.recognition.fake import FakeRecogniser
from hub.recognition.recogniser import Transcript
from shared.audio import FULL_SCALE, SAMPLE_RATE, Pcm, pcm_from_float
from tests.bench.election import Figures
from tests.bench.tools.bootstrap import interval
from tests.bench.tools.decodes import Decodes
from tests.bench.tools.election_picture import draw
from tests.bench.tools.microphone_rules import envelope_variance, legacy, loudness
from tests.bench.tools.scene_rules import RULES, Judged, judge
from tests.bench.tools.scene_run import SceneRun
from tests.bench.tools.train_scorer import Example, cross_validated, fit, write
from tests.voice import say, understand

SENTENCE = "ba de fi go"


def heard(gain: float, noise: float, seed: int = 0) -> Pcm:
    """A sentence between silences, as a microphone hears it."""
    draw = np.random.default_rng(seed)
    quiet = np.zeros(SAMPLE_RATE * 7 // 10)
    signal = np.concatenate([quiet, say(SENTENCE) / FULL_SCALE * gain, quiet, quiet[:3200]])
    return pcm_from_float(signal + draw.normal(0, noise, len(signal)))


def recognise(pcm: Pcm) -> Transcript:
    text = understand(pcm)
    return Transcript(text, 0.9 if text else 0.0, -0.1, "en")


def scene(*pcm: Pcm) -> RecordedScene:
    mic = MicrophoneFacts(0.0, 20.0, 8000.0, False, False, 0.0, 0.0, "kitchen", False)
    facts = SceneFacts(
        reference=SENTENCE,
        slots={"second": "de", "last": "go"},
        distances_m=[2.0 + n for n in range(len(pcm))],
        rt60_s=0.4,
        utterance="one",
        seed=0,
        mics=[mic] * len(pcm),
        noise=NoiseFacts("fan", "kitchen", 40.0, 20.0, None, False),
        kind=["fan"],
    )
    return RecordedScene("scene-00000", facts, list(pcm))


def test_a_scene_goes_through_the_products_own_ears_and_election() -> None:
    run = SceneRun([heard(0.3, 0.01), heard(0.5, 0.0005, 1)], recognise)
    elected = run.run()
    assert (elected.texts, elected.microphones) == ((SENTENCE,), (1,))
    assert (elected.decodes, elected.utterances) == (1, 1)
    assert {u.microphone for u in run.utterances.values()} == {0, 1}
    for utterance in run.utterances.values():
        assert len(utterance.pcm) == utterance.candidate.samples
        assert len(utterance.candidate.levels) == len(utterance.candidate.envelope)


def test_every_rule_is_held_against_the_same_recordings() -> None:
    judged = judge(scene(heard(0.6, 0.02), heard(0.3, 0.0005, 1)), recognise)
    assert (judged.words, judged.slots, judged.microphones) == (4, 2, 2)
    assert judged.errors["loudest"] > 0
    assert judged.errors["elected"] == judged.errors["hindsight"] == 0
    assert judged.found["elected"] == 2
    assert judged.errors["nearest"] == judged.errors["loudest"]
    assert judged.errors["random"] == (judged.errors["loudest"] + 0) / 2


def test_where_nobody_hears_anything_all_words_are_missing() -> None:
    silence = np.zeros(SAMPLE_RATE * 2, np.int16)
    judged = judge(scene(silence, silence), recognise)
    assert set(judged.errors) == set(RULES)
    assert set(judged.errors.values()) == {4.0}


def test_the_legacy_formula() -> None:
    """A tone in the band of speech, half of it silent: SNR and clarity are as good as they get."""
    time = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    tone = pcm_from_float(np.where(time < 0.5, 0.5, 0.0001) * np.sin(2 * np.pi * 1000 * time))
    assert legacy(tone) == pytest.approx(0.3 * 100 + 0.3 * 100 + 0.1 * 100 + 30, abs=1.0)
    draw = np.random.default_rng(0)
    noise = pcm_from_float(draw.normal(0, 0.01, SAMPLE_RATE))
    # No SNR; a band of speech of 3.1 kHz of 8, which is flat; a tenth of 10 points for loudness.
    assert legacy(noise) == pytest.approx(0.3 * 0.7 * 100 * 3.1 / 8 + 1 + 30, abs=2.0)


def test_what_is_louder_or_varies_more() -> None:
    quiet, loud = heard(0.1, 0.001), heard(0.5, 0.05)
    assert loudness(loud) > loudness(quiet)
    assert envelope_variance(quiet) > envelope_variance(loud)


def judged(errors: dict[str, float]) -> Judged:
    every = dict.fromkeys(RULES, 5.0) | errors
    return Judged("scene", 10, 2, every, dict.fromkeys(RULES, 1.0), 2, 1, 1, 5, 0)


def test_recovered_is_zero_for_random_and_one_for_hindsight() -> None:
    some = [judged({"random": 6, "elected": 3, "hindsight": 2}) for _ in range(5)]
    figures = Figures(some)
    assert figures.wer["elected"] == 0.3
    assert figures.recovered["random"] == 0
    assert figures.recovered["hindsight"] == 1
    assert figures.recovered["elected"] == 0.75
    assert figures.paired["loudest"] == (0.2, 0.2)
    assert (figures.decodes_per_utterance, figures.provisional_was_final) == (2, 1)
    assert figures.slots["elected"] == 0.5
    assert len(list(figures.table())) == 1 + len(RULES)


def test_an_interval_holds_the_mean_and_shrinks_with_more_scenes() -> None:
    values = np.random.default_rng(1).normal(3, 1, 1000)
    wide = interval(50, lambda which: float(values[which].mean()))
    narrow = interval(1000, lambda which: float(values[which].mean()))
    assert narrow[0] < 3.05 < narrow[1] + 0.1
    assert wide[1] - wide[0] > 2 * (narrow[1] - narrow[0])


def test_what_was_decoded_is_not_decoded_again(tmp_path: Path) -> None:
    recogniser = FakeRecogniser(understand)
    pcm = say(SENTENCE)
    first = Decodes(recogniser, tmp_path / "decodes.jsonl")(pcm)
    again = Decodes(recogniser, tmp_path / "decodes.jsonl")(pcm)
    assert (first.text, recogniser.decoded) == (again.text, [len(pcm)])


def test_the_comparison_is_drawn(tmp_path: Path) -> None:
    path = tmp_path / "election.png"
    draw(dict.fromkeys(RULES, 0.4), dict.fromkeys(RULES, (0.3, 0.5)), "fake", 7, path)
    assert path.read_bytes().startswith(b"\x89PNG")


def examples(scenes: int, weights: np.ndarray[tuple[int], np.dtype[np.float64]]) -> list[Example]:
    """Scenes in which the errors follow from the features, and from luck."""
    draw = np.random.default_rng(0)
    made = []
    for number in range(scenes):
        x = draw.normal(draw.normal(0, 5), 1, (5, len(weights)))
        share = 0.5 + (x - x.mean(axis=0)) @ weights + draw.normal(0, 0.02, 5)
        made.append(Example(f"utterance {number % 40}", 10, x, 10 * (1 - share)))
    return made


def test_training_finds_what_errors_follow_from() -> None:
    weights = np.array([0.05, 0.03, 0.0])
    found = fit(examples(400, weights))
    assert found == pytest.approx(weights, abs=0.004)
    assert cross_validated(examples(400, weights)) > 0.9
    assert cross_validated(examples(400, np.zeros(3))) < 0.4
    assert (fit(examples(400, -weights)) == 0).all()  # more of these is never worse


def test_the_model_says_in_points_what_the_fit_found(tmp_path: Path) -> None:
    weights = np.array([0.05, -0.03])
    write(weights, tmp_path / "scorer.onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "scorer.onnx"))
    x = np.array([[1, 2], [3, 4], [5, 0]], np.float32)
    (points,) = session.run(None, {"features": x})
    assert points[:, 0] == pytest.approx(100 * (x - x.mean(axis=0)) @ weights, abs=1e-4)
