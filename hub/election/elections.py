"""The elections of one network: which candidates are one utterance, whose audio is taken.

Pure: it is told what happened and when (`now`, hub time in microseconds), and answers with
decisions. `hub.election.election` has the phases that an election goes through.
"""

from __future__ import annotations

from collections.abc import Collection

from hub.election.candidate import Candidate, Decision, SendAudio, StopAudio
from hub.election.course import Course
from hub.election.election import Phase
from shared.audio import FRAME_SAMPLES, us_to_samples
from shared.errors import LimitExceededError, MalformedMessageError
from shared.quality.comparison import BANDS

MAX_SAMPLES = us_to_samples(40_000_000)
"""An utterance is cut at 30 s by the device; nothing longer than this is taken."""
MAX_OPEN_PER_CLIENT = 256


class Elections(Course):
    """All elections of one network."""

    def next_deadline_us(self) -> int | None:
        """When `tick` has to be called next."""
        times = [
            due for election in self.elections.values() for due in election.deadlines(self.rules)
        ]
        return min(times, default=None)

    def device_listens(self, client_id: str, listening: bool) -> None:
        """A device connected and listens, or does so no more."""
        (self._listening.add if listening else self._listening.discard)(client_id)

    def claimed(self, claim: Candidate, now: int) -> list[Decision]:
        """A device says that it hears speech (again, after a reconnect).

        Raises:
            LimitExceededError: the device holds too many open utterances.
        """
        known = self.candidate(claim.utterance_id)
        if known is not None and known.client_id != claim.client_id:
            raise self.unknown()
        if known is not None:
            known.linked, known.failure, known.gone, known.due_us = True, "", False, None
            election = self._where.get(known.utterance_id)
            if election is None:
                return []
            if election.phase is Phase.DONE:
                # How long it is, it has yet to say: it may have gone on since.
                known.reoffered, known.ended_at_us = True, None
                return []
            if election.chosen is known and not known.complete:
                election.found()
                election.asked_us = now
                return [SendAudio(known, known.received)]
            return self._progress(election, now)
        held = sum(1 for c in self._candidates() if c.client_id == claim.client_id)
        if held >= MAX_OPEN_PER_CLIENT:
            raise LimitExceededError(f"More than {MAX_OPEN_PER_CLIENT} utterances at once.")
        self._claims[claim.utterance_id] = claim
        return []

    def heard(
        self,
        utterance_id: str,
        score: float,
        features: dict[str, float],
        envelope_start: int,
        envelope: list[int],
        samples: int,
        now: int,
        bands: bytes = b"",
    ) -> list[Decision]:
        """A device says how well it hears; the first time, the utterance joins an election.

        Raises:
            UnknownUtteranceError: never claimed.
            MalformedMessageError: the envelope leaves a gap, or has other steps than the bands.
            LimitExceededError: longer than an utterance may be.
        """
        candidate = self._known(utterance_id)
        if envelope_start > len(candidate.envelope):
            raise MalformedMessageError(
                "The envelope leaves a gap.", expected=len(candidate.envelope)
            )
        if bands and len(bands) != len(envelope) * BANDS:
            raise MalformedMessageError("The bands are not those of the envelope's steps.")
        if samples > MAX_SAMPLES or envelope_start + len(envelope) > MAX_SAMPLES // 160:
            raise LimitExceededError("The utterance is longer than an utterance may be.")
        candidate.envelope[envelope_start:] = bytes(level + 120 for level in envelope)
        candidate.bands[envelope_start * BANDS :] = bands
        candidate.score, candidate.features = score, features
        candidate.samples = max(samples, candidate.samples)
        if utterance_id in self._claims:
            return self._place(self._claims.pop(utterance_id), now)
        return self._progress(self._where[utterance_id], now)

    def ended(self, utterance_id: str, samples: int, now: int) -> list[Decision]:
        """A device's endpoint: the utterance is `samples` long. Raises as `heard` does."""
        candidate = self._known(utterance_id)
        if samples > MAX_SAMPLES:
            raise LimitExceededError("The utterance is longer than an utterance may be.")
        if candidate.ended_at_us is None:
            candidate.ended_at_us = now
        candidate.samples = samples
        # Cut at its quietest point, it is shorter than it was: the rest is another utterance.
        steps = -(-samples // FRAME_SAMPLES)
        del candidate.envelope[steps:], candidate.bands[steps * BANDS :]
        if utterance_id in self._claims:
            return self._place(self._claims.pop(utterance_id), now)
        election = self._where[utterance_id]
        if election.phase is Phase.DONE and candidate.reoffered:
            return [election.release(candidate)]
        return self._progress(election, now)

    def audio(
        self,
        utterance_id: str,
        received: int,
        complete: bool,
        now: int,
        reach: int | None = None,
        holes: int = 0,
    ) -> list[Decision]:
        """The hub has the first `received` samples of an utterance's audio, or all of it.

        Args:
            utterance_id: which utterance.
            received: samples without a gap, from the first on, or with gaps that stay.
            complete: whether that is all of it.
            now: hub time.
            reach: samples up to the last that came, gaps included; None: there is no gap.
            holes: samples up to there that did not come.
        """
        candidate = self._known(utterance_id)
        election = self._where.get(utterance_id)
        if election is not None and received > candidate.received:
            election.starved_us = None
        candidate.received, candidate.complete = received, complete
        candidate.reach, candidate.holes = received if reach is None else reach, holes
        # A device sends one utterance after the other: while one comes, none of them stalls.
        for other in self._candidates():
            if other.client_id == candidate.client_id:
                other.audio_us = now
        return self._progress(election, now) if election else []

    def lacks(self, utterance_id: str, now: int) -> list[Decision]:
        """The device has lost samples that the hub asked for; what follows them, it has."""
        candidate, election = self._known(utterance_id), self._where.get(utterance_id)
        if election is None or election.chosen is not candidate:
            return []
        if all(c is candidate or not c.usable for c in election.contenders()):
            return []  # better a part of it than nothing
        candidate.failure = "has lost a part of it"
        return [StopAudio(candidate), *self._progress(election, now)]

    def exhausted(self, utterance_id: str, now: int) -> list[Decision]:
        """The device sent the last that it has, and that is less than it said it held."""
        candidate, election = self._known(utterance_id), self._where.get(utterance_id)
        candidate.gone = True
        return self._progress(election, now) if election else []

    def connected(self, client_id: str, held: Collection[str], now: int) -> None:
        """A device is connected (again), and names all that it holds.

        Of what it does not name, it may still offer some at once; the rest it has lost.
        """
        for candidate in self._candidates():
            lost = candidate.client_id == client_id and candidate.utterance_id not in held
            if lost and not (candidate.linked or candidate.complete):
                candidate.due_us = now + self.rules.reoffer_window_us

    def link_lost(self, client_id: str, now: int) -> list[Decision]:
        """A device's connection ended; its utterances cannot be asked for until it is back."""
        self._listening.discard(client_id)
        decisions: list[Decision] = []
        for candidate in [c for c in self._candidates() if c.client_id == client_id]:
            candidate.linked, candidate.due_us = False, None
            if candidate.utterance_id in self._claims:
                del self._claims[candidate.utterance_id]
            else:
                decisions += self._progress(self._where[candidate.utterance_id], now)
        return decisions

    def decoded(self, election_id: str, confidence: float | None, now: int) -> list[Decision]:
        """The recogniser is done with the chosen utterance.

        Args:
            election_id: which election.
            confidence: of the text, 0 to 1; None: the recogniser failed.
            now: hub time.
        """
        election = self.elections[election_id]
        if election.chosen is not None:
            election.confidences[election.chosen.utterance_id] = confidence or 0.0
        other = None if confidence is None else election.second_opinion()
        if other is None:
            return election.conclude()
        election.chosen, election.asked_us, election.phase = other, now, Phase.COLLECTING
        election.companions = election.company(self.rules.companions)
        asked = [] if other.complete else [SendAudio(other, other.received)]
        return [*asked, *self._progress(election, now)]

    def give_up(self, election_id: str, now: int) -> list[Decision]:
        """Something failed that nobody foresaw: the devices are to offer it again."""
        election = self.elections.get(election_id)
        if election is None:
            return []
        gone = self._abandon(election, "an utterance could not be kept")
        return [*gone, *self._next_turns(now)]

    def committed(self, election_id: str, now: int) -> list[Decision]:
        """The outcome is on disk: nobody needs to hold the audio any longer."""
        election = self.elections[election_id]
        if not any(c.reoffered for c in election.candidates.values()):
            # Of an older utterance nobody knows who listened then.
            self._earshot.note({c.client_id for c in election.ranked()}, self._listening)
        election.phase, election.done_us = Phase.DONE, now
        released = [election.release(c) for c in election.candidates.values() if c.linked]
        return [*released, *self._next_turns(now)]

    def tick(self, now: int) -> list[Decision]:
        """Time passed."""
        decisions: list[Decision] = []
        for election in list(self.elections.values()):
            if any(due <= now for due in election.deadlines(self.rules)):
                decisions += self._progress(election, now)
        return decisions
