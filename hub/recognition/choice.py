"""Which recogniser the hub uses: the one it is told, or the best that it can afford."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from hub.recognition.fake import FakeRecogniser
from hub.recognition.moonshine import MoonshineRecogniser
from hub.recognition.recogniser import Recogniser
from hub.recognition.vosk import VoskRecogniser, language_of_folder, tag_of
from models.location import WeightStore, vosk_folder, vosk_language
from shared.errors import WeightsError

log = logging.getLogger(__name__)

BEST_FIRST = ("moonshine-base-en", "moonshine-tiny-en")
"""What `auto` chooses from, by word error rate."""
QUICK = "moonshine-tiny-en"
"""What `auto` takes for text that is shown while somebody speaks."""


def choose(seconds: Mapping[str, float], budget_s: float) -> str:
    """The best engine that decodes a sentence of 4 s within `budget_s`, else the quickest.

    Args:
        seconds: what that sentence took each engine that was timed (at least one).
        budget_s: what it may take, in seconds.
    """
    affordable = [name for name in BEST_FIRST if seconds.get(name, float("inf")) <= budget_s]
    return affordable[0] if affordable else min(seconds, key=lambda name: seconds[name])


def load_recogniser(engine: str, store: WeightStore | None = None) -> Recogniser:
    """The recogniser called `engine`: a name of the catalogue, `vosk:fr`, `vosk:/folder`, `fake`.

    Blocks for up to some seconds.

    Raises:
        WeightsError: its weights are not here; the hint says how to fetch them.
        RecogniserLoadError: its weights cannot be used.
    """
    if engine == "fake":
        return FakeRecogniser()
    store = store or WeightStore()
    name = store.canonical(engine)
    folder = store.locate(name)
    if own := vosk_folder(name):
        return VoskRecogniser(name, folder, language_of_folder(own))
    if language := vosk_language(name):
        return VoskRecogniser(name, folder, tag_of(language))
    weight = store.catalog.weights[name]
    if weight.engine == "vosk":
        return VoskRecogniser(name, folder, weight.language)
    if weight.engine == "moonshine":
        return MoonshineRecogniser(name, folder)
    raise WeightsError(f"{name} is no recogniser.", "`mira-hub models list` shows which are.")


def load_best(budget_s: float, store: WeightStore | None = None) -> Recogniser:
    """Times the recognisers of `auto` whose weights are here and returns the one chosen.

    Blocks for some seconds. They are timed from the best down, until one is quick enough.

    Raises:
        WeightsError: none has its weights here; the hint says how to fetch them.
    """
    store = store or WeightStore()
    seconds: dict[str, float] = {}
    loaded: dict[str, MoonshineRecogniser] = {}
    missing: list[WeightsError] = []
    for name in BEST_FIRST:
        try:
            recogniser = MoonshineRecogniser(name, store.locate(name))
        except WeightsError as error:
            missing.append(error)
            continue
        seconds[name] = recogniser.time_sentence()
        loaded[name] = recogniser
        if seconds[name] <= budget_s:
            break
    if not seconds:
        raise missing[-1]
    name = choose(seconds, budget_s)
    timed = ", ".join(f"{engine} {1000 * took:.0f} ms" for engine, took in seconds.items())
    log.info("recogniser: %s (a sentence of 4 s took: %s)", name, timed)
    return loaded[name]


def load_pair(
    engine: str, partial_engine: str, budget_s: float, store: WeightStore | None = None
) -> tuple[Recogniser, Recogniser | None]:
    """The recognisers for the final text and for the live one; the latter None for `none`.

    `auto` takes the best affordable one for the final text. For the live text it takes the quick
    one where that is here and of the same language, else the final text's own. One recogniser
    serves as both where both are the same. Blocks for some seconds.

    Raises:
        WeightsError, RecogniserLoadError: see `load_recogniser`.
    """
    store = store or WeightStore()
    final = load_best(budget_s, store) if engine == "auto" else load_recogniser(engine, store)
    if partial_engine == "none":
        return final, None
    if partial_engine == "auto":
        if not isinstance(final, MoonshineRecogniser) or final.name == QUICK:
            return final, final
        try:
            return final, load_recogniser(QUICK, store)
        except WeightsError:
            return final, final
    if partial_engine != "fake" and store.canonical(partial_engine) == final.name:
        return final, final
    return final, load_recogniser(partial_engine, store)
