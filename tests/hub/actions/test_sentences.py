"""What people say, and what becomes of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hub.actions.parser import parse
from tests.hub.actions.sentences import measure, read

FILES = ("sentences.jsonl", "fresh_sentences.jsonl")


@pytest.mark.parametrize("name", FILES)
def test_at_least_95_percent_are_understood_and_no_action_is_invented(name: str) -> None:
    figures = measure(read(Path(__file__).with_name(name)), parse)
    told = "\n".join(figures.wrong)
    assert figures.right >= 0.95, told
    assert figures.false_actions == 0, told


def test_there_are_a_hundred_that_ask_and_fifty_that_do_not() -> None:
    sentences = read(Path(__file__).with_name("sentences.jsonl"))
    assert len({sentence.text for sentence in sentences}) == 150
    assert sum(sentence.expect is not None for sentence in sentences) == 100


@pytest.mark.parametrize(
    "expect",
    [
        {"kind": "create_event"},
        {"title": "feed the dog"},
        {"at": "2026-03-11T17:01"},
        {"at": None},
        {"priority": "high"},
    ],
)
def test_the_measure_sees_what_is_wrong(expect: dict[str, object], tmp_path: Path) -> None:
    text = "remind me at five to feed the cat"
    right = {"kind": "create_reminder", "title": "Feed the cat.", "at": "2026-03-11T17:00"}
    path = tmp_path / "set.jsonl"
    lines = [{"text": text, "expect": right}, {"text": text, "expect": right | expect}]
    path.write_text(
        "\n".join([*map(json.dumps, lines), json.dumps({"text": text, "expect": None})])
    )
    figures = measure(read(path), parse)
    assert (figures.asks, figures.asks_right) == (2, 1)
    assert (figures.nothing, figures.false_actions) == (1, 1)
