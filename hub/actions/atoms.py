"""What words say about time: the day, the time of day, how long, how often, each by itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from hub.actions.clocks import Clock, Length, clock, length, unit
from hub.actions.days import WEEKDAYS, Day, day
from hub.actions.grammar import OWNERS, PARTS, noun, said
from hub.actions.repeats import Repeat, repeat
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
_DATED = listed("on by for from around until till before at over")
_SINGULAR = listed("hour minute day week")
_STARTING = listed("starting beginning effective")


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
            found.append(atom)
            index = atom.end
        else:
            index += 1
    return tuple(found)


def _atom(
    words: Words, index: int, start: int, today: date, before: Atom | None, loose: bool
) -> Atom | None:
    return (
        _repeat(words, index, today)
        or _delta(words, index)
        or _span(words, index, today, before)
        or _occasion(words, index)
        or _part(words, index, today, before)
        or _day(words, index, start, today)
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
                if said(words, index + 1, index + 3) == phrase:
                    return Atom(index, index + 3, delta=Length(seconds=60 * minutes))
            count = number(words, index + 1) if word == "in" else None
            if count and 0 < count[0] <= 90 and (count[1] == len(words) or words[count[1]].pause):
                return Atom(index, count[1], delta=Length(seconds=60 * count[0]))  # in ten
            return None
        delta, end = measured
        end += at(words, end) == "time" or said(words, end, end + 2) == "from now"
        if at(words, end) == "now":
            end += 1
        return Atom(index, end, delta=delta)
    measured = length(words, index)
    if measured and said(words, measured[1], measured[1] + 2) == "from now":
        return Atom(index, measured[1] + 2, delta=measured[0])
    if word == "later" and at(words, index + 1) not in ("this", "in", "on", "tonight"):
        return Atom(
            index, index + 1 + (at(words, index + 1) == "today"), delta=Length(seconds=3600)
        )
    return None


def _span(words: Words, index: int, today: date, before: Atom | None) -> Atom | None:
    prep = at(words, index) if at(words, index) in ("from", "between") else ""
    i = index + bool(prep)
    joins = ("to", "and") if prep == "between" else ("to", "until", "till", "through", "thru")
    if prep or (before and before.end == index and (before.day or before.repeat)):
        first = _clock_of_span(words, i, joins)
        if first and at(words, first[1]) in joins:
            last = clock(words, first[1] + 1)
            if last and (prep or not noun(words, last[1])):
                return Atom(index, last[1], clock=first[0], clock_end=last[0], prep=prep)
    elif (first := clock(words, i)) and at(words, first[1]) in joins[:1] and first[0].clear:
        last = clock(words, first[1] + 1)
        if last and (last[0].clear or first[0].exact):
            return Atom(index, last[1], clock=first[0], clock_end=last[0])
    began = day(words, i, today)
    if began and at(words, began[1]) in ("to", "until", "till", "through", "thru", "and"):
        if at(words, began[1]) == "and" and prep != "between":
            return None
        ended = day(words, began[1] + 1, began[0].date)
        if ended is None and (count := number(words, began[1] + 1)):  # july 1 to 14
            ended = _same_month(began[0], count)
        if ended and (prep or began[0].clear):
            return Atom(index, ended[1], day=began[0], day_end=ended[0], prep=prep)
    return None


def _same_month(began: Day, count: tuple[int, int]) -> tuple[Day, int] | None:
    which, end = count
    try:
        last = began.date.replace(day=which)
    except ValueError:
        return None
    return (Day(last), end) if last > began.date else None


def _clock_of_span(words: Words, index: int, joins: tuple[str, ...]) -> tuple[Clock, int] | None:
    """The first of two; `8 to 10` is no ten minutes to something."""
    for end in range(index + 1, min(index + 5, len(words))):
        if at(words, end) in joins and at(words, end - 1) != "quarter":
            found = clock(words[:end], index)
            return found if found and found[1] == end else None
    return None


def _occasion(words: Words, index: int) -> Atom | None:
    for size in (3, 2):
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
    if word in ("tonight", "tonite"):
        return Atom(index, index + 1, part="tonight", day=Day(today))
    for opening, bound in (
        ("this", True),
        ("later this", True),
        ("in the", False),
        ("during the", False),
    ):
        size = len(opening.split())
        if said(words, index, index + size) != opening:
            continue
        i = index + size
        i += at(words, i) in ("early", "late")
        name = at(words, i)
        if name in PARTS and not (bound is False and at(words, i + 1) == "of"):
            return Atom(index, i + 1, part=name, day=Day(today) if bound else None)
    if said(words, index, index + 2) == "at night":
        return Atom(index, index + 2, part="night")
    i = index + (word in ("early", "late"))
    name = at(words, i)
    if name in PARTS and before and before.end == index and (before.day or before.repeat):
        return Atom(index, i + 1, part=name)
    return None


def _day(words: Words, index: int, start: int, today: date) -> Atom | None:
    word = at(words, index)
    prep, i = "", index
    if word in _STARTING:
        prep, i = word, index + 1
        i += at(words, i) in ("on", "from", "at")
    elif word in _DATED or word == "in":
        prep, i = word, index + 1
    found = day(words, i, today)
    if found is None and at(words, i) == "the":
        found = day(words, i + 1, today) if at(words, i + 1) in WEEKDAYS else None
    if found is None:
        return None
    value, end = found
    if prep == "in" and value.clear:
        return None
    if not prep and not value.clear:
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
    while at(words, i) in _CLOCKED or at(words, i) in ("about", "for", "to", "on", "approximately"):
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
        after_day = before is not None and before.end == index and bool(before.day or before.repeat)
        quiet = not noun(words, end)
        sure = prep in _CLOCKED or (loose and prep in ("for", "to")) or (after_day and quiet)
        sure = sure or (prep == "for" and end == len(words) and after_day)
        if not sure or (prep not in ("at", "@", "by") and not quiet):
            return None
    return Atom(index, end, clock=value, prep=prep)


def _duration(words: Words, index: int) -> Atom | None:
    if at(words, index) == "for" or (at(words, index), at(words, index + 1)) == ("lasting", "for"):
        measured = length(words, index + 1)
        if measured and not noun(words, measured[1]):
            return Atom(index, measured[1], duration=measured[0], prep="for")
    measured = length(words, index)
    described = measured and at(words, index) not in ("a", "an") and noun(words, measured[1])
    if measured and described and at(words, measured[1] - 1) in _SINGULAR:
        return Atom(index, measured[1], duration=measured[0])  # a two hour meeting
    if at(words, index) == "all" and at(words, index + 1) == "day":
        return Atom(index, index + 2, duration=Length(days=1))
    return None
