"""What each device of a network hears now, and whose stream was chosen: for those who ask."""

from __future__ import annotations

from dataclasses import dataclass

from hub.election.candidate import Candidate, Select


@dataclass(frozen=True)
class Hearing:
    """The newest word of a device on how well it hears."""

    score: float  # 0 to 100
    at_us: int  # the hub's clock
    utterance_id: str


@dataclass(frozen=True)
class Best:
    """The stream that was elected last."""

    client_id: str
    score: float
    since_us: int  # when it was elected, the hub's clock
    reason: str
    election_id: str
    final: bool  # on the whole utterance


class Streams:
    """The network's streams."""

    def __init__(self) -> None:
        self.hearings: dict[str, Hearing] = {}  # by client id
        self.best: Best | None = None

    def heard(self, candidate: Candidate, now: int) -> None:
        """A device said how well it hears."""
        self.hearings[candidate.client_id] = Hearing(candidate.score, now, candidate.utterance_id)

    def selected(self, select: Select, now: int) -> None:
        """A stream was elected; that it is still the same one moves no time."""
        before, chosen = self.best, select.candidate
        same = before is not None and (before.election_id, before.client_id) == (
            select.election_id,
            chosen.client_id,
        )
        since = before.since_us if before is not None and same else now
        self.best = Best(
            chosen.client_id,
            chosen.standing,
            since,
            select.reason,
            select.election_id,
            select.final,
        )

    def gone(self, client_id: str) -> None:
        """A device was removed."""
        self.hearings.pop(client_id, None)
