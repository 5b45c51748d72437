"""`mira-hub migrate` as an operator meets it: what it prints, and with which status it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hub import cli
from tests.hub.migration.test_runs import ROWS, change
from tests.hub.store import legacy


@pytest.fixture(autouse=True)
def niceness(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """By how much the tests' own process would have stepped back."""
    asked: list[int] = []
    monkeypatch.setattr("os.nice", asked.append)
    return asked


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "legacy.db"
    legacy.write(path, ROWS)
    return path


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "hub.toml"
    path.write_text(f'[paths]\nstate_dir = "{tmp_path / "state"}"\n')
    return path


def migrate(config: Path, *arguments: object) -> int:
    return cli.main(["migrate", *map(str, arguments), "--config", str(config)])


def test_plan_run_verify_status_rollback(
    file: Path, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = file.read_bytes()
    assert migrate(config, "plan", file) == 0
    said = capsys.readouterr().out
    assert "interactions: 2 rows" in said
    assert "interactions.speaker_id: 1 x dangling_reference: empty; kept beside the row" in said
    assert migrate(config, "plan", file, "--json") == 0
    (planned,) = json.loads(capsys.readouterr().out)
    assert len(planned["oddities"]) == 3
    assert migrate(config, "run", file) == 0
    said = capsys.readouterr().out
    assert f"{file} -> legacy_migration_network" in said
    assert "  verified" in said
    assert migrate(config, "verify") == 0
    assert "verified" in capsys.readouterr().out
    assert migrate(config, "verify", file, "--json") == 0
    (report,) = json.loads(capsys.readouterr().out)
    assert (
        report["tables"]["interactions"]["source_checksum"]
        == (report["tables"]["interactions"]["target_checksum"])
    )
    assert migrate(config, "status", "--json") == 0
    assert json.loads(capsys.readouterr().out)["networks_migrated"] == 1
    assert migrate(config, "rollback") == 0
    said = capsys.readouterr().out
    assert f"{file} is as it was, bit for bit." in said
    assert file.read_bytes() == before
    assert migrate(config, "rollback") == 1
    assert "Nothing was moved there." in capsys.readouterr().err


def test_a_file_that_differs_is_not_verified(
    file: Path, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    migrate(config, "run", file)
    change(file, "UPDATE interactions SET text = 'make coffee' WHERE text = 'make tea'")
    assert migrate(config, "verify") == 1
    said = capsys.readouterr().out
    assert "1 DIFFER" in said
    assert "was changed in the legacy system since" in said


def test_a_file_that_fails_does_not_stop_the_others(
    file: Path, config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken, other = tmp_path / "broken.db", tmp_path / "their home" / "mira.db"
    broken.write_text("nonsense")
    other.parent.mkdir()
    legacy.write(other, {"persons": [{"id": "1" * 32, "name": "Eve", "index": 1}]})
    assert migrate(config, "run", broken, file, other, "--json") == 1
    captured = capsys.readouterr()
    assert f"{broken}: {broken} is no SQLite file" in captured.err
    done = json.loads(captured.out)
    assert [one["source"] for one in done] == [str(file), str(other)]
    assert done[1]["name"] == "their home"
    assert all(one["network_id"].startswith("net_") and one["verified"] for one in done)


def test_one_at_a_time_goes_on_where_it_was(
    file: Path, config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other" / "mira.db"
    other.parent.mkdir()
    legacy.write(other, {"persons": [{"id": "1" * 32, "name": "Eve", "index": 1}]})
    for expected in ("not yet moved", "other/mira.db -> net_", "All of them were moved"):
        assert migrate(config, "run", "--one-at-a-time", file, other) == 0
        assert expected in capsys.readouterr().out


def test_a_name_for_the_network_is_for_one_file(
    file: Path, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert migrate(config, "run", file, file, "--network", "Ours") == 1
    assert "one file" in capsys.readouterr().err
    assert migrate(config, "run", file, "--network", "Ours", "--json") == 0
    (done,) = json.loads(capsys.readouterr().out)
    assert done["name"] == "Ours"
    assert migrate(config, "run", file, "--network", "Other") == 1
    assert "went into" in capsys.readouterr().err


def test_adopt_and_back(file: Path, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = legacy.read(file)
    assert migrate(config, "adopt", file, "--json") == 0
    assert json.loads(capsys.readouterr().out)["network_id"] == "legacy_migration_network"
    adopted = f'[store]\npath = "{file}"\n'
    config.write_text(config.read_text() + adopted)
    assert migrate(config, "status", "--json") == 0
    assert json.loads(capsys.readouterr().out)["interactions_migrated"] == 2
    for command in ("verify", "rollback"):
        assert migrate(config, command) == 1
        assert "was adopted" in capsys.readouterr().err
    assert migrate(config, "adopt", "--back", file) == 0
    assert legacy.read(file) == before


def test_a_move_leaves_the_processor_to_others(
    file: Path, config: Path, niceness: list[int]
) -> None:
    assert migrate(config, "status") == 0
    assert niceness == []
    assert migrate(config, "run", file) == 0
    assert niceness == [10]
    assert migrate(config, "run", file, "--last") == 1  # it is not known what to stop
    config.write_text(config.read_text() + '[migration]\nlegacy_command = ["legacy"]\n')
    assert migrate(config, "run", file, "--last") == 0
    assert niceness == [10]
