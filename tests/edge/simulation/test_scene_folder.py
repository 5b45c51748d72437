from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from edge.simulation.scene_folder import (
    Recipe,
    is_scene,
    make_scene,
    read_scene,
    scene_folders,
    scene_name,
)
from edge.simulation.scene_material import read_noises, read_speech
from shared.audio import SAMPLE_RATE
from shared.errors import AudioFormatError, ConfigError
from tests.edge.simulation.speech_folder import write_corpus, write_noise


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    speech = read_speech(write_corpus(tmp_path / "corpus"))
    noises = read_noises(write_noise(tmp_path / "noise"))
    return Recipe(5, (3, 4), False, speech, noises)


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_scene_is_a_folder_of_recordings_and_facts(recipe: Recipe, tmp_path: Path) -> None:
    make_scene(recipe, 0, tmp_path)
    folder = tmp_path / "scene-00000"
    facts = json.loads((folder / "scene.json").read_text())
    count = len(facts["mics"])

    assert set(files(folder)) == {"scene.json", *(f"mic{n}.flac" for n in range(count))}
    assert 3 <= count <= 4
    assert len(facts["distances_m"]) == count
    assert facts["utterance"] in {one.name for one in recipe.speech}
    assert set(facts) >= {"reference", "rt60_s", "seed", "noise", "kind"}
    assert set(facts["mics"][0]) == {
        "gain_db",
        "self_noise_db",
        "bandwidth_hz",
        "agc",
        "clips",
        "clock_offset_ms",
        "clock_drift_ppm",
        "room",
        "beside_noise",
    }
    info = soundfile.info(folder / "mic0.flac")
    assert (info.samplerate, info.channels, info.subtype) == (SAMPLE_RATE, 1, "PCM_16")


def test_a_scene_reads_as_it_was_written(recipe: Recipe, tmp_path: Path) -> None:
    make_scene(recipe, 1, tmp_path)
    scene = read_scene(tmp_path / scene_name(1))
    (said,) = [one for one in recipe.speech if one.name == scene.facts.utterance]

    assert scene.name == "scene-00001"
    assert scene.facts.reference == said.reference
    assert scene.facts.slots == said.slots
    assert len(scene.pcm) == len(scene.facts.mics)
    assert all(pcm.dtype == np.int16 and pcm.any() for pcm in scene.pcm)


def test_the_same_recipe_and_number_make_the_same_bytes(recipe: Recipe, tmp_path: Path) -> None:
    for out in (tmp_path / "one", tmp_path / "two"):
        make_scene(recipe, 3, out)

    assert files(tmp_path / "one" / scene_name(3)) == files(tmp_path / "two" / scene_name(3))


def test_all_utterances_take_turns_and_no_scene_is_like_another(
    recipe: Recipe, tmp_path: Path
) -> None:
    for number in range(8):
        make_scene(recipe, number, tmp_path)
    facts = [read_scene(folder).facts for folder in scene_folders(tmp_path)]

    assert sorted(one.utterance for one in facts[:4]) == [f"utterance{n}" for n in range(4)]
    assert sorted(one.utterance for one in facts[4:]) == [f"utterance{n}" for n in range(4)]
    assert len({one.seed for one in facts}) == 8
    for one in facts:
        assert len(one.talkers) == (len(one.mics) if "competing" in one.kind else 0)
        assert one.references == []


def test_slots_are_left_out_where_there_are_none(recipe: Recipe, tmp_path: Path) -> None:
    for number in range(4):
        make_scene(recipe, number, tmp_path)
    texts = [(folder / "scene.json").read_text() for folder in scene_folders(tmp_path)]

    assert sum('"slots"' in text for text in texts) == 3  # utterance0 has none


def test_a_scene_of_two_talkers_says_what_both_say_and_who_is_louder_where(
    recipe: Recipe, tmp_path: Path
) -> None:
    two = Recipe(5, (4, 4), True, recipe.speech, recipe.noises)
    make_scene(two, 0, tmp_path)
    facts = read_scene(tmp_path / scene_name(0)).facts

    assert len(set(facts.references)) == 2
    assert facts.reference == facts.references[0]
    assert len(facts.talkers) == len(facts.margin_db) == 4
    assert all(margin_db >= 0 for margin_db in facts.margin_db)
    assert facts.started_s[0] == pytest.approx(0.7)
    assert facts.started_s[1] < 0.7 + 0.8


def test_what_an_interrupted_run_left_is_replaced(recipe: Recipe, tmp_path: Path) -> None:
    (tmp_path / scene_name(0)).mkdir()
    (tmp_path / scene_name(0) / "mic7.flac").write_bytes(b"half")
    assert not is_scene(tmp_path / scene_name(0))
    make_scene(recipe, 0, tmp_path)

    assert is_scene(tmp_path / scene_name(0))
    assert not (tmp_path / scene_name(0) / "mic7.flac").exists()
    assert [path.name for path in scene_folders(tmp_path)] == [scene_name(0)]


def test_what_is_no_scene_is_said_so(recipe: Recipe, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no scenes in"):
        scene_folders(tmp_path / "nowhere")
    with pytest.raises(ConfigError, match="is no scene"):
        read_scene(tmp_path)
    make_scene(recipe, 0, tmp_path)
    folder = tmp_path / scene_name(0)
    (folder / "mic1.flac").unlink()
    with pytest.raises(AudioFormatError, match=r"mic1\.flac"):
        read_scene(folder)
    (folder / "scene.json").write_text("{}")
    with pytest.raises(ConfigError, match="cannot be used"):
        read_scene(folder)
