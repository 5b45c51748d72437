from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.simulation.measure import normalise, overall_wer, wer, word_errors


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("It was the BEST of times,", "it was the best of times"),
        ("Ever tried. Ever failed.", "ever tried ever failed"),
        ("don\u2019t, \u2018really\u2019", "don't really"),
        ("'quoted' o'clock", "quoted o'clock"),
        ("well-known \u2014 so\u2026 to_say", "well known so to say"),
        ("  at 7:30\n on  the 3rd ", "at 7 30 on the 3rd"),
        ("Stra\u00dfe caf\u00e9", "strasse caf\u00e9"),
        ("cafe\u0301", "caf\u00e9"),
        ("\u266a ...", ""),
        ("", ""),
    ],
)
def test_only_the_words_count(text: str, words: str) -> None:
    assert normalise(text) == words


@given(st.text())
def test_normalising_again_changes_nothing(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)


def test_errors_are_substitutions_deletions_and_insertions() -> None:
    assert word_errors("turn the light on", "turn a light") == (2, 4)
    assert word_errors("turn on", "please turn it on") == (2, 2)
    assert wer("turn the light on", "turn a light") == 0.5
    assert wer("turn on", "please turn it on") == 1.0


def test_case_and_punctuation_are_no_errors() -> None:
    assert wer("We had everything before us,", "we had everything; before us") == 0


def test_where_nothing_was_said_what_was_understood_is_wrong() -> None:
    assert wer("", "") == 0
    assert wer("...", "\u266a") == 0
    assert wer("", "thank you") == 2
    assert wer("thank you", "") == 1


def test_over_a_session_every_word_weighs_the_same() -> None:
    pairs = [("one two three four five six", "one two three four five six"), ("no", "yes")]

    assert overall_wer(pairs) == pytest.approx(1 / 7)
    assert overall_wer([]) == 0
