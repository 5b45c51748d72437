"""What every rule for choosing a microphone would have understood of one scene."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from edge.simulation.measure import normalise, word_errors
from edge.simulation.scene_folder import RecordedScene
from hub.network.outcome import probable
from shared.audio import Pcm
from tests.bench.tools.microphone_rules import envelope_variance, legacy, loudness
from tests.bench.tools.scene_run import SETTINGS, Recognise, SceneRun, Utterance

RULES = (
    "random",
    "first",
    "loudest",
    "legacy",
    "envelope_variance",
    "nearest",
    "elected_alone",
    "elected_one_decode",
    "elected",
    "hindsight",
)
"""`elected_alone` is the choice without companions: one recording, decoded once, as for the rules
before it."""
FAR_M = 1e9
"""Of a microphone in another room."""


@dataclass(frozen=True)
class Judged:
    """One scene."""

    scene: str
    words: int  # in the reference
    slots: int
    errors: dict[str, float]  # words wrong, by rule; the mean over microphones for `random`
    found: dict[str, float]  # slots understood, by rule; likewise
    decodes: int  # of the product
    utterances: int  # elections of the product in which something was decoded
    kept_provisional: int
    microphones: int  # that heard speech
    beside: int  # interactions of the product beside that of the utterance


def judge(scene: RecordedScene, recognise: Recognise) -> Judged:
    """Runs the scene with and without companions and a second decode, and each microphone alone."""
    facts = scene.facts
    alone = SceneRun(scene.pcm, recognise, second_decode=False, companions=0).run()
    one = SceneRun(scene.pcm, recognise, second_decode=False).run()
    run = SceneRun(scene.pcm, recognise)
    elected = run.run()

    heard = _by_microphone(list(run.utterances.values()))
    texts = {number: _text_of(utterances, recognise) for number, utterances in heard.items()}
    chosen: dict[str, int] = {}
    if heard:
        pcm = {number: max((u.pcm for u in us), key=len) for number, us in heard.items()}
        distance = [FAR_M if d is None else d for d in facts.distances_m]
        chosen = {
            "first": min(heard, key=lambda n: (min(u.claimed_us for u in heard[n]), n)),
            "loudest": _best(pcm, loudness),
            "legacy": _best(pcm, legacy),
            "envelope_variance": _best(pcm, envelope_variance),
            "nearest": min(heard, key=lambda n: (distance[n], n)),
            "hindsight": min(heard, key=lambda n: (word_errors(facts.reference, texts[n])[0], n)),
        }
    said = {rule: texts[number] for rule, number in chosen.items()}
    ours = {"elected_alone": alone, "elected_one_decode": one, "elected": elected}
    said |= {rule: " ".join(done.texts) for rule, done in ours.items()}

    words = len(normalise(facts.reference).split())
    errors = {rule: float(words) for rule in RULES}  # nobody heard anything
    found = dict.fromkeys(RULES, 0.0)
    for rule, text in said.items():
        errors[rule] = float(word_errors(facts.reference, text)[0])
        found[rule] = float(_slots_found(facts.slots, text))
    if texts:
        all_errors = [word_errors(facts.reference, text)[0] for text in texts.values()]
        errors["random"] = float(np.mean(all_errors))
        found["random"] = float(np.mean([_slots_found(facts.slots, t) for t in texts.values()]))
    return Judged(
        scene.name,
        words,
        len(facts.slots),
        errors,
        found,
        elected.decodes,
        elected.utterances,
        elected.kept_provisional,
        len(heard),
        elected.beside,
    )


def _by_microphone(utterances: Sequence[Utterance]) -> dict[int, list[Utterance]]:
    heard: dict[int, list[Utterance]] = {}
    for utterance in sorted(utterances, key=lambda u: (u.microphone, u.started_us)):
        if len(utterance.pcm):
            heard.setdefault(utterance.microphone, []).append(utterance)
    return heard


def _text_of(utterances: Sequence[Utterance], recognise: Recognise) -> str:
    """What a microphone alone would have stored; the improbable is left out, as by the hub."""
    texts = []
    for utterance in utterances:
        made = recognise(utterance.pcm)
        if probable(made, SETTINGS):
            texts.append(made.text)
    return " ".join(texts)


def _best(pcm: Mapping[int, Pcm], rule: Callable[[Pcm], float]) -> int:
    return max(pcm, key=lambda number: (rule(pcm[number]), -number))


def _slots_found(slots: Mapping[str, str], text: str) -> int:
    said = f" {normalise(text)} "
    return sum(f" {normalise(words)} " in said for words in slots.values())
