"""Remembers for a while what was refused as unlike a voice's first sentence.

Two that are alike outvote one: so a first sentence that was noise, or somebody else's, is not in
the way for ever. Nothing of it is stored.
"""

from __future__ import annotations

from dataclasses import dataclass

from hub.speakers.spaces import Embedding
from shared.clock import Clock

REMEMBERED_S = 600.0


@dataclass(frozen=True, eq=False)
class Refused:
    """A sentence that was not taken."""

    vector: Embedding
    speech_s: float
    space: str
    at_us: int  # of the hub's clock


class Refusals:
    """The last of each person's.

    Args:
        clock: the hub's, in microseconds.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last: dict[tuple[str, str], Refused] = {}  # by network and person

    def note(
        self, network_id: str, person_id: str, vector: Embedding, speech_s: float, space: str
    ) -> None:
        """It was refused just now."""
        self._last[network_id, person_id] = Refused(vector, speech_s, space, self._clock())

    def take(self, network_id: str, person_id: str, space: str) -> Refused | None:
        """What was refused not long ago, and is remembered no more."""
        since = self._clock() - REMEMBERED_S * 1e6
        self._last = {key: one for key, one in self._last.items() if one.at_us > since}
        found = self._last.pop((network_id, person_id), None)
        return found if found is not None and found.space == space else None

    def forget(self, network_id: str, person_id: str | None = None) -> None:
        """Nothing is remembered of the person, or (None) of anybody in the network."""
        for key in list(self._last):
            if key[0] == network_id and person_id in (None, key[1]):
                del self._last[key]
