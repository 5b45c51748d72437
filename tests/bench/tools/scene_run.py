"""One scene through the product's own ears and elections, on its own time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import count

import numpy as np

from edge.activity import ActivityDetector
from edge.candidates import Candidates
from edge.ear import Ear
from edge.microphone.microphone import Frame
from edge.preroll import PreRoll
from edge.startup import ONSET_WINDOW_MS
from hub.election.candidate import (
    Candidate,
    Decision,
    Decode,
    Record,
    Release,
    Select,
    SendAudio,
    StopAudio,
)
from hub.election.comparison import compare
from hub.election.election import Rules
from hub.election.elections import Elections
from hub.enhancement.enhance import Piece, enhance
from hub.network.outcome import Outcome, surest, why_none
from hub.recognition.recogniser import Transcript
from hub.store.settings import NetworkSettings
from shared.audio import FRAME_SAMPLES, SAMPLE_RATE, Pcm, samples_to_us, us_to_samples
from shared.wire import utterance as wire
from shared.wire.fields import Message

PREROLL_MS = 500
FRAME_US = samples_to_us(FRAME_SAMPLES)
CLOCK_US = 80_000
"""How far a scene's clocks may be off."""
QUIET_US = 3_000_000
"""How long the background goes on after a scene, at most: until everybody heard the end."""

Recognise = Callable[[Pcm], Transcript]


@dataclass(frozen=True)
class Utterance:
    """What one microphone took for an utterance."""

    microphone: int
    claimed_us: int  # when the hub was told, the scene's time
    started_us: int
    pcm: Pcm  # shape (n,), int16, 16 kHz
    candidate: Candidate


@dataclass(frozen=True)
class Elected:
    """What the product made of a scene."""

    texts: tuple[str, ...]  # stored, in order, of the utterance that most microphones heard
    microphones: tuple[int, ...]  # elected for each of them
    beside: int  # further interactions of the same time: another talker's, or heard twice
    decodes: int
    utterances: int  # elections that had something decoded
    kept_provisional: int  # elections of which the provisional winner was the final one


@dataclass(frozen=True)
class Stored:
    """One interaction."""

    text: str
    microphone: int
    start_us: int
    end_us: int
    heard_by: int  # candidates of its election


