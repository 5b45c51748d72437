"""Moonshine on real speech."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import jiwer
import numpy as np
import pytest

from edge.simulation.speech import SpokenUtterance
from hub.recognition.moonshine import MoonshineRecogniser
from hub.recognition.recogniser import Recogniser, RecogniserLoadError
from shared.audio import SAMPLE_RATE
from tests.hub.recognition.conftest import noise


def plain(text: str) -> str:
    return re.sub(r"[^a-z ]", "", text.lower())


def word_error_rate(
    recogniser: Recogniser, utterances: list[SpokenUtterance], gain: float = 1.0
) -> float:
    references = [plain(one.reference) for one in utterances]
    texts = [
        plain(recogniser.transcribe(np.rint(one.pcm * gain).astype(np.int16)).text)
        for one in utterances
    ]
    return float(jiwer.wer(references, texts))


@pytest.mark.weights
@pytest.mark.parametrize("name", ["moonshine-tiny-en", "moonshine-base-en"])
def test_clear_readings_are_understood(
    name: str, load: Callable[[str], Recogniser], spoken: list[SpokenUtterance]
) -> None:
    assert word_error_rate(load(name), spoken[:3]) <= 0.1


@pytest.mark.weights
def test_a_quiet_microphone_is_understood_as_well(
    load: Callable[[str], Recogniser], spoken: list[SpokenUtterance]
) -> None:
    assert word_error_rate(load("moonshine-tiny-en"), spoken[:2], gain=0.02) <= 0.1


@pytest.mark.weights
def test_halting_speech_is_understood_and_noise_is_nothing(
    load: Callable[[str], Recogniser], spoken: list[SpokenUtterance]
) -> None:
    """Base takes words with long pauses for nothing at first, with a probability of 0.4 here."""
    recogniser = load("moonshine-base-en")
    one = next(one for one in spoken if one.reference.startswith("we had everything before"))
    piece, pause = SAMPLE_RATE * 35 // 100, np.zeros(SAMPLE_RATE * 6 // 10, np.int16)
    pieces = [one.pcm[i * piece : (i + 1) * piece] for i in range(8)]
    halting = np.concatenate([part for piece in pieces for part in (piece, pause)])
    assert "everything before us" in recogniser.transcribe(halting).text
    for seed in range(3):
        assert recogniser.transcribe(noise(3, seed=seed)).text == ""


@pytest.mark.weights
def test_what_was_mumbled_gives_less_confidence_than_clear_speech(
    load: Callable[[str], Recogniser], spoken: list[SpokenUtterance]
) -> None:
    recogniser, pcm = load("moonshine-tiny-en"), spoken[0].pcm
    noise = np.random.default_rng(0).normal(0, 2 * pcm.std(), len(pcm))
    noisy = (pcm + noise).clip(-32768, 32767).astype(np.int16)
    assert recogniser.transcribe(noisy).confidence < recogniser.transcribe(pcm).confidence


@pytest.mark.weights
def test_the_time_of_a_sentence_is_measured(load: Callable[[str], Recogniser]) -> None:
    recogniser = load("moonshine-tiny-en")
    assert isinstance(recogniser, MoonshineRecogniser)
    assert recogniser.time_sentence() > 0


def test_a_folder_without_a_model_is_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.bin").write_bytes(b"\x01a")
    (tmp_path / "encoder_model.ort").write_bytes(b"not a model")
    with pytest.raises(RecogniserLoadError, match="mira-hub models verify moonshine-tiny-en"):
        MoonshineRecogniser("moonshine-tiny-en", tmp_path)
