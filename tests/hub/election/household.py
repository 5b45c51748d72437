"""Candidates for the election's tests: speech-like envelopes, and a driver on made-up time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import TypeVar

import numpy as np

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
from hub.election.course import Compare
from hub.election.election import Rules
from hub.election.elections import Elections
from shared.audio import us_to_samples

T = TypeVar("T")

SECOND = 1_000_000
STEP_US = 20_000
START = 1_000 * SECOND


def speech(seed: int, seconds: float = 2.0, onset_s: float = 0.5) -> list[int]:
    """Levels in dB of one talker: silence, then syllables of random height and length."""
    rng = np.random.default_rng(seed)
    levels = [-80.0] * round(onset_s * 50)
    while len(levels) < (onset_s + seconds) * 50:
        height = rng.uniform(-45, -15)
        levels += [height + rng.normal(0, 1) for _ in range(rng.integers(3, 12))]
        levels += [height - rng.uniform(15, 30)] * int(rng.integers(2, 9))
    return [round(level) for level in levels[: round((onset_s + seconds) * 50)]]


def heard(levels: list[int], gain: float = 0.0, floor: float = -70.0, seed: int = 0) -> list[int]:
    """The same speech at another microphone: another gain, noise below, small differences."""
    rng = np.random.default_rng(seed)
    return [
        int(np.clip(round(max(level + gain, floor) + rng.normal(0, 1.5)), -120, 0))
        for level in levels
    ]


class Driver:
    """Plays devices and adapters to `Elections`, keeps what was decided."""

    def __init__(
        self, clients: str = "abc", compare: Compare | None = None, companions: int = 0
    ) -> None:
        self.now = START
        self._ids = (f"election-{n}" for n in count(1))
        self.elections = Elections(lambda: next(self._ids), Rules(companions=companions), compare)
        self.decisions: list[Decision] = []
        self.starts: dict[str, int] = {}
        for client in clients:
            self.elections.device_listens(client, True)

    def claim(
        self,
        client: str,
        envelope: list[int],
        *,
        utterance: str = "",
        score: float = 50,
        started: int | None = None,
        uncertainty: int = 2_000,
        reoffered: bool = False,
    ) -> str:
        """A device claims an utterance of which `envelope` is heard by now."""
        utterance = utterance or f"{client}-{self.now}"
        started = self.now - len(envelope) * STEP_US if started is None else started
        self._note(
            self.elections.claimed(
                Candidate(utterance, client, started, uncertainty, 8_000, reoffered), self.now
            )
        )
        self.hear(utterance, envelope, score)
        return utterance

    def hear(self, utterance: str, envelope: list[int], score: float = 50, start: int = 0) -> None:
        """How well it is heard, with the envelope from step `start` on."""
        samples = us_to_samples((start + len(envelope)) * STEP_US)
        self._note(self.elections.heard(utterance, score, {}, start, envelope, samples, self.now))

    def end(self, utterance: str) -> None:
        """The device's endpoint."""
        candidate = self.elections.candidate(utterance)
        assert candidate is not None
        self._note(self.elections.ended(utterance, candidate.samples, self.now))

    def receive(self, utterance: str, samples: int) -> None:
        """The first samples of the utterance's audio arrive."""
        self._note(self.elections.audio(utterance, samples, False, self.now))

    def deliver(self, utterance: str) -> None:
        """All of the utterance's audio arrives."""
        candidate = self.elections.candidate(utterance)
        assert candidate is not None
        self._note(self.elections.audio(utterance, candidate.samples, True, self.now))

    def tell(self, what: Callable[[str, int], list[Decision]], utterance: str) -> None:
        """Something happened to an utterance."""
        self._note(what(utterance, self.now))

    def lose(self, client: str) -> None:
        """The device's link is lost."""
        self._note(self.elections.link_lost(client, self.now))

    def decode(self, election_id: str, confidence: float | None = 0.95) -> None:
        """The recogniser is done."""
        self._note(self.elections.decoded(election_id, confidence, self.now))

    def decode_and_commit(self, election_id: str) -> None:
        """The recogniser and the store do their work."""
        self.decode(election_id)
        assert self.of(Record)[-1].election_id == election_id
        self.commit(election_id)

    def commit(self, election_id: str) -> None:
        """The store is done."""
        self._note(self.elections.committed(election_id, self.now))

    def wait(self, seconds: float) -> None:
        """Time passes; every deadline on the way is kept."""
        until = self.now + round(seconds * SECOND)
        for _ in range(1000):
            due = self.elections.next_deadline_us()
            if due is None or due > until:
                break
            self.now = max(self.now, due)
            self._note(self.elections.tick(self.now))
        else:
            raise AssertionError("the election's deadlines do not come to rest")
        self.now = until

    def of(self, kind: type[T]) -> list[T]:
        """Decisions of one kind so far."""
        return [d for d in self.decisions if isinstance(d, kind)]

    def decoded(self) -> list[str]:
        """Utterances that went to the recogniser."""
        return [d.candidate.utterance_id for d in self.of(Decode)]

    def asked(self) -> list[tuple[str, int]]:
        """Utterances whose audio was asked for, and from which sample."""
        return [(d.candidate.utterance_id, d.from_sample) for d in self.of(SendAudio)]

    def released(self) -> dict[str, int | None]:
        """Utterances that devices may forget, and up to which sample."""
        return {d.utterance_id: d.until_sample for d in self.of(Release)}

    def selected(self) -> list[tuple[str, bool]]:
        """Announced winners: utterance, final."""
        return [(d.candidate.utterance_id, d.final) for d in self.of(Select)]

    def stopped(self) -> list[str]:
        """Utterances whose audio was asked to stop."""
        return [d.candidate.utterance_id for d in self.of(StopAudio)]

    def _note(self, decisions: list[Decision]) -> None:
        self.decisions += decisions


def grow(levels: list[int], first: float, step: float) -> Iterator[tuple[int, list[int]]]:
    """An envelope as it comes: (start, part), the first part of `first` seconds."""
    edge = round(first * 50)
    yield 0, levels[:edge]
    while edge < len(levels):
        end = edge + round(step * 50)
        yield edge, levels[edge:end]
        edge = end
