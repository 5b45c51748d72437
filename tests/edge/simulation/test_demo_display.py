"""How a demo looks."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from edge.simulation.demo_display import (
    BAR_CELLS,
    Done,
    LiveDisplay,
    PlainDisplay,
    Row,
    View,
    bar,
    make_display,
    news,
    picture,
)

QUIET = View(0, rows=(Row("kitchen", "kitchen"), Row("hall", "hall")))
STREAMS = View(
    4.6,
    heading=("A home",),
    rows=(
        Row("kitchen", "kitchen", level_db=-30, score=61.4, elected=True),
        Row("hall", "hall", level_db=-50, score=22),
    ),
    utterance="e1",
    saying="It was the best of times,",
    partial="it was",
)
FINAL = replace(STREAMS, rows=(replace(STREAMS.rows[0], final=True), STREAMS.rows[1]))
OVER = replace(QUIET, done=(Done("it was the best", "kitchen", 0.25),))


def on_paper(view: View) -> str:
    console = Console(file=io.StringIO(), width=100)
    console.print(picture(view))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_picture_shows_who_hears_how_well_and_who_is_elected() -> None:
    text = on_paper(STREAMS)
    kitchen, hall = (line for line in text.splitlines() if "█" in line)
    assert kitchen.startswith("★")
    assert kitchen.split()[-2:] == ["61", "streams"]
    assert hall.split()[-1] == "22"
    assert kitchen.count("█") > hall.count("█") > 0
    assert "elected" in on_paper(FINAL)
    for words in ("A home", "It was the best of times,", "it was"):
        assert words in text


def test_the_picture_shows_what_was_understood() -> None:
    assert "it was the best  kitchen  WER 25%" in on_paper(OVER)
    assert "(nothing)" in on_paper(View(0, done=(Done("", None, 1.0),)))


def test_markup_in_a_text_is_shown_as_it_is() -> None:
    assert "[bold]x" in on_paper(View(0, done=(Done("[bold]x", None),)))


@given(st.floats(-200, 50))
def test_a_bar_fits_its_column_and_grows_with_the_level(level_db: float) -> None:
    assert len(bar(level_db)) <= BAR_CELLS
    assert len(bar(level_db)) <= len(bar(level_db + 3))
    assert bar(None) == ""


def test_each_thing_that_happens_is_one_line() -> None:
    assert list(news(QUIET, STREAMS)) == [
        "says      It was the best of times,",
        "streams   kitchen 61 against hall 22",
        "hears     it was ...",
    ]
    assert list(news(STREAMS, STREAMS)) == []
    assert list(news(STREAMS, FINAL)) == ["elected   kitchen 61 against hall 22"]
    assert list(news(FINAL, OVER)) == ["text      it was the best  (kitchen, WER 25%)"]


def test_the_same_words_in_the_next_utterance_are_news() -> None:
    again = replace(STREAMS, utterance="e2")
    assert len(list(news(STREAMS, again))) == 2


@pytest.mark.parametrize(("terminal", "kind"), [(True, LiveDisplay), (False, PlainDisplay)])
def test_the_display_fits_where_it_is_shown(terminal: bool, kind: type) -> None:
    console = Console(file=io.StringIO(), force_terminal=terminal, width=100)
    display = make_display(console)
    assert type(display) is kind
    display.say("Starting the hub ...")
    for view in (QUIET, STREAMS, FINAL, OVER):
        display.show(view)
    display.close()
    display.close()
    display.say("The end")
    assert isinstance(console.file, io.StringIO)
    output = console.file.getvalue()
    for words in ("Starting the hub ...", "it was the best", "WER 25%", "The end"):
        assert words in output
    assert ("\x1b[" in output) == terminal
