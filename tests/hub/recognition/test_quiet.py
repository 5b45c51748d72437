"""What the recognisers' libraries do besides recognising: nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from models.location import locate


@pytest.mark.weights
def test_loading_a_recogniser_leaves_nothing_behind_and_tells_nobody(tmp_path: Path) -> None:
    """onnxruntime keeps and sends events of its use, unless it is told not to."""
    program = (
        "from hub.recognition.choice import load_recogniser;"
        " import numpy as np;"
        " r = load_recogniser('moonshine-tiny-en');"
        " r.transcribe(np.random.default_rng(0).integers(-3000, 3000, 16000, np.int16))"
    )
    environ = {key: value for key, value in os.environ.items() if key not in ("CI", "HOME")}
    home, temporary = tmp_path / "home", tmp_path / "tmp"
    home.mkdir()
    temporary.mkdir()
    environ |= {
        "HOME": str(home),
        "TMPDIR": str(temporary),
        "XDG_CACHE_HOME": str(home / ".cache"),
        "MIRA_WEIGHTS": str(locate("moonshine-tiny-en").parent),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    subprocess.run([sys.executable, "-c", program], env=environ, check=True)  # noqa: S603
    assert [*home.rglob("*"), *temporary.rglob("*")] == []
