"""Which utterances and elections of one network are known, and which belongs to which."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from hub.election.candidate import Candidate, Decision, StopAudio
from hub.election.election import Election, Phase
from hub.election.grouping import MAX_CLOCK_SLACK_US
from shared.errors import UnknownUtteranceError


class Register:
    """Candidates by utterance, elections by id."""

    def __init__(self) -> None:
        self.elections: dict[str, Election] = {}
        self._where: dict[str, Election] = {}  # by utterance id
        self._claims: dict[str, Candidate] = {}  # claimed, nothing heard of them yet
        self._set_back = False  # the hub's clock, since what is remembered was decided

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
        """Whether all of the utterance was taken in an election that is over."""
        election = self._where.get(utterance_id)
        if election is None or election.phase is not Phase.DONE:
            return False
        candidate = election.candidates[utterance_id]
        return election.chosen is candidate and candidate.taken is None

    @property
    def under_way(self) -> bool:
        """Whether the final winner of some utterance is chosen, and what it said not stored yet."""
        begun = (Phase.COLLECTING, Phase.DECODING, Phase.RECORDING)
        return any(e.phase in begun and e.orphaned_us is None for e in self.elections.values())

    @staticmethod
    def unknown() -> UnknownUtteranceError:
        """The error for an utterance that was never offered, or is somebody else's."""
        return UnknownUtteranceError("This utterance was never offered here.")

    def remember(
        self, election_id: str, candidates: Iterable[Candidate], chosen_id: str | None, now: int
    ) -> None:
        """Takes a finished election from the store, so that late offers of it are recognised.

        By their ids, and by what they heard when. Not by the latter where a remembered one lies in
        the future: the hub's clock was set back meanwhile, and other speech would be taken for it.
        """
        if election_id in self.elections:
            return
        election = Election(election_id, now, now, phase=Phase.DONE, done_us=now, remembered=True)
        self.elections[election_id] = election
        for candidate in candidates:
            self._put(election, candidate)
            self._set_back |= candidate.started_us > now + MAX_CLOCK_SLACK_US
        election.chosen = election.candidates.get(chosen_id or "")

    # Parts

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
