"""What somebody may ask for. Whoever finds it out, it has this form, and is checked against it."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Annotated, Literal

from msgspec import Meta, Struct

Priority = Literal["low", "medium", "high", "urgent"]
Problem = Literal["past", "no_time", "unsupported"]
What = Literal["reminder", "event"]
Title = Annotated[str, Meta(min_length=1, max_length=256)]
Aware = Annotated[datetime, Meta(tz=True)]
ShiftMinutes = Annotated[int, Meta(ge=-525_600, le=525_600)]


class Base(Struct, frozen=True, kw_only=True, tag_field="kind", forbid_unknown_fields=True):
    """An object tagged by `kind`; what it does not know is refused."""


class CreateReminder(Base, frozen=True, kw_only=True, tag="create_reminder"):
    """Somebody wants to be told of something."""

    title: Title
    at: Aware | None = None  # when; null where there is a problem
    priority: Priority = "medium"
    person: Title | None = None  # who is to be told, where it is not who spoke; as it was said
    repeats: Title | None = None  # the words that ask for repetition; only the first is made
    timed: bool = True  # whether somebody said when
    problem: Problem | None = None  # why it cannot be done


class CreateEvent(Base, frozen=True, kw_only=True, tag="create_event"):
    """Something takes place."""

    title: Title
    at: Aware | None = None  # when it begins; null where there is a problem
    end: Aware | None = None  # when it ends
    all_day: bool = False  # from midnight to midnight in the network's time zone
    repeats: Title | None = None  # the words that ask for repetition; only the first is made
    problem: Problem | None = None  # why it cannot be done


class Meant(Base, frozen=True, kw_only=True):
    """Something that is there already."""

    target: Title | None = None  # words for it; null: the latest
    what: What | None = None  # what it is, where it was said
    on: date | None = None  # the local day on which it is, where it was said
    at: time | None = None  # the local time of day at which it is, where it was said
    certain: bool = False  # whether it can only be a reminder or an event that is meant

    @property
    def last(self) -> bool:
        """Whether the latest is meant."""
        return self.target is None


class Cancel(Meant, frozen=True, kw_only=True, tag="cancel"):
    """It is not to be."""

    problem: Problem | None = None  # why it cannot be done


class Complete(Meant, frozen=True, kw_only=True, tag="complete"):
    """It is done."""


class Move(Meant, frozen=True, kw_only=True, tag="move"):
    """It is to be at another time; what is null stays."""

    date: date | None = None  # local day that it moves to
    time: time | None = None  # local time of day
    either_half: bool = False  # nobody said which half of the day it is in: the likelier is there
    shift_min: ShiftMinutes | None = None  # minutes by which it moves; negative: earlier
    problem: Problem | None = None  # why it cannot be done


class SetPriority(Meant, frozen=True, kw_only=True, tag="set_priority"):
    """It matters more, or less."""

    priority: Priority


Intent = CreateReminder | CreateEvent | Cancel | Complete | Move | SetPriority
"""What is asked for."""
