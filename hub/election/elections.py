"""The elections of one network: which candidates are one utterance, whose audio is taken.

Pure: it is told what happened and when (`now`, hub time in microseconds), and answers with
decisions. `hub.election.election` has the phases that an election goes through.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from hub.election.candidate import (
    Candidate,
    Decision,
    Disconnect,
    SendAudio,
    StopAudio,
)
from hub.election.earshot import Earshot
from hub.election.election import OPEN, Election, Phase, Rules
from hub.election.grouping import affinity
from shared.audio import FRAME_SAMPLES, us_to_samples
from shared.errors import LimitExceededError, MalformedMessageError, UnknownUtteranceError
from shared.quality.comparison import BANDS

MAX_SAMPLES = us_to_samples(40_000_000)
"""An utterance is cut at 30 s by the device; nothing longer than this is taken."""
MAX_OPEN_PER_CLIENT = 256
CUT_US = 20_000
"""Devices cut at whole frames."""


Compare = Callable[[Sequence[Candidate]], Sequence[float]]


class Elections:
    """All elections of one network.

    Args:
        new_id: gives a fresh election id.
        rules: delays, and how many recordings are asked for.
        compare: points by which each of some candidates of one utterance is better or worse than
            their mean; None: the scores that devices give themselves decide.
    """

    def __init__(
        self,
        new_id: Callable[[], str],
        rules: Rules | None = None,
        compare: Compare | None = None,
    ) -> None:
        self._new_id = new_id
        self._compare = compare
        self.rules = rules or Rules()
        self.elections: dict[str, Election] = {}
        self._where: dict[str, Election] = {}  # by utterance id
        self._claims: dict[str, Candidate] = {}  # claimed, nothing heard of them yet
        self._listening: set[str] = set()  # clients that are connected and listen
        self._earshot = Earshot()

    # What is known

    def candidate(self, utterance_id: str) -> Candidate | None:
        """The candidate with this utterance id, finished ones too."""
        if utterance_id in self._claims:
            return self._claims[utterance_id]
        election = self._where.get(utterance_id)
        return election.candidates[utterance_id] if election else None

    def election_of(self, utterance_id: str) -> Election | None:
        """The election that an utterance is in."""
        return self._where.get(utterance_id)

    def finished(self, utterance_id: str) -> bool:
        """Whether the utterance's election is over."""
        election = self._where.get(utterance_id)
        return election is not None and election.phase is Phase.DONE

    def won(self, utterance_id: str) -> bool:
        """Whether the utterance was elected in an election that is over."""
        election = self._where.get(utterance_id)
        return (
            self.finished(utterance_id)
            and election is not None
            and (election.chosen is election.candidates[utterance_id])
        )

    @staticmethod
    def unknown() -> UnknownUtteranceError:
        """The error for an utterance that was never offered, or is somebody else's."""
        return UnknownUtteranceError("This utterance was never offered here.")

    def next_deadline_us(self) -> int | None:
        """When `tick` has to be called next."""
        times = [
            due for election in self.elections.values() for due in election.deadlines(self.rules)
        ]
        return min(times, default=None)

    # What happens

    def device_listens(self, client_id: str, listening: bool) -> None:
        """A device connected and listens, or does so no more."""
        (self._listening.add if listening else self._listening.discard)(client_id)

    def remember(
        self, election_id: str, candidates: Iterable[Candidate], chosen_id: str | None, now: int
    ) -> None:
        """Takes a finished election from the store, so that late offers of it are recognised."""
        if election_id in self.elections:
            return
        election = Election(election_id, now, now, phase=Phase.DONE, done_us=now)
        self.elections[election_id] = election
        for candidate in candidates:
            self._put(election, candidate)
        election.chosen = election.candidates.get(chosen_id or "")

    def claimed(self, claim: Candidate, now: int) -> list[Decision]:
        """A device says that it hears speech (again, after a reconnect).

        Raises:
            LimitExceededError: the device holds too many open utterances.
        """
        known = self.candidate(claim.utterance_id)
        if known is not None and known.client_id != claim.client_id:
            raise self.unknown()
        if known is not None:
            known.linked, known.failure = True, ""
            election = self._where.get(known.utterance_id)
            if election is None:
                return []
            if election.phase is Phase.DONE:
                # How long it is, it has yet to say: it may have gone on since.
                known.reoffered, known.ended_at_us = True, None
                return []
            if election.chosen is known and not known.complete:
                election.orphaned_us, election.asked_us = None, now
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

    def audio(self, utterance_id: str, received: int, complete: bool, now: int) -> list[Decision]:
        """The hub has the first `received` samples of an utterance's audio, or all of it."""
        candidate = self._known(utterance_id)
        candidate.received, candidate.complete = received, complete
        # A device sends one utterance after the other: while one comes, none of them stalls.
        for other in self._candidates():
            if other.client_id == candidate.client_id:
                other.audio_us = now
        election = self._where.get(utterance_id)
        return self._progress(election, now) if election else []

    def link_lost(self, client_id: str, now: int) -> list[Decision]:
        """A device's connection ended; its utterances cannot be asked for until it is back."""
        self._listening.discard(client_id)
        decisions: list[Decision] = []
        for candidate in [c for c in self._candidates() if c.client_id == client_id]:
            candidate.linked = False
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

    def give_up(self, election_id: str) -> list[Decision]:
        """Something failed that nobody foresaw: the devices are to offer it again."""
        election = self.elections.get(election_id)
        return [] if election is None else self._abandon(election, "an utterance could not be kept")

    def committed(self, election_id: str, now: int) -> list[Decision]:
        """The outcome is on disk: nobody needs to hold the audio any longer."""
        election = self.elections[election_id]
        if not any(c.reoffered for c in election.candidates.values()):
            # Of an older utterance nobody knows who listened then.
            self._earshot.note({c.client_id for c in election.ranked()}, self._listening)
        election.phase, election.done_us = Phase.DONE, now
        return [election.release(c) for c in election.candidates.values() if c.linked]

    def tick(self, now: int) -> list[Decision]:
        """Time passed."""
        decisions: list[Decision] = []
        for election in list(self.elections.values()):
            if any(due <= now for due in election.deadlines(self.rules)):
                decisions += self._progress(election, now)
        return decisions

    # How an election goes on

    def _progress(self, election: Election, now: int) -> list[Decision]:
        """Moves an election as far as it can go by now."""
        decisions: list[Decision] = []
        strangers: list[Candidate] = []
        if (
            election.phase is Phase.GATHERING
            and election.orphaned_us is None
            and self._window_closed(election, now)
        ):
            anchor = next(iter(election.contenders()), None)
            strangers += self._regroup(election, anchor, decisions, now)
            if election.candidates:
                decisions += election.choose(now, "on the first moments of speech")
        if (
            election.phase in (Phase.STREAMING, Phase.COLLECTING)
            or election.orphaned_us is not None
        ):
            decisions += self._watch(election, now)
        settles_at = election.settles_at(self.rules)
        if election.phase is Phase.STREAMING and settles_at is not None and now >= settles_at:
            anchor = next(iter(election.finalists()), None)
            strangers += self._regroup(election, anchor, decisions, now)
            self._weigh(election)
            decisions += election.finish(now, self.rules)
        if (
            election.phase is Phase.COLLECTING
            and election.chosen is not None
            and election.chosen.complete
            and election.company_came(now)
        ):
            decisions += election.decode(election.chosen)
        if election.phase is Phase.DONE and now >= election.done_us + self.rules.remember_us:
            self._forget(election)
        for candidate in strangers:
            decisions += self._place(candidate, now)
        return decisions

    def _window_closed(self, election: Election, now: int) -> bool:
        if now >= election.window_at_us:
            return True
        if any(c.reoffered for c in election.candidates.values()):
            return False  # others may not have reconnected yet
        missing = self._listening - {c.client_id for c in self._candidates()}
        heard = {c.client_id for c in election.candidates.values()}
        election.beyond = self._earshot.beyond(heard, missing)
        return missing <= election.beyond

    def _weigh(self, election: Election) -> None:
        """Holds what the candidates heard against each other, once they have heard all of it.

        The first moments are too short for that: there each one's own score tells more.
        """
        heard = election.contenders()
        if self._compare is None or len(heard) < 2:
            return
        mean = sum(c.score for c in heard) / len(heard)
        for candidate, points in zip(heard, self._compare(heard), strict=True):
            candidate.advantage = mean + points - candidate.score

    def _watch(self, election: Election, now: int) -> list[Decision]:
        """Replaces a chosen device that is gone or gives nothing; gives up when nobody is left."""
        chosen, why = election.chosen, "since the others are gone"
        if chosen is not None:
            if chosen.usable:
                election.orphaned_us = None
                if chosen.complete or now < election.stalls_at(chosen, self.rules):
                    return []
                chosen.failure = "stalled"
            if election.confidences:
                return election.conclude()  # it was for a second opinion only
            why = f"since {chosen.client_id} {'stalls' if chosen.failure else 'lost its link'}"
        decisions = election.choose(now, why)
        if decisions or election.orphaned_us is None:
            return decisions
        if now < election.orphaned_us + self.rules.orphan_us:
            return []
        return self._abandon(election, "an utterance was asked for and never came")

    def _place(self, candidate: Candidate, now: int) -> list[Decision]:
        """Puts a new candidate into the election of the same utterance, or into a new one.

        Never into one that cast it out: likeness is not transitive, and a microphone in the hall
        that hears two people alike would bring their rooms' together again, over and over.
        """
        best: tuple[float, Election] | None = None
        for election in self.elections.values():
            if election.election_id in candidate.cast_out_of or _comes_after(candidate, election):
                continue
            for anchor in election.anchors:
                alike = affinity(candidate, anchor)
                if alike is not None and (best is None or alike > best[0]):
                    best = alike, election
        if best is None:
            window = self.rules.reoffer_window_us if candidate.reoffered else self.rules.window_us
            election = Election(self._new_id(), now, now + window)
            self.elections[election.election_id] = election
        else:
            election = best[1]
        self._put(election, candidate)
        if election.phase is Phase.DONE:
            late = candidate.reoffered and candidate.ended_at_us is None
            return [] if late else [election.release(candidate)]
        return self._progress(election, now)

    def _regroup(
        self, election: Election, anchor: Candidate | None, decisions: list[Decision], now: int
    ) -> list[Candidate]:
        """Holds every candidate against the one to be chosen: kin join from other elections.

        Where two elections turn out to be one utterance, the newer joins the older and is left
        empty. Returns those who hear something else, taken out, to be placed anew.
        """
        if anchor is None:
            return []
        for other in [e for e in self.elections.values() if e.phase in OPEN and e is not election]:
            rival = other.chosen or other.ranked()[0]
            older = other.opened_us <= election.opened_us
            parted = any(other.election_id in c.cast_out_of for c in election.ranked())
            if older and not parted and affinity(anchor, rival) is not None:
                for candidate in election.ranked():
                    self._take_out(candidate, election, decisions)
                    self._put(other, candidate)
                self._forget(election)
                decisions += self._progress(other, now)
                return []
            for candidate in other.ranked():
                alike = affinity(anchor, candidate)
                theirs = None if candidate is rival else affinity(rival, candidate)
                if alike is None or (theirs is not None and theirs >= alike):
                    continue
                self._take_out(candidate, other, decisions)
                self._put(election, candidate)
            if not other.candidates:
                self._forget(other)
        strangers = [
            c for c in election.ranked() if c is not anchor and affinity(anchor, c) is None
        ]
        for candidate in strangers:
            self._take_out(candidate, election, decisions)
            candidate.cast_out_of.add(election.election_id)
        return strangers

    # Small parts

    def _abandon(self, election: Election, why: str) -> list[Decision]:
        """Nothing is lost: the devices hold the audio and offer it on their next connection."""
        self._forget(election)
        stuck = {c.client_id for c in election.candidates.values() if c.linked}
        return [Disconnect(client, why) for client in sorted(stuck)]

    def _known(self, utterance_id: str) -> Candidate:
        candidate = self.candidate(utterance_id)
        if candidate is None:
            raise self.unknown()
        return candidate

    def _candidates(self) -> Iterator[Candidate]:
        """Every candidate that is not finished with."""
        yield from self._claims.values()
        for election in self.elections.values():
            if election.phase is not Phase.DONE:
                yield from election.candidates.values()

    def _put(self, election: Election, candidate: Candidate) -> None:
        election.candidates[candidate.utterance_id] = candidate
        self._where[candidate.utterance_id] = election

    def _take_out(
        self, candidate: Candidate, election: Election, decisions: list[Decision]
    ) -> None:
        del election.candidates[candidate.utterance_id]
        del self._where[candidate.utterance_id]
        if election.chosen is candidate:
            election.chosen = None
            if candidate.linked and not candidate.complete:
                decisions.append(StopAudio(candidate))

    def _forget(self, election: Election) -> None:
        self.elections.pop(election.election_id, None)
        for utterance_id in election.candidates:
            self._where.pop(utterance_id, None)


def _comes_after(candidate: Candidate, election: Election) -> bool:
    """Whether it begins where the speech of a finished election's utterance ended.

    It is what a device held beyond that end, and so like what others held beyond it.
    """
    chosen = election.chosen
    return (
        election.phase is Phase.DONE
        and chosen is not None
        and candidate.started_us >= chosen.speech_end_us - CUT_US - candidate.uncertainty_us
    )
