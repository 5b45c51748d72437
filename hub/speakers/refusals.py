"""Remembers for a while what was refused as unlike a voice's first sentence.

Two that are alike outvote one: so a first sentence that was noise, or somebody else's, is not in
the way for ever. Nothing of it is stored.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from hub.speakers.spaces import Embedding

REMEMBERED_S = 600.0


@dataclass(frozen=True, eq=False)
class Refused:
    """A sentence that was not taken."""

    vector: Embedding
    speech_s: float
    space: str


class Refusals:
    """The last of each person's."""

    def __init__(self) -> None:
        self._last: dict[tuple[str, str], Refused] = {}  # by network and person
        self._ends: dict[tuple[str, str], asyncio.TimerHandle] = {}

    def note(
        self, network_id: str, person_id: str, vector: Embedding, speech_s: float, space: str
    ) -> None:
        """It was refused just now. To be called in a running loop, which forgets it in time."""
        key = network_id, person_id
        self._drop(key)
        self._last[key] = Refused(vector, speech_s, space)
        self._ends[key] = asyncio.get_running_loop().call_later(REMEMBERED_S, self._drop, key)

    def take(self, network_id: str, person_id: str, space: str) -> Refused | None:
        """What was refused not long ago, and is remembered no more."""
        found = self._drop((network_id, person_id))
        return found if found is not None and found.space == space else None

    def forget(self, network_id: str, person_id: str | None = None) -> None:
        """Nothing is remembered of the person, or (None) of anybody in the network."""
        for key in list(self._last):
            if key[0] == network_id and person_id in (None, key[1]):
                self._drop(key)

    def _drop(self, key: tuple[str, str]) -> Refused | None:
        if end := self._ends.pop(key, None):
            end.cancel()
        return self._last.pop(key, None)
