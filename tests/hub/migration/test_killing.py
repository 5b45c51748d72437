"""Whoever is killed in the midst of it leaves the old state or the new one, and can go on."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

POINTS = 18
"""Of each command's steps, of which there are 70 to 340; `killing` does all of them."""


@pytest.mark.parametrize("command", ["run", "adopt", "rollback"])
def test_killed_at_any_step_it_is_old_or_new_and_the_next_run_finishes(
    command: str, tmp_path: Path
) -> None:
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-m", "tests.hub.migration.killing", str(tmp_path), command, str(POINTS)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["killed"] >= POINTS