@dataclass
class SceneRun:
    """Runs one scene.

    Args:
        pcm: by microphone, shape (n,), int16, 16 kHz; all begin within the clocks' error.
        recognise: gives the text of an utterance.
        ranked: whether the ranker is asked, or each device's own score decides.
        second_decode: whether a thin margin may have the runner-up decoded too.
        companions: recordings that the elected one may be put together with.
    """

    pcm: list[Pcm]
    recognise: Recognise
    second_decode: bool = True
    companions: int = Rules().companions
    ranked: bool = True
    utterances: dict[str, Utterance] = field(default_factory=dict)  # by id, whoever was elected

    def __post_init__(self) -> None:
        ids = (f"00000000-0000-4000-8000-{n:012x}" for n in count(1))
        self._elections = Elections(
            lambda: next(ids),
            Rules(companions=self.companions),
            compare if self.ranked else None,
        )
        self._ears = [
            Ear(
                ActivityDetector(),
                PreRoll(PREROLL_MS + ONSET_WINDOW_MS),
                Candidates(lambda: next(ids)),
            )
            for _ in self.pcm
        ]
        self._heard = [with_quiet(pcm) for pcm in self.pcm]
        self._sending: set[str] = set()
        self._outcomes: dict[str, dict[str, Outcome]] = {}
        self._stored: list[Stored] = []
        self._decodes = self._done = self._kept = 0

    def run(self) -> Elected:
        """What was stored; `utterances` then holds what every microphone heard."""
        for number in range(len(self.pcm)):
            self._elections.device_listens(_client(number), True)
        frames = min(len(pcm) for pcm in self._heard) // FRAME_SAMPLES
        for step in range(frames):
            now = step * FRAME_US
            for number, ear in enumerate(self._ears):
                pcm = self._heard[number][step * FRAME_SAMPLES :][:FRAME_SAMPLES]
                self._take(number, ear.hear(Frame(pcm, now)), now + FRAME_US)
            self._tick(now + FRAME_US)
        end = frames * FRAME_US
        for number, ear in enumerate(self._ears):
            self._take(number, ear.close(), end)
        while (due := self._elections.next_deadline_us()) is not None and due < end + 60_000_000:
            self._tick(due)
        one = _without_others(self._stored)
        return Elected(
            tuple(stored.text for stored in one),
            tuple(stored.microphone for stored in one),
            len(self._stored) - len(one),
            self._decodes,
            self._done,
            self._kept,
        )

    # What devices say

    def _take(self, number: int, messages: Iterable[Message], now: int) -> None:
        for message in messages:
            match message:
                case wire.UtteranceStarted():
                    claim = Candidate(
                        utterance_id=message.utterance_id,
                        client_id=_client(number),
                        started_us=message.captured_at_us,
                        uncertainty_us=CLOCK_US,
                        onset_sample=message.onset_sample,
                        reoffered=message.reoffered,
                    )
                    self._note(number, claim, now)
                    self._carry_out(self._elections.claimed(claim, now), now)
                case wire.Quality():
                    decisions = self._elections.heard(
                        message.utterance_id,
                        message.score,
                        message.features,
                        message.envelope_start,
                        message.envelope,
                        message.samples,
                        now,
                        message.bands,
                    )
                    self._carry_out(decisions, now)
                    self._send(message.utterance_id, message.samples, now)
                case wire.UtteranceEnded():
                    self._note_end(message)
                    decisions = self._elections.ended(message.utterance_id, message.samples, now)
                    self._carry_out(decisions, now)
                    self._send(message.utterance_id, message.samples, now)

    def _note(self, number: int, claim: Candidate, now: int) -> None:
        silence = np.zeros(0, np.int16)
        self.utterances[claim.utterance_id] = Utterance(
            number, now, claim.started_us, silence, claim
        )

    def _note_end(self, message: wire.UtteranceEnded) -> None:
        known = self.utterances[message.utterance_id]
        first = us_to_samples(known.started_us)
        pcm = self._heard[known.microphone][first : first + message.samples]
        self.utterances[message.utterance_id] = Utterance(
            known.microphone, known.claimed_us, known.started_us, pcm, known.candidate
        )

    def _send(self, utterance_id: str, samples: int, now: int) -> None:
        """Links are perfect here: the hub has at once what it asked for."""
        candidate = self._elections.candidate(utterance_id)
        if utterance_id in self._sending and candidate is not None and not candidate.complete:
            complete = candidate.ended_at_us is not None
            self._carry_out(self._elections.audio(utterance_id, samples, complete, now), now)

    # What is decided

    def _tick(self, now: int) -> None:
        self._carry_out(self._elections.tick(now), now)

    def _carry_out(self, decisions: Iterable[Decision], now: int) -> None:
        for decision in decisions:
            match decision:
                case SendAudio(candidate, _):
                    self._sending.add(candidate.utterance_id)
                    self._send(candidate.utterance_id, candidate.samples, now)
                case StopAudio(candidate):
                    self._sending.discard(candidate.utterance_id)
                case Decode():
                    self._decode(decision, now)
                case Record(election_id):
                    self._record(election_id, now)
                case Release(client_id, utterance_id, until_sample):
                    release = wire.Release(utterance_id=utterance_id, until_sample=until_sample)
                    number = int(client_id.removeprefix(_CLIENT))
                    self._take(number, self._ears[number].candidates.take(release), now)
                case Select():
                    pass

    def _decode(self, decode: Decode, now: int) -> None:
        chosen = decode.candidate
        companions = [
            [Piece(self._pcm(c), c.started_us - chosen.started_us) for c in pieces]
            for pieces in decode.devices
        ]
        outcome = Outcome(self.recognise(enhance(self._pcm(chosen), companions)))
        self._decodes += 1
        self._outcomes.setdefault(decode.election_id, {})[chosen.utterance_id] = outcome
        # None, as for one that failed: then no second opinion is asked for.
        confidence = outcome.confidence if self.second_decode else None
        self._carry_out(self._elections.decoded(decode.election_id, confidence, now), now)

    def _pcm(self, candidate: Candidate) -> Pcm:
        first = us_to_samples(candidate.started_us)
        heard = self._heard[self.utterances[candidate.utterance_id].microphone]
        return heard[first : first + candidate.samples]

    def _record(self, election_id: str, now: int) -> None:
        election = self._elections.elections[election_id]
        outcome = surest(election, self._outcomes.pop(election_id))
        chosen = election.chosen
        if chosen is not None and outcome.transcript and not why_none(election, outcome, SETTINGS):
            microphone = self.utterances[chosen.utterance_id].microphone
            self._stored.append(
                Stored(
                    outcome.transcript.text,
                    microphone,
                    chosen.onset_us,
                    chosen.speech_end_us,
                    len(election.candidates),
                )
            )
        self._done += 1
        self._kept += election.provisional is chosen
        self._carry_out(self._elections.committed(election_id, now), now)


SETTINGS = NetworkSettings()
_CLIENT = "microphone-"
OVERLAP_US = 300_000
FADE_S, FADE_DB = 0.3, 30.0


def _without_others(stored: Sequence[Stored]) -> list[Stored]:
    """What most microphones heard, in order of time, and what half of them heard before and after.

    Two interactions of one time are two talkers, or one that was taken for two.
    """
    kept: list[Stored] = []
    for one in sorted(stored, key=lambda s: (-s.heard_by, s.start_us)):
        if 2 * one.heard_by >= max(s.heard_by for s in stored) and all(
            one.end_us <= other.start_us + OVERLAP_US or one.start_us >= other.end_us - OVERLAP_US
            for other in kept
        ):
            kept.append(one)
    return sorted(kept, key=lambda s: s.start_us)


def _client(number: int) -> str:
    return f"{_CLIENT}{number}"


def with_quiet(pcm: Pcm) -> Pcm:
    """The scene, and its last background to and fro, which fades away.

    Unfaded, a television that says the same half second again and again is speech to some ears.
    """
    tail = pcm[-us_to_samples(400_000) :]
    turns = -(-us_to_samples(QUIET_US) // len(tail))
    background = np.concatenate([tail[::-1] if n % 2 == 0 else tail for n in range(turns)])
    seconds = np.arange(len(background)) / SAMPLE_RATE
    faded = background * 10 ** (-np.minimum(seconds / FADE_S, 1.0) * FADE_DB / 20)
    whole = np.concatenate([pcm, np.rint(faded).astype(np.int16)])
    return whole[: len(whole) // FRAME_SAMPLES * FRAME_SAMPLES]
