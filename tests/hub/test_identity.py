"""The hub's own id."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hub.identity import hub_id
from shared.errors import StoreError


def test_it_is_made_once_and_kept(tmp_path: Path) -> None:
    made = hub_id(tmp_path / "state")
    assert re.fullmatch("hub_[0-9a-f]{16}", made)
    assert hub_id(tmp_path / "state") == made
    assert hub_id(tmp_path / "other") != made


def test_one_that_was_never_finished_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "hub_id").touch()
    made = hub_id(tmp_path)
    assert re.fullmatch("hub_[0-9a-f]{16}", made)
    assert hub_id(tmp_path) == made


def test_a_folder_that_cannot_be_used_is_named_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=r"file/state/hub_id .*Set \[paths\] state_dir"):
        hub_id(tmp_path / "file" / "state")
