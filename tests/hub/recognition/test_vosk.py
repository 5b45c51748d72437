"""What is Vosk's own: its models' folders and its streams."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from edge.simulation.speech import SpokenUtterance
from hub.recognition.recogniser import DecodeCancelled, Recogniser, RecogniserLoadError
from hub.recognition.vosk import VoskRecogniser, language_of_folder
from shared.audio import SAMPLE_RATE


@pytest.mark.parametrize(
    ("folder", "language"),
    [
        ("vosk-model-small-fr-0.22", "fr"),
        ("vosk-model-small-en-us-0.15", "en-us"),
        ("vosk-model-de-0.21", "de"),
        ("vosk-model-small-ko", "ko"),
        ("my own model", "und"),
    ],
)
def test_a_models_folder_tells_its_language(folder: str, language: str) -> None:
    assert language_of_folder(Path("/models") / folder) == language


def test_a_folder_without_a_model_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(RecogniserLoadError, match="the folder of a whole Vosk model"):
        VoskRecogniser("vosk:/there", tmp_path, "und")


@pytest.mark.weights
def test_a_stream_that_was_stopped_goes_on_where_it_was(
    load: Callable[[str], Recogniser], spoken: list[SpokenUtterance]
) -> None:
    speech = spoken[0].pcm[:SAMPLE_RATE]
    stopped, whole = load("vosk-ko").open_stream(), load("vosk-ko").open_stream()
    asked = 0

    def after_two_steps() -> bool:
        nonlocal asked
        asked += 1
        return asked > 2

    with pytest.raises(DecodeCancelled):
        stopped.feed(speech, after_two_steps)
    assert stopped.feed(speech[:0]) == whole.feed(speech) != ""
