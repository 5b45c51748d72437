"""Pairs of microphones where two talk, and what the bench makes of them."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import numpy as np
import pytest

from edge.simulation.scene_folder import RecordedScene, read_scene, scene_folders
from edge.simulation.speech import murmur
from shared.audio import samples_to_us, us_to_samples
from tests.bench import grouping
from tests.bench.grouping import Figures
from tests.bench.scenes import main as make_scenes
from tests.bench.tools.talker_pairs import BOTH_US, Told, hear, judge, pairs
from tests.edge.simulation.speech_folder import write_speech


def scenes(tmp_path: Path, *options: str) -> Path:
    """Two scenes of 4 s speech each; returns their folder."""
    speech = write_speech(tmp_path / "speech", seconds=4.0)
    out = tmp_path / "scenes"
    arguments = ["--out", str(out), "--speech", str(speech), "--devices", "4", "--jobs", "1"]
    assert make_scenes([*arguments, "--count", "2", "--seed", "3", *options]) == 0
    return out


def told(*, same: bool, right: bool, margin_db: float = 8.0, off: bool | None = None) -> Told:
    """A pair; `off`: whether it is told rightly with clocks that are off, too."""
    with_error = right if off is None else off
    return Told(same, margin_db, same == right, same == with_error)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> RecordedScene:
    """Two talkers, four microphones."""
    return read_scene(scene_folders(scenes(tmp_path_factory.mktemp("two"), "--two-talkers"))[0])


def test_a_microphone_is_heard_as_its_device_hears_it() -> None:
    pcm = np.concatenate([np.zeros(16_000, np.int16), murmur(2.0, 1), np.zeros(32_000, np.int16)])
    (one,) = hear(2, pcm)
    assert one.client_id == "microphone-2"
    assert one.started_us < 1_000_000 <= one.end_us - 1_500_000
    assert len(one.envelope) == len(one.levels) == one.samples // us_to_samples(20_000)


def test_the_truth_of_a_pair_is_who_is_louder_at_both(scene: RecordedScene) -> None:
    facts = scene.facts
    found = list(pairs(scene))
    assert found
    for pair in found:
        a, b = (int(c.client_id.removeprefix("microphone-")) for c in (pair.one, pair.other))
        assert pair.same == (facts.talkers[a] == facts.talkers[b])
        assert pair.margin_db == min(facts.margin_db[a], facts.margin_db[b])


def test_only_utterances_that_hold_both_talkers_count(scene: RecordedScene) -> None:
    later_us = round(max(scene.facts.started_s) * 1e6)
    for pair in pairs(scene):
        for one in (pair.one, pair.other):
            assert one.started_us <= later_us + BOTH_US
            assert one.end_us >= later_us + BOTH_US
    after_us = samples_to_us(max(map(len, scene.pcm))) + 10_000_000
    facts = msgspec.structs.replace(scene.facts, started_s=[0.5, after_us / 1e6])
    nobody = RecordedScene(scene.name, facts, scene.pcm)
    assert list(pairs(nobody)) == []


def test_the_clocks_are_off_the_same_way_every_time(scene: RecordedScene) -> None:
    assert judge(scene, 80_000) == judge(scene, 80_000)
    assert all(t.told_same == t.told_same_with_clock_error for t in judge(scene, 0))


def test_shares_are_of_the_pairs_that_they_name() -> None:
    figures = Figures(
        [
            [told(same=True, right=True, margin_db=1), told(same=True, right=False, margin_db=4)],
            [told(same=False, right=True, margin_db=20, off=False)],
            [told(same=True, right=True, margin_db=3), told(same=False, right=True)],
            [],
        ]
    ).as_json()
    assert (figures["scenes"], figures["pairs"], figures["right"]) == (4, 5, 0.8)
    assert (figures["same_right"], figures["different_right"]) == (0.6667, 1.0)
    assert figures["right_by_margin_db"] == {
        "0-3": 1.0,
        "3-6": 0.5,
        "6-10": 1.0,
        "10-15": None,
        "15+": 1.0,
    }
    assert figures["right_with_clock_error"] == 0.6
    assert figures["changed_by_clock_error"] == 0.2
    bounds = figures["right_interval"]
    assert isinstance(bounds, tuple)
    low, high = bounds
    assert 0.5 <= low < 0.8 < high <= 1


@pytest.mark.process
def test_the_last_line_has_the_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = scenes(tmp_path, "--two-talkers")
    assert grouping.main(["--scenes", str(out), "--jobs", "1", "--limit", "1"]) == 0
    said = capsys.readouterr()
    figures = json.loads(said.out.splitlines()[-1])
    assert figures["scenes"] == 1
    assert figures["pairs"] == sum(figures["pairs_by_margin_db"].values()) > 0
    assert "right, clocks off" in said.err


@pytest.mark.process
def test_scenes_of_one_talker_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = scenes(tmp_path)
    assert grouping.main(["--scenes", str(out), "--jobs", "1"]) == 1
    assert "--two-talkers" in capsys.readouterr().err
