"""Who usually hears whom: what a network's elections have shown of where its devices are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Set

FEWEST = 20
"""Utterances of one device that another has to miss before that means anything."""
RARELY = 0.05
"""Who hears a smaller share than this of another's utterances is out of its earshot."""
MOST = 400
"""Counts are halved here, so that a device that was moved is soon known for where it is."""


class Earshot:
    """Counts, for pairs of devices, which of one's utterances the other heard too."""

    def __init__(self) -> None:
        self._chances: Counter[tuple[str, str]] = Counter()  # the second listened, the first heard
        self._both: Counter[tuple[str, str]] = Counter()

    def note(self, heard: Set[str], listening: Set[str]) -> None:
        """One utterance: who heard it, and who could have."""
        for one in heard:
            for other in (heard | listening) - {one}:
                pair = one, other
                self._chances[pair] += 1
                self._both[pair] += other in heard
                if self._chances[pair] >= MOST:
                    self._chances[pair] //= 2
                    self._both[pair] //= 2

    def beyond(self, heard: Set[str], others: Set[str]) -> set[str]:
        """Those of `others` who hardly ever hear what somebody of `heard` hears."""
        return {
            other
            for other in others
            if any(
                self._chances[one, other] >= FEWEST
                and self._both[one, other] < RARELY * self._chances[one, other]
                for one in heard
            )
        }
