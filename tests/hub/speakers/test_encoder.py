"""Our vectors are those of the reference, in all spaces; too little speech gives none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge.simulation.speech import murmur
from hub.speakers.encoder import SpeakerEncoder, TooLittleSpeechError, speech_of
from hub.speakers.network import Campplus, Ge2e
from hub.speakers.spaces import CAMPPLUS, GE2E, GE2E_LEGACY, SIZES, SPACES, Embedding
from models.location import WeightStore
from shared.audio import FULL_SCALE, SAMPLE_RATE, Pcm
from shared.errors import WeightsError
from tests.hub.speakers.clips import clips

GOLDEN: dict[str, Any] = json.loads(Path(__file__).with_name("golden.json").read_text())
NAMES = ("times", "tried", "comparison", "noisy", "quiet")


@pytest.fixture(scope="module")
def encoder() -> SpeakerEncoder:
    return SpeakerEncoder.load()


@pytest.fixture(scope="module")
def spoken() -> dict[str, Pcm]:
    return clips()


def cosine(a: Embedding, b: Any) -> float:
    return float(a @ np.array(b) / np.linalg.norm(a) / np.linalg.norm(b))


@pytest.mark.weights
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("space", SPACES)
def test_the_vector_is_that_of_the_reference(
    encoder: SpeakerEncoder, spoken: dict[str, Pcm], name: str, space: str
) -> None:
    voice = encoder.embed(spoken[name], space)
    assert voice.shape == (SIZES[space],)
    assert voice.dtype == np.float32
    assert np.linalg.norm(voice) == pytest.approx(1, abs=1e-6)
    assert cosine(voice, GOLDEN[name][space]) > 0.9999


@pytest.mark.weights
@pytest.mark.parametrize("name", NAMES)
def test_without_preprocessing_too_it_is_that_of_the_reference(
    encoder: SpeakerEncoder, spoken: dict[str, Pcm], name: str
) -> None:
    voice = encoder.network(GE2E).encode(spoken[name].astype(np.float32) / np.float32(FULL_SCALE))
    assert cosine(voice, GOLDEN[name]["bare"]) > 0.9999


def test_the_two_spaces_are_not_one() -> None:
    between = [cosine(np.array(GOLDEN[n][GE2E]), GOLDEN[n][GE2E_LEGACY]) for n in NAMES]
    assert max(between) < 0.95


@pytest.mark.weights
@pytest.mark.parametrize("space", SPACES)
def test_too_little_speech_gives_no_voice_however_long_the_silence(
    encoder: SpeakerEncoder, spoken: dict[str, Pcm], space: str
) -> None:
    word = spoken["times"][: round(1.4 * SAMPLE_RATE)]
    silence = np.zeros(3 * SAMPLE_RATE, np.int16)
    for pcm in (word, np.concatenate((word, silence)), silence, silence[:0]):
        with pytest.raises(TooLittleSpeechError, match=r"1\.6 s are needed") as error:
            encoder.embed(pcm, space)
        assert error.value.details["speech_s"] == round(len(speech_of(pcm)) / SAMPLE_RATE, 2)
        assert len(speech_of(pcm)) < 1.6 * SAMPLE_RATE


@pytest.mark.weights
def test_any_speech_that_is_long_enough_has_a_voice(encoder: SpeakerEncoder) -> None:
    for seconds in (2.1, 3.3, 30.0):
        for space in (GE2E, CAMPPLUS):
            voice = encoder.embed(murmur(seconds), space)
            assert np.linalg.norm(voice) == pytest.approx(1, abs=1e-6)


@pytest.mark.weights
def test_another_space_is_not_known(encoder: SpeakerEncoder, spoken: dict[str, Pcm]) -> None:
    with pytest.raises(ValueError, match="no space 'ge2e-new'"):
        encoder.embed(spoken["times"], "ge2e-new")


def test_missing_weights_are_reported_with_the_command_that_fetches_them(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="models pull voice-campplus"):
        SpeakerEncoder.load(WeightStore(tmp_path))
    with pytest.raises(WeightsError, match="models pull voice-ge2e"):
        SpeakerEncoder(WeightStore(tmp_path)).embed(murmur(3.0), GE2E)


def test_weights_that_cannot_be_used_are_reported(tmp_path: Path) -> None:
    (tmp_path / "encoder.onnx").write_bytes(b"no model")
    for network in (Ge2e, Campplus):
        with pytest.raises(WeightsError, match=f"models verify {network.weights}"):
            network(tmp_path)


@pytest.mark.weights
def test_people_are_told_apart_in_the_best_space_whose_weights_are_here(tmp_path: Path) -> None:
    both = WeightStore()
    assert SpeakerEncoder.load().space == CAMPPLUS
    assert SpeakerEncoder.load().spaces == frozenset(SPACES)
    (tmp_path / "voice-ge2e").symlink_to(both.folder("voice-ge2e"))
    older = SpeakerEncoder.load(WeightStore(tmp_path))
    assert (older.space, sorted(older.spaces)) == (GE2E, [GE2E, GE2E_LEGACY])
    (tmp_path / "voice-campplus").mkdir()  # damaged weights are no reason to know nobody any more
    with pytest.raises(WeightsError, match="damaged"):
        SpeakerEncoder.load(WeightStore(tmp_path))
