"""The bench of voices, on a few made-up people: what it counts, not how well they are told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from shared.audio import SAMPLE_RATE
from shared.errors import ConfigError
from tests.bench.speakers import ENROLMENT, Spoken, judged
from tests.bench.tools.speaker_clips import joined, main, read_clips
from tests.hub.speakers.people import heard, sentence


def spoken(people: int, each: int, unlike: float = 0.35) -> list[Spoken]:
    return [
        Spoken(f"speaker {who}", heard(sentence(who, n, unlike)), 80.0)
        for who in range(people)
        for n in range(each)
    ]


def test_people_who_are_far_apart_are_all_told() -> None:
    clean = spoken(4, 8)
    figures = judged(clean, clean, 1)
    assert figures["equal_error_rate"] == 0
    assert (figures["identified"], figures["assigned"], figures["wrong"]) == (1, 1, 0)
    assert (figures["speakers"], figures["persons"], figures["false_persons"]) == (4, 4, 0)
    assert (figures["not_found"], figures["unenrolled_right"]) == (0, 1)
    assert figures["clips"] == 32


def test_who_has_too_few_clips_is_not_enrolled_and_counts_among_strangers_only() -> None:
    some = spoken(3, 8) + [one for one in spoken(4, 2) if one.speaker == "speaker 3"]
    figures = judged(some, some, 1)
    assert (figures["identified"], figures["speakers"]) == (1, 4)
    few = spoken(3, ENROLMENT - 1)
    with pytest.raises(ConfigError):
        judged(few, few, 1)


def test_what_is_not_like_the_enrolment_is_counted_as_such() -> None:
    clean = spoken(4, ENROLMENT)
    figures = judged(clean, spoken(4, 6, 2.5), 1)
    rate = figures["equal_error_rate"]
    assert isinstance(rate, float)
    assert rate > 0.02
    assert figures["assigned"] == 0
    assert (figures["persons"], figures["not_found"]) == (0, 4)


def test_short_recordings_are_joined_each_into_one_clip_the_same_every_time(
    tmp_path: Path,
) -> None:
    pieces = [np.full(SAMPLE_RATE, n + 1, np.int16) for n in range(10)]
    clips = list(joined(pieces, 3.0, 7))
    assert [len(clip) for clip in clips] == [3 * SAMPLE_RATE] * 3
    used = [int(value) for clip in clips for value in np.unique(clip)]
    assert len(used) == len(set(used)) == 9
    for again, clip in zip(joined(pieces, 3.0, 7), clips, strict=True):
        np.testing.assert_array_equal(again, clip)
    for n, piece in enumerate(pieces):
        (tmp_path / "in" / "ann").mkdir(parents=True, exist_ok=True)
        soundfile.write(tmp_path / "in" / "ann" / f"{n}.wav", piece, SAMPLE_RATE)
    main([str(tmp_path / "in"), "--out", str(tmp_path / "out"), "--seconds", "2"])
    found = read_clips(tmp_path / "out")
    assert [clip.name for clip in found["ann"]] == ["000", "001", "002", "003", "004"]


def test_a_folder_without_speakers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        read_clips(tmp_path)
    with pytest.raises(ConfigError):
        read_clips(tmp_path / "nowhere")
