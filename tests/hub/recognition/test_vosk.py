"""What is Vosk's own: its models' folders."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.recognition.recogniser import RecogniserLoadError
from hub.recognition.vosk import VoskRecogniser, language_of_folder


@pytest.mark.parametrize(
    ("folder", "language"),
    [
        ("vosk-model-small-fr-0.22", "fr"),
        ("vosk-model-small-en-us-0.15", "en-us"),
        ("vosk-model-de-0.21", "de"),
        ("vosk-model-small-ko", "ko"),
        ("vosk-model-small-cn-0.22", "zh"),
        ("my own model", "und"),
    ],
)
def test_a_models_folder_tells_its_language(folder: str, language: str) -> None:
    assert language_of_folder(Path("/models") / folder) == language


def test_a_folder_without_a_model_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(RecogniserLoadError, match="the folder of a whole Vosk model"):
        VoskRecogniser("vosk:/there", tmp_path, "und")
