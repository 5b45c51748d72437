"""Which recogniser is used: told, or chosen by its timing."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.recognition import choice
from hub.recognition.choice import BEST_FIRST, choose, load_best, load_pair, load_recogniser
from models.location import WeightStore
from shared.errors import WeightsError

BASE, TINY = BEST_FIRST
BUDGET_S = 0.6


@pytest.mark.parametrize(
    ("seconds", "chosen"),
    [
        ({BASE: 0.6, TINY: 0.1}, BASE),
        ({BASE: 0.61, TINY: 0.1}, TINY),
        ({BASE: 4.0, TINY: 0.7}, TINY),
        ({BASE: 4.0}, BASE),
        ({TINY: 0.7}, TINY),
    ],
)
def test_the_best_that_is_quick_enough_is_chosen_else_the_quickest(
    seconds: dict[str, float], chosen: str
) -> None:
    assert choose(seconds, BUDGET_S) == chosen


@given(
    st.dictionaries(st.sampled_from(BEST_FIRST), st.floats(0, 100), min_size=1),
    st.floats(0.05, 60),
)
def test_what_is_chosen_was_timed_and_is_quick_enough_if_any_is(
    seconds: dict[str, float], budget_s: float
) -> None:
    chosen = choose(seconds, budget_s)
    assert chosen in seconds
    if any(took <= budget_s for took in seconds.values()):
        assert seconds[chosen] <= budget_s


def test_the_fake_needs_no_weights(tmp_path: Path) -> None:
    assert load_recogniser("fake", WeightStore(tmp_path)).name == "fake"


@pytest.mark.parametrize("engine", [BASE, "vosk-ko", "vosk:ko", "vosk:fr", "vosk:/no/such/folder"])
def test_missing_weights_are_named_with_what_to_do(engine: str, tmp_path: Path) -> None:
    with pytest.raises(WeightsError) as error:
        load_recogniser(engine, WeightStore(tmp_path))
    assert error.value.hint


def test_what_is_no_recogniser_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    store = WeightStore(tmp_path)
    monkeypatch.setattr(WeightStore, "locate", lambda _self, _name: tmp_path)
    with pytest.raises(WeightsError, match="sample-speech is no recogniser"):
        load_recogniser("sample-speech", store)


def test_without_any_weights_auto_says_what_to_fetch(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="mira-hub models pull moonshine-tiny-en"):
        load_best(BUDGET_S, WeightStore(tmp_path))


class Timed:
    """Stands for Moonshine, with a time that is given."""

    seconds: dict[str, float]
    loaded: list[str]

    def __init__(self, name: str, _folder: Path) -> None:
        self.name = name
        self.loaded.append(name)

    def time_sentence(self) -> float:
        return self.seconds[self.name]


@pytest.fixture
def timed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> type[Timed]:
    monkeypatch.setattr(choice, "MoonshineRecogniser", Timed)
    monkeypatch.setattr(WeightStore, "locate", lambda _self, _name: tmp_path)
    Timed.seconds, Timed.loaded = {BASE: 0.3, TINY: 0.1}, []
    return Timed


def test_auto_stops_at_the_first_that_is_quick_enough(timed: type[Timed]) -> None:
    assert load_best(BUDGET_S).name == BASE
    assert timed.loaded == [BASE]


def test_auto_goes_down_to_what_is_quick_enough(timed: type[Timed]) -> None:
    timed.seconds = {BASE: 0.9, TINY: 0.1}
    assert load_best(BUDGET_S).name == TINY


def test_live_text_comes_from_the_quick_one(timed: type[Timed]) -> None:
    final, partial = load_pair("auto", "auto", BUDGET_S)
    assert (final.name, partial.name if partial else None) == (BASE, TINY)


@pytest.mark.parametrize(
    ("engine", "partial_engine"), [(TINY, "auto"), ("fake", "auto"), (BASE, BASE)]
)
def test_one_recogniser_serves_as_both(
    timed: type[Timed], engine: str, partial_engine: str
) -> None:
    final, partial = load_pair(engine, partial_engine, BUDGET_S)
    assert final is partial
    assert len(timed.loaded) <= 1


def test_live_text_can_be_done_without(timed: type[Timed]) -> None:
    assert load_pair("auto", "none", BUDGET_S)[1] is None
    assert timed.loaded == [BASE]
