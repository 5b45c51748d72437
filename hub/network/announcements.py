"""What devices were just asked to say aloud: where it is heard, nobody said it. Pure.

The device that speaks does not hear itself; others nearby do. A title such as "remind Ann of the
bins" would make a reminder again.
"""

from __future__ import annotations

import re
from collections import deque
from datetime import datetime, timedelta
from difflib import SequenceMatcher

MOST = 64
"""Announcements that are kept in mind."""
EARLIER = timedelta(seconds=2)
"""Of devices, clocks may be so much behind."""
LATEST = timedelta(minutes=2)
"""So long after a device was asked it may begin: it lets people finish, and what is due at once is
said one after the other."""
ALIKE = 0.85
"""Share of the letters that have to agree: recognisers hear "call and" for "call Ann" (0.86), and
people answer "I called Ann" (0.82)."""
PART = 0.8
"""Share of what was heard that has to stand in the title in one piece, where it is a part of it."""
LEAST_PART = 8
"""Letters that are a part of a title; less is in too many."""
ADDED = 2
"""Letters that may be heard before or behind the title: more are somebody's, about it ("at 5")."""
_PREFIX = re.compile("^remind(?:er|her|a)")
"""What programs like to say before it, and how it is heard."""


class Announcements:
    """Those of one network."""

    def __init__(self) -> None:
        self._asked: deque[tuple[datetime, str]] = deque(maxlen=MOST)

    def asked(self, title: str, at: datetime) -> None:
        """A device was asked to say this, at the hub's time."""
        self._asked.append((at, _letters(title)))

    def said(self, text: str, began: datetime) -> bool:
        """Whether what was heard is most likely an announcement.

        Args:
            text: what was understood.
            began: when that began, by the hub's clock.
        """
        heard = _letters(text)
        return bool(heard) and any(
            at - EARLIER <= began <= at + LATEST and _alike(heard, title)
            for at, title in self._asked
        )


def _alike(heard: str, title: str) -> bool:
    return _says(heard, title) or _says(_PREFIX.sub("", heard), title)


def _says(heard: str, title: str) -> bool:
    *pieces, _ = SequenceMatcher(None, title, heard, autojunk=False).get_matching_blocks()
    if not pieces:
        return False
    first, last = pieces[0], pieces[-1]
    before = first.b - first.a
    behind = (len(heard) - last.b) - (len(title) - last.a)
    if max(before, behind) > ADDED:
        return False
    if sum(piece.size for piece in pieces) >= ALIKE * (len(heard) + len(title)) / 2:
        return True
    longest = max(piece.size for piece in pieces)
    return len(heard) >= LEAST_PART and longest >= PART * len(heard)


def _letters(text: str) -> str:
    return "".join(re.findall(r"[^\W_]+", text.lower()))
