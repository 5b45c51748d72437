"""What words say about time: the day, the time of day, how long, how often, each by itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from hub.actions.atom import Atom
from hub.actions.clocks import Length, clock, length, unit
from hub.actions.days import WEEKDAYS, Day, day
from hub.actions.grammar import OWNERS, PARTS, noun, said
from hub.actions.repeats import repeat
from hub.actions.spans import span
from hub.actions.words import Words, at, listed, number

_OCCASIONS = {
    "at lunch": 12,
    "at lunchtime": 12,
    "at lunch time": 12,
    "after lunch": 13,
    "before lunch": 11,
    "after work": 18,
    "before bed": 22,
    "before bedtime": 22,
    "at bedtime": 22,
    "at dinner": 19,
    "at dinnertime": 19,
    "at dinner time": 19,
    "after dinner": 20,
    "at breakfast": 8,
    "after breakfast": 9,
    "after school": 15,
    "first thing": 8,
}
_CLOCKED = listed("at by around before until till from @ after")
_ROUGHLY = listed("about for to on approximately roughly exactly like say")
_HEDGES = listed("sometime sharp exactly later")
_DATED = listed("on by for from around until till before at over")
_AHEAD = {"tomorrow": Length(days=1), "next week": Length(days=7)}
_SINGULAR = listed("hour minute day week")
_EARLY_LATE = listed("early late mid")
_STARTING = listed("starting beginning effective")


def collect(
    words: Words, start: int, end: int, today: date, *, loose: bool = False
) -> tuple[Atom, ...]:
    """What is said about time between two words.

    Args:
        words: of the whole text.
        start: the first that is looked at.
        end: behind the last.
        today: the day on which it is said.
        loose: whether a bare number is a time of day after `to` or `for`, too.
    """
    part = words[:end]
    found: list[Atom] = []
    index = start
    while index < end:
        atom = _atom(part, index, start, today, found[-1] if found else None, loose)
        if atom is not None:
            atom = _with_hedges(part, atom, found[-1].end if found else start)
            found.append(atom)
            index = atom.end
        else:
            index += 1
    return tuple(found)


def _with_hedges(words: Words, atom: Atom, start: int) -> Atom:
    """The same with what only says how exactly it is meant: `sometime tomorrow`, `six sharp`."""
    first, end = atom.start, atom.end
    if said(words, end, end + 3) == "on the dot":
        end += 3
    end += 2 if said(words, end, end + 2) == "or so" else at(words, end) in _HEDGES
    if first - 3 >= start and said(words, first - 3, first) == "no later than":
        first -= 3
    elif first - 1 > start and at(words, first - 1) == "say" and words[first - 1].pause:
        first -= 1  # the mince, say around four
    elif first > start and (
        at(words, first - 1) in _HEDGES
        or (at(words, first - 1) in _EARLY_LATE and at(words, end) in PARTS)
    ):
        first -= 1
    return replace(atom, start=first, end=end)


def _atom(
    words: Words, index: int, start: int, today: date, before: Atom | None, loose: bool
) -> Atom | None:
    return (
        _repeat(words, index, today)
        or _delta(words, index)
        or span(words, index, today, before)
        or _occasion(words, index, before)
        or _part(words, index, today, before)
        or _day(words, index, start, today, loose)
        or _clock(words, index, before, loose)
        or _duration(words, index)
    )


def _repeat(words: Words, index: int, today: date) -> Atom | None:
    found = repeat(words, index, today)
    return Atom(index, found[1], repeat=found[0]) if found else None


def _delta(words: Words, index: int) -> Atom | None:
    word = at(words, index)
    if word == "in" or (word in ("after", "within") and number(words, index + 1)):
        measured = length(words, index + 1)
        if measured is None:
            for phrase, minutes in (("a bit", 30), ("a while", 60), ("a moment", 5)):
                little = at(words, index + 2) == "little"
                if (
                    said(words, index + 1, index + 2) + f" {at(words, index + 2 + little)}"
                    == phrase
                ):
                    end = index + 3 + little
                    return Atom(index, end, delta=Length(seconds=60 * minutes))
            count = number(words, index + 1) if word == "in" else None
            if count and 0 < count[0] <= 90 and (count[1] == len(words) or words[count[1]].pause):
                return Atom(index, count[1], delta=Length(seconds=60 * count[0]))  # in ten
            return None
        delta, end = measured
        end += at(words, end) == "time" or said(words, end, end + 2) == "from now"
        if at(words, end) == "now":
            end += 1
        return Atom(index, end, delta=delta)
    i = index + (word == "at")
    i += at(words, i) == "the"
    ahead = _AHEAD.get(said(words, i + 2, i + 4)) or _AHEAD.get(at(words, i + 2))
    if ahead and said(words, i, i + 2) in ("this time", "same time"):
        return Atom(index, i + 3 + (ahead.days == 7), delta=ahead)
    measured = length(words, index)
    if measured and said(words, measured[1], measured[1] + 2) == "from now":
        return Atom(index, measured[1] + 2, delta=measured[0])
    if word == "later" and at(words, index + 1) not in ("this", "in", "on", "tonight", "than"):
        return Atom(
            index, index + 1 + (at(words, index + 1) == "today"), delta=Length(seconds=3600)
        )
    return None


def _occasion(words: Words, index: int, before: Atom | None) -> Atom | None:
    if before and before.day and before.end == index:  # tomorrow lunchtime
        hour = _OCCASIONS.get(f"at {at(words, index)}")
        if hour is not None and at(words, index).endswith("time"):
            return Atom(index, index + 1, hour=hour)
    for size in (3, 2) if index + 2 < len(words) else (2,):
        hour = _OCCASIONS.get(said(words, index, index + size))
        if hour is not None and at(words, index + size) not in ("with", "for", "of"):
            if size == 2 and at(words, index + 1) == "thing":
                if said(words, index + 2, index + 5) == "in the morning":
                    return Atom(index, index + 5, part="morning", hour=hour)
            elif noun(words, index + size) and not day(words, index + size, date(2000, 1, 1)):
                return None
            return Atom(index, index + size, hour=hour)
    return None


def _part(words: Words, index: int, today: date, before: Atom | None) -> Atom | None:
    word = at(words, index)
    if word == "tonight":
        return Atom(index, index + 1, part="tonight", day=Day(today))
    for opening, bound in (
        ("this", True),
        ("later this", True),
        ("in the", False),
        ("during the", False),
        ("to the", False),
        ("by", False),
        ("by the", False),
        ("around", False),
    ):
        size = len(opening.split())
        if said(words, index, index + size) != opening:
            continue
        i = index + size
        i += at(words, i) in _EARLY_LATE
        name = at(words, i)
        if name in PARTS and not (bound is False and at(words, i + 1) == "of"):
            return Atom(index, i + 1, part=name, day=Day(today) if bound else None)
    if said(words, index, index + 2) == "at night":
        return Atom(index, index + 2, part="night")
    i = index + (word in _EARLY_LATE)
    name = at(words, i)
    after_day = before is not None and before.end == index and (before.day or before.repeat)
    if name in PARTS and (after_day or word == "mid"):
        return Atom(index, i + 1, part=name)
    return None


def _day(words: Words, index: int, start: int, today: date, loose: bool) -> Atom | None:
    word = at(words, index)
    prep, i = "", index
    if word in _STARTING:
        prep, i = word, index + 1
        i += at(words, i) in ("on", "from", "at")
    elif word in _DATED or word == "in" or (loose and word == "to"):
        prep, i = word, index + 1
    found = day(words, i, today)
    if found is None and at(words, i) == "the":
        found = day(words, i + 1, today) if at(words, i + 1) in WEEKDAYS else None
    if found is None:
        return None
    value, end = found
    if prep == "in" and value.clear:
        return None
    clocked = at(words, end) in ("at", "from", "around")
    if not prep and not value.clear and (index != start or noun(words, end)) and not clocked:
        return None
    after = end + (at(words, end) in PARTS)
    if not value.clear and prep != "in" and noun(words, after) and not clock(words, after):
        return None  # on the fifth floor
    plain = (
        at(words, i) not in ("today", "tomorrow", "this", "next")
        and not words[i].text[:1].isdigit()
    )
    owned = at(words, index - 1) in OWNERS or at(words, i) == "the" == at(words, index)
    bare = not prep and plain and at(words, i) in WEEKDAYS and index != start
    if bare and noun(words, after) and (owned or not clock(words, after)):
        return None  # the friday concert, sunday school
    if owned and at(words, i) in ("next", "today", "tomorrow") and noun(words, after):
        return None
    return Atom(index, end, day=value, prep=prep)


def _clock(words: Words, index: int, before: Atom | None, loose: bool) -> Atom | None:
    prep, i = "", index
    if said(words, i, i + 2) == "when it's":
        prep, i = "at", i + 2
    while at(words, i) in _CLOCKED or at(words, i) in _ROUGHLY:
        if i > index + 1:
            return None
        prep, i = prep or at(words, i), i + 1
    found = clock(words, i)
    if found is None:
        return None
    value, end = found
    if prep == "to" and not loose:
        return None
    if at(words, i).startswith("one") and at(words, i + 1) in ("of", "more", "thing"):
        return None
    if unit(words, end) or at(words, end) in ("percent", "dollars", "euros", "times", "people"):
        return None
    if not value.clear:
        after_day = bool(
            before and before.end == index and (before.day or before.repeat or before.part)
        )
        quiet = not noun(words, end)
        sure = prep in _CLOCKED or (loose and prep in ("for", "to")) or (after_day and quiet)
        dated = at(words, end) in ("on", "today", "tomorrow", "tonight", *WEEKDAYS)
        sure = sure or (prep == "for" and (dated or (end == len(words) and after_day)))
        if not sure or (prep not in ("at", "@", "by") and not quiet):
            return None
    return Atom(index, end, clock=value, prep=prep)


def _duration(words: Words, index: int) -> Atom | None:
    if at(words, index) in ("for", "lasting"):
        measured = length(words, index + 1 + (at(words, index + 1) == "for"))
        if measured and not noun(words, measured[1]):
            return Atom(index, measured[1], duration=measured[0], prep="for")
    measured = length(words, index)
    described = measured and at(words, index) not in ("a", "an") and noun(words, measured[1])
    if measured and described and at(words, measured[1] - 1) in _SINGULAR:
        return Atom(index, measured[1], duration=measured[0])  # a two hour meeting
    if measured and measured[1] == len(words) and index > 1:
        return Atom(index, measured[1], duration=measured[0])  # standup, friday, 30 minutes
    first = index + (at(words, index) == "the")
    if at(words, first) in ("all", "whole", "entire") and at(words, first + 1) == "day":
        return Atom(index, first + 2, duration=Length(days=1))
    return None
