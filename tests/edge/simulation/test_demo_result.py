"""What a demo comes to."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.simulation.demo_result import (
    Result,
    Understood,
    best_example,
    best_in_hindsight,
    match,
    summary,
    texts_in_hindsight,
    total_wer,
)
from edge.simulation.home import Point
from edge.simulation.room import Span

HERE = Point(1, 1, 1.5)
SPANS = (
    Span("one", 4.0, 7.0, HERE, "it was the best of times"),
    Span("two", 9.0, 12.0, HERE, "try again"),
    Span("three", 14.0, 16.0, HERE, "fail better"),
)


def understood(at_s: float, text: str, elected: str = "kitchen") -> Understood:
    return Understood(at_s, text, elected, {"kitchen": 60.0, "hall": 40.0})


def test_texts_are_held_against_what_was_said_then() -> None:
    results = match(SPANS, [understood(14.2, "fail better"), understood(3.9, "it was the best")])
    assert [result.text for result in results] == ["it was the best", "", "fail better"]
    assert [result.wer for result in results] == [pytest.approx(1 / 3), 1, 0]
    assert [result.elected for result in results] == ["kitchen", None, "kitchen"]
    assert total_wer(results) == pytest.approx((2 + 2 + 0) / 10)


def test_one_that_came_in_two_parts_is_joined() -> None:
    parts = [understood(6.0, "of times", "hall"), understood(4.1, "it was the best")]
    result = match(SPANS[:1], parts)[0]
    assert (result.text, result.elected, result.wer) == ("it was the best of times", "kitchen", 0)


def test_what_nobody_said_counts_as_errors() -> None:
    results = match(SPANS[:1], [understood(4, "it was the best of times"), understood(30, "oh no")])
    assert [(result.reference, result.wer) for result in results] == [
        ("it was the best of times", 0),
        ("", 2),
    ]
    assert total_wer(results) == pytest.approx(2 / 6)


@given(st.lists(st.tuples(st.floats(0, 40), st.sampled_from(["a", "b c", "d"])), max_size=8))
def test_every_text_is_counted_exactly_once(heard: list[tuple[float, str]]) -> None:
    results = match(SPANS, [understood(at_s, text) for at_s, text in heard])
    said = sorted(word for _, text in heard for word in text.split())
    assert sorted(word for result in results for word in result.text.split()) == said
    assert [r.at_s for r in results] == sorted(r.at_s for r in results)
    assert [r.span for r in results if r.span] == list(SPANS)


def test_the_best_in_hindsight_has_the_fewest_errors_and_of_equals_is_the_elected_one() -> None:
    result = Result(4, "", "try again", "hall", {"kitchen": 60.0, "hall": 40.0, "attic": 50.0})
    texts = {"kitchen": "try", "hall": "try again", "attic": "try again"}
    assert best_in_hindsight(result, texts) == "hall"
    assert best_in_hindsight(result, texts | {"hall": "cry"}) == "attic"
    assert best_in_hindsight(result, dict.fromkeys(texts, "")) == "hall"
    assert best_in_hindsight(replace(result, elected=None), dict.fromkeys(texts, "")) == "kitchen"


def test_nothing_is_better_in_hindsight_than_a_text_without_errors() -> None:
    result = Result(4, "try again", "try again", "hall", {"kitchen": 60.0, "hall": 40.0})
    texts = texts_in_hindsight(result, {"kitchen": "try again", "hall": "cry again"})
    assert texts == {"kitchen": "try again", "hall": "try again"}
    assert best_in_hindsight(result, texts) == "hall"
    worse = replace(result, text="cry a gain")
    assert texts_in_hindsight(worse, {"hall": "try again"}) == {"hall": "try again"}
    unheard = replace(result, elected=None)
    assert texts_in_hindsight(unheard, {"hall": "try"}) == {"hall": "try"}


def test_the_example_is_well_understood_and_shows_a_difference() -> None:
    results = match(
        SPANS, [understood(4, "it was"), understood(9, "try again"), understood(14, "fail better")]
    )
    results[2] = replace(results[2], scores={"kitchen": 90.0, "hall": 5.0})
    assert best_example(results) is results[2]
    assert best_example(match(SPANS, [])) is None


def test_the_last_line_has_the_stated_shape() -> None:
    results = [
        replace(result, hindsight_best="hall")
        for result in match(SPANS[:1], [understood(4, "it was the best of rhymes")])
    ]
    assert summary(results, ["kitchen", "hall"], 41.26) == {
        "utterances": [
            {
                "text": "it was the best of rhymes",
                "reference": "it was the best of times",
                "wer": 0.1667,
                "elected": "kitchen",
                "hindsight_best": "hall",
            }
        ],
        "wer": 0.1667,
        "received_by": ["kitchen", "hall"],
        "seconds": 41.3,
    }


def test_where_nobody_knows_what_was_said_there_is_no_error_rate() -> None:
    line = summary([Result(1, "hello", None, "this-machine", {})], ["this-machine"], 5)
    assert line["wer"] is None
    assert line["utterances"] == [
        {
            "text": "hello",
            "reference": None,
            "wer": None,
            "elected": "this-machine",
            "hindsight_best": None,
        }
    ]
