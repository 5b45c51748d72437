from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge.simulation.scene_material import (
    fingerprint,
    material,
    part_of,
    read_audio,
    read_noises,
    read_speech,
)
from shared.audio import SAMPLE_RATE
from shared.errors import AudioFormatError, ConfigError
from tests.edge.simulation.speech_folder import write_corpus, write_noise, write_speech


def test_a_table_beside_the_audio_is_read(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "corpus")
    above, beside = read_speech(corpus), read_speech(corpus / "speech")

    assert above == beside
    assert [one.name for one in above] == [f"utterance{n}" for n in range(4)]
    assert above[1].reference == "coffee number 1"
    assert above[1].slots == {"drink": "coffee"}
    assert above[1].seconds == pytest.approx(0.8)
    assert above[1].pcm.dtype == np.int16
    assert above[1].pcm.shape == (0.8 * SAMPLE_RATE,)


def test_texts_beside_the_audio_are_read(tmp_path: Path) -> None:
    found = read_speech(write_speech(tmp_path, 3))

    assert [one.reference for one in found] == [f"sentence number {n}" for n in range(3)]
    assert [one.talker for one in found] == ["0", "1", "2"]


@pytest.mark.weights
def test_without_a_folder_the_sample_speech_is_spoken_by_two_readers() -> None:
    found = read_speech(None)

    assert len(found) == 12
    assert {one.talker for one in found} == {"two_cities", "beckett"}


def test_others_are_other_peoples_and_say_something_else(tmp_path: Path) -> None:
    folder = write_speech(tmp_path, 4)
    (folder / "0-said.flac").rename(folder / "3-too.flac")  # of the same talker as 3-said
    (folder / "0-said.txt").rename(folder / "3-too.txt")
    (folder / "1-said.txt").write_text("sentence number 2")
    speech = read_speech(folder)
    names = {
        one.name: {speech[n].name for n in material(at, speech, 0).others}
        for at, one in enumerate(speech)
    }

    assert names["3-said"] == {"1-said", "2-said"}
    assert names["1-said"] == {"3-said", "3-too"}


def test_where_all_names_begin_alike_each_counts_as_another_talkers(tmp_path: Path) -> None:
    folder = write_speech(tmp_path, 3)
    for path in list(folder.iterdir()):
        path.rename(path.with_name(f"clip_{path.name}"))
    speech = read_speech(folder)

    assert list(material(0, speech, 0).others) == [1, 2]


def test_training_and_evaluation_share_no_utterance(tmp_path: Path) -> None:
    folder = write_speech(tmp_path, 20, seconds=0.1)
    train, evaluation, both = (
        {one.name for one in read_speech(folder, part)} for part in ("train", "eval", None)
    )

    assert train
    assert evaluation
    assert not train & evaluation
    assert train | evaluation == both


def test_seven_tenths_are_for_training_for_ever() -> None:
    parts = [part_of(f"utterance {n}") for n in range(2000)]

    assert parts.count("train") / 2000 == pytest.approx(0.7, abs=0.03)
    # What was trained on was trained on: the hash must not change.
    expected = {"times": "train", "tried": "eval", "wisdom": "train", "a": "eval", "b": "train"}
    assert {name: part_of(name) for name in expected} == expected


def test_noise_of_any_rate_and_any_channels_is_read(tmp_path: Path) -> None:
    (path,) = read_noises(write_noise(tmp_path / "noise"))
    pcm = read_audio(path)

    assert pcm.dtype == np.int16
    assert len(pcm) == pytest.approx(SAMPLE_RATE, abs=2)
    assert read_noises(None) == []


def test_a_fingerprint_changes_with_what_scenes_are_made_from(tmp_path: Path) -> None:
    folder, noises = write_speech(tmp_path / "speech", 2), read_noises(write_noise(tmp_path / "n"))
    before = fingerprint(read_speech(folder), noises)

    assert fingerprint(read_speech(folder), noises) == before
    assert fingerprint(read_speech(folder), []) != before
    (folder / "0-said.txt").write_text("something else")
    assert fingerprint(read_speech(folder), noises) != before


@pytest.mark.parametrize("read", [read_speech, read_noises])
def test_a_folder_that_is_missing_or_empty_is_said_so(read: object, tmp_path: Path) -> None:
    assert callable(read)
    with pytest.raises(ConfigError, match=r"no folder .*nowhere"):
        read(tmp_path / "nowhere")
    with pytest.raises(ConfigError, match=r"There is no (utterance|audio) in"):
        read(tmp_path)


def test_a_part_that_has_no_utterance_is_said_so(tmp_path: Path) -> None:
    (name,) = [one.name for one in read_speech(write_speech(tmp_path, 1))]
    other = "eval" if part_of(name) == "train" else "train"

    with pytest.raises(ConfigError, match=f"the part '{other}'"):
        read_speech(tmp_path, other)  # type: ignore[arg-type]


def test_a_table_that_cannot_be_read_names_the_line(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "corpus", 2)
    with (corpus / "speech.jsonl").open("a") as table:
        table.write('{"file": 3}\n')

    with pytest.raises(ConfigError, match=r"speech\.jsonl, line 3"):
        read_speech(corpus)


def test_damaged_audio_is_said_so(tmp_path: Path) -> None:
    folder = write_speech(tmp_path, 2)
    (folder / "1-said.flac").write_bytes(b"nothing of the kind")

    with pytest.raises(ConfigError, match=r"1-said\.flac cannot be read"):
        read_speech(folder)
    with pytest.raises(AudioFormatError, match=r"1-said\.flac cannot be read"):
        read_audio(folder / "1-said.flac")
