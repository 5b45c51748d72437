"""What two talkers' scenes ask of the grouping: pairs of microphones, and who is louder at each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import combinations, count

import numpy as np

from edge.activity import ActivityDetector
from edge.candidates import Candidates
from edge.ear import Ear
from edge.microphone.microphone import Frame
from edge.preroll import PreRoll
from edge.simulation.scene_folder import RecordedScene
from edge.startup import ONSET_WINDOW_MS
from hub.election.candidate import Candidate
from hub.election.grouping import affinity
from shared.audio import FRAME_SAMPLES, Pcm
from shared.errors import ConfigError
from shared.quality.comparison import BANDS
from shared.wire import utterance as wire
from shared.wire.fields import Message
from tests.bench.tools.scene_run import CLOCK_US, FRAME_US, PREROLL_MS, with_quiet

BOTH_US = 500_000
"""An utterance holds both talkers if it begins within this of the later one's beginning, at the
latest, and goes on for as long after that. The earlier one speaks then: the scene is drawn so."""


@dataclass(frozen=True)
class Pair:
    """Two microphones' hearing of one scene."""

    one: Candidate
    other: Candidate
    same: bool  # the same talker is louder at both
    margin_db: float  # by how much, at the one where it is less


@dataclass(frozen=True)
class Told:
    """What the product makes of a pair."""

    same: bool
    margin_db: float
    told_same: bool
    told_same_with_clock_error: bool

    @property
    def right(self) -> bool:
        """Told as it is."""
        return self.told_same == self.same

    @property
    def right_with_clock_error(self) -> bool:
        """Told as it is although both clocks are off."""
        return self.told_same_with_clock_error == self.same


def judge(scene: RecordedScene, clock_error_us: int) -> list[Told]:
    """Every pair of a scene, held together by the product.

    Args:
        scene: of two talkers.
        clock_error_us: by how much, at most, a device's clock is off beyond what the scene has.

    Raises:
        ConfigError: the scene is one talker's.
    """
    # The same errors whenever the same scene is judged.
    rng = np.random.default_rng(scene.facts.seed)
    errors = rng.integers(-clock_error_us, clock_error_us, len(scene.pcm), endpoint=True)
    error_us = {_client(number): int(error) for number, error in enumerate(errors)}

    def off(candidate: Candidate) -> Candidate:
        return replace(
            candidate,
            started_us=candidate.started_us + error_us[candidate.client_id],
            uncertainty_us=candidate.uncertainty_us + clock_error_us,
        )

    return [
        Told(
            pair.same,
            pair.margin_db,
            affinity(pair.one, pair.other) is not None,
            affinity(off(pair.one), off(pair.other)) is not None,
        )
        for pair in pairs(scene)
    ]


def pairs(scene: RecordedScene) -> Iterator[Pair]:
    """Each two microphones' longest utterances that hold both talkers.

    Raises:
        ConfigError: the scene is one talker's.
    """
    facts = scene.facts
    if len(facts.margin_db) != len(scene.pcm):
        raise ConfigError(
            f"One talker speaks in {scene.name}.", "Make others: script/bench scenes --two-talkers."
        )
    later_us = round(max(facts.started_s) * 1e6)
    found: list[tuple[int, Candidate]] = []
    for number, pcm in enumerate(scene.pcm):
        whole = [c for c in hear(number, pcm) if _holds_both(c, later_us)]
        if whole:
            found.append((number, max(whole, key=lambda c: c.samples)))
    for (a, one), (b, other) in combinations(found, 2):
        margin_db = min(facts.margin_db[a], facts.margin_db[b])
        yield Pair(one, other, facts.talkers[a] == facts.talkers[b], margin_db)


def hear(number: int, pcm: Pcm) -> list[Candidate]:
    """The utterances that a microphone's ear hears, whole, as the hub keeps them.

    Args:
        number: the microphone's.
        pcm: shape (n,), int16, 16 kHz, from the scene's beginning on its own clock.
    """
    ids = (f"00000000-0000-4000-8000-{number:04x}{n:08x}" for n in count(1))
    ear = Ear(
        ActivityDetector(), PreRoll(PREROLL_MS + ONSET_WINDOW_MS), Candidates(lambda: next(ids))
    )
    # Nobody is released early: what is heard does not depend on the grouping that is judged.
    heard: dict[str, Candidate] = {}
    whole = with_quiet(pcm)
    for first in range(0, len(whole), FRAME_SAMPLES):
        frame = Frame(whole[first : first + FRAME_SAMPLES], first // FRAME_SAMPLES * FRAME_US)
        _note(heard, number, ear.hear(frame))
    _note(heard, number, ear.close())
    return list(heard.values())


def _note(heard: dict[str, Candidate], number: int, messages: Iterable[Message]) -> None:
    for message in messages:
        match message:
            case wire.UtteranceStarted():
                heard[message.utterance_id] = Candidate(
                    utterance_id=message.utterance_id,
                    client_id=_client(number),
                    started_us=message.captured_at_us,
                    uncertainty_us=CLOCK_US,
                    onset_sample=message.onset_sample,
                    reoffered=message.reoffered,
                )
            case wire.Quality():
                one = heard[message.utterance_id]
                one.envelope[message.envelope_start :] = bytes(n + 120 for n in message.envelope)
                one.bands[message.envelope_start * BANDS :] = message.bands
                one.samples = message.samples
            case wire.UtteranceEnded():
                one = heard[message.utterance_id]
                steps = -(-message.samples // FRAME_SAMPLES)
                del one.envelope[steps:], one.bands[steps * BANDS :]
                one.samples = message.samples


def _client(number: int) -> str:
    return f"microphone-{number}"


def _holds_both(candidate: Candidate, later_us: int) -> bool:
    return (
        candidate.started_us <= later_us + BOTH_US
        and candidate.end_us >= max(later_us, candidate.started_us) + BOTH_US
    )
