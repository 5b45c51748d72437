"""Where likenesses are cut, in each space. docs/voices.md tells how these numbers were found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from hub.speakers.spaces import CAMPPLUS, GE2E

CLEAREST, NOISIEST = 70.0, 45.0
"""Audio quality (0 to 100) above which nothing is lost, and below which it becomes no worse."""


@dataclass(frozen=True)
class Thresholds:
    """Cosines, and differences of cosines; those that stand here are of the space `ge2e`."""

    known: float = 0.80  # from here on it is somebody, in clear audio
    margin: float = 0.04  # if everybody else is further by this
    alone: float = 0.04  # so much nearer it has to be where there is nobody else to be further
    stranger: float = 0.74  # below it, it is none of the known, in clear audio
    noise_takes: float = 0.05  # both are lower by this in the noisiest audio
    teaching_margin: float = 0.12  # a voice learns from what is so much further from all others:
    # a wrong lesson would bring the next

    gathered: float = 0.80  # each of a stranger's utterances to the mean of the others
    like_each_other: float = 0.04  # and nearer by this to each other than to anybody known
    apart: float = 0.80  # several utterances together: below it, they are none of the known
    together: float = 0.84  # from here on they are somebody

    same_place: float = 0.80  # speech as near to a centroid moves it; else it gets one of its own

    read: float = 0.74  # a sentence that is read, to the mean of those before: else it is refused
    same_voice: float = 0.88  # two voices, each known from several sentences, are one
    everyday: float = 0.08  # so much less alike is one person's speech on another day, in another
    # room, than sentences that were read in one go
    furthest: float = 0.04  # so far a household's own enrolment moves thresholds at most: a few
    # sentences say little about an evening at the table
    guest: float = 0.65  # how near some guest may be
    good: float = 0.10  # so much nearer to themselves on another day than anybody else is somebody
    fair: float = 0.03  # who is known for sure, or fairly so

    def at(self, quality: float | None) -> Thresholds:
        """For audio of some quality: noise and echoes make everybody less like himself."""
        if quality is None:
            return self
        share = min(1.0, max(0.0, (CLEAREST - quality) / (CLEAREST - NOISIEST)))
        lower = share * self.noise_takes
        return replace(self, known=self.known - lower, stranger=self.stranger - lower)


THRESHOLDS: Mapping[str, Thresholds] = MappingProxyType(
    {
        GE2E: Thresholds(),
        CAMPPLUS: Thresholds(
            known=0.62,
            margin=0.08,
            alone=0.04,
            stranger=0.52,
            noise_takes=0.10,
            teaching_margin=0.25,
            gathered=0.62,
            like_each_other=0.08,
            apart=0.62,
            together=0.66,
            same_place=0.65,
            read=0.50,
            same_voice=0.75,
            everyday=0.16,
            furthest=0.04,
            guest=0.45,
            good=0.15,
            fair=0.05,
        ),
    }
)
"""By space, for those in which people are told apart."""
