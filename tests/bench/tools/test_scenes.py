"""The command that makes scenes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.bench.scenes import main
from tests.edge.simulation.speech_folder import write_noise, write_speech


def made(tmp_path: Path, out: str, *options: str) -> Path:
    """Runs the command on a small folder of speech; returns its folder of scenes."""
    folder = tmp_path / out
    speech = write_speech(tmp_path / "speech")
    arguments = ["--out", str(folder), "--speech", str(speech), "--devices", "3", "--jobs", "1"]
    assert main([*arguments, *options]) == 0
    return folder


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.process
def test_the_scenes_do_not_depend_on_the_number_of_processes(tmp_path: Path) -> None:
    alone = made(tmp_path, "alone", "--count", "3")
    shared = made(tmp_path, "shared", "--count", "3", "--jobs", "2")

    assert files(alone) == files(shared)


def test_the_last_line_says_what_was_made_and_the_list_of_what(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    noise = write_noise(tmp_path / "noise")
    out = made(tmp_path, "out", "--count", "2", "--seed", "4", "--noise", str(noise))
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    listed = json.loads((out / "scenes.json").read_text())

    assert (figures["scenes"], figures["out"]) == (2, str(out))
    assert figures["seconds"] >= 0
    assert listed["scenes"] == 2
    assert listed["made_with"]["seed"] == 4
    assert listed["made_with"]["devices"] == [3, 3]
    assert listed["made_with"]["utterances"] == 6
    assert listed["made_with"]["noises"] == ["kettle.wav"]


def test_scenes_that_are_there_are_kept_and_the_missing_are_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = made(tmp_path, "out", "--count", "2")
    before = files(out)
    kept = out / "scene-00000" / "scene.json"
    kept.write_bytes(kept.read_bytes() + b"\n")
    (out / "scene-00001" / "scene.json").unlink()
    made(tmp_path, "out", "--count", "2")

    assert "1 of 2 scenes are there already" in capsys.readouterr().err
    assert kept.read_bytes().endswith(b"\n\n")
    kept.write_bytes(before["scene-00000/scene.json"])
    assert files(out) == before


def test_two_talkers_can_be_asked_for(tmp_path: Path) -> None:
    out = made(tmp_path, "out", "--count", "1", "--two-talkers")
    facts = json.loads((out / "scene-00000" / "scene.json").read_text())

    assert len(facts["references"]) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--speech", "nowhere"], "There is no folder nowhere"),
        (["--noise", "nowhere"], "There is no folder nowhere"),
        (["--seed", "9"], "other options or material"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    made(tmp_path, "out", "--count", "1")
    capsys.readouterr()
    arguments = ["--out", "out", "--speech", "speech", "--devices", "3", "--count", "1"]

    assert main([*arguments, *options]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line


@pytest.mark.parametrize(
    "options",
    [
        ["--count", "0"],
        ["--seed", "-1"],
        ["--devices", "8-3"],
        ["--devices", "many"],
        ["--devices", "1"],
        ["--split", "test"],
        ["--jobs", "0"],
    ],
)
def test_options_that_make_no_sense_are_refused(
    options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as refused:
        main(["--out", str(tmp_path / "out"), *options])
    assert refused.value.code == 2
    assert options[0] in capsys.readouterr().err
