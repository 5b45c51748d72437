from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from pathlib import Path

import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import imread

from edge.simulation.home import Home, make_home
from edge.simulation.picture import (
    WIDTH_PX,
    Heard,
    draw_session,
    draw_utterance,
    session_figure,
    utterance_figure,
)


def heard(home: Home, n: int = 0, text: str = "it was the best of times") -> Heard:
    scores = {device.name: 90.0 - 17 * number for number, device in enumerate(home.devices)}
    return Heard(home.talkers[n], scores, home.devices[0].name, text, wer=0.25)


def overlapping(axes: Axes) -> list[tuple[str, str]]:
    boxes = [(text.get_text(), text.get_window_extent()) for text in axes.texts]
    return [(a, b) for (a, one), (b, other) in combinations(boxes, 2) if one.overlaps(other)]


def words(figure: Figure) -> str:
    texts = [text.get_text() for axes in figure.axes for text in axes.texts]
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    return "\n".join(texts + titles)


def test_a_picture_of_an_utterance_is_written_in_the_stated_width(tmp_path: Path) -> None:
    home = make_home(0)
    path = tmp_path / "home.png"
    draw_utterance(home, heard(home), path)

    height, width, _ = imread(path).shape
    assert width == WIDTH_PX
    assert 0.5 * width < height < 1.2 * width


@pytest.mark.parametrize("count", [0, 1, 4])
def test_a_picture_of_a_session_has_a_plan_for_each_utterance(tmp_path: Path, count: int) -> None:
    home = make_home(0)
    session = [heard(home, n, text=f"utterance number {n}") for n in range(count)]
    path = tmp_path / "session.png"
    draw_session(home, session, path, title="a session")

    assert imread(path).shape[1] == WIDTH_PX
    shown = words(session_figure(home, session, title="a session"))
    assert all(f"utterance number {n}" in shown for n in range(count))


def test_every_device_is_shown_with_its_name_and_score() -> None:
    home = make_home(1)
    shown = words(utterance_figure(home, heard(home)))

    for number, device in enumerate(home.devices):
        assert f"{device.name}  {90 - 17 * number}" in shown
    assert "it was the best of times" in shown
    assert "WER 25%" in shown
    assert f"elected: {home.devices[0].name}" in shown


def test_a_device_that_heard_nothing_has_no_score() -> None:
    home = make_home(1)
    deaf = home.devices[2].name
    full = heard(home)
    scores = {name: score for name, score in full.scores.items() if name != deaf}

    assert f"{deaf}  \u2013" in words(utterance_figure(home, replace(full, scores=scores)))


def test_where_nobody_was_elected_the_picture_says_so() -> None:
    home = make_home(1)
    shown = words(utterance_figure(home, replace(heard(home), elected=None, text="", scores={})))

    assert "elected: none" in shown
    assert "nothing understood" in shown


def test_the_elected_microphone_looks_different(tmp_path: Path) -> None:
    home = make_home(1)
    paths = [tmp_path / f"{number}.png" for number in (0, 1)]
    for path, device in zip(paths, home.devices, strict=False):
        draw_utterance(home, replace(heard(home), elected=device.name), path)

    assert paths[0].read_bytes() != paths[1].read_bytes()


def test_the_same_utterance_gives_the_same_picture(tmp_path: Path) -> None:
    home = make_home(1)
    paths = [tmp_path / f"{number}.png" for number in (0, 1)]
    for path in paths:
        draw_utterance(home, heard(home), path)

    assert paths[0].read_bytes() == paths[1].read_bytes()


@pytest.mark.parametrize("seed", range(6))
def test_labels_do_not_cover_each_other(seed: int) -> None:
    home = make_home(seed, devices=5 if seed < 4 else 8)

    assert overlapping(utterance_figure(home, heard(home)).axes[0]) == []


def test_labels_of_a_session_do_not_cover_each_other() -> None:
    home = make_home(2)
    figure = session_figure(home, [heard(home, n) for n in range(5)])

    assert [pair for axes in figure.axes for pair in overlapping(axes)] == []
