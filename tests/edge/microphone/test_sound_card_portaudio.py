"""The sound card through real PortAudio, on a machine that need not have one.

ALSA's `file` plugin makes a microphone of a pipe; see `portaudio_child`.
"""

from __future__ import annotations

import ctypes.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
ALSA_CONFIG = Path("/usr/share/alsa/alsa.conf")

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(
        ctypes.util.find_library("portaudio") is None,
        reason="PortAudio is not installed (apt install libportaudio2)",
    ),
    pytest.mark.skipif(
        not ALSA_CONFIG.exists(), reason="ALSA is not installed (apt install libasound2-data)"
    ),
]


@pytest.fixture
def through_portaudio(tmp_path: Path) -> Any:
    """Runs one of `portaudio_child`'s checks and gives what it saw."""
    pipe = tmp_path / "samples"
    (tmp_path / ".asoundrc").write_text(
        f"""pcm.kitchen {{
            type file
            slave.pcm null
            file /dev/null
            infile {pipe}
            format raw
        }}"""
    )

    def run(check: str) -> Any:
        done = subprocess.run(  # noqa: S603 - our own module, in this interpreter
            [sys.executable, "-m", "tests.edge.microphone.portaudio_child", check, str(pipe)],
            cwd=ROOT,
            env={**os.environ, "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    return run


def test_the_card_is_listed_by_its_name(through_portaudio: Any) -> None:
    assert any("kitchen" in card for card in through_portaudio("cards"))


def test_what_the_card_records_comes_through_and_it_is_closed_after(through_portaudio: Any) -> None:
    assert through_portaudio("record") == {
        "name": "kitchen",
        "same": True,
        "left_open": 0,
        "after_closing": [],
    }


def test_a_wrong_name_is_told_with_what_there_is(through_portaudio: Any) -> None:
    error = through_portaudio("wrong_name")
    assert "no microphone 'bathroom'" in error
    assert "kitchen" in error


def test_a_card_that_goes_away_is_an_error_and_can_be_opened_again(through_portaudio: Any) -> None:
    seen = through_portaudio("lost")
    assert "kitchen has gone away" in seen["error"]
    assert seen["heard_again"]


def test_a_busy_daemon_loses_the_newest_and_says_so_once(through_portaudio: Any) -> None:
    seen = through_portaudio("busy")
    assert seen["first"]
    assert seen["then"] == [9999]
    assert len(seen["warnings"]) == 1
    assert "7" in seen["warnings"][0]  # the rest of 12 s
