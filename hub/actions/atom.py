"""One piece of what is said about time."""

from __future__ import annotations

from dataclasses import dataclass

from hub.actions.clocks import Clock, Length
from hub.actions.days import Day
from hub.actions.repeats import Repeat


@dataclass(frozen=True)
class Atom:
    """One piece of what is said about time: one of the fields behind the words it stands in."""

    start: int  # its first word, prepositions included
    end: int  # behind its last word
    clock: Clock | None = None
    clock_end: Clock | None = None  # of a span
    day: Day | None = None
    day_end: Day | None = None
    part: str = ""
    hour: int | None = None  # of a part or an occasion of the day
    delta: Length | None = None  # from now
    duration: Length | None = None
    repeat: Repeat | None = None
    prep: str = ""
