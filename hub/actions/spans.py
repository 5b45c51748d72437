"""From when to when, as people say it: times of day, and days."""

from __future__ import annotations

from datetime import date

from hub.actions.atom import Atom
from hub.actions.clocks import Clock, clock
from hub.actions.days import WEEKDAYS, YEARLY, Day, day
from hub.actions.grammar import noun, said
from hub.actions.words import Words, at, listed, number, ordinal

_UNTIL = listed("to until till through thru")
_HALVES = {
    "in the morning": "am",
    "in the afternoon": "pm",
    "in the evening": "pm",
    "at night": "pm",
}
_DAYS = listed("today tomorrow on this next")


def span(words: Words, index: int, today: date, before: Atom | None) -> Atom | None:
    """From when to when, where words that say so begin there."""
    prep = at(words, index) if at(words, index) in ("from", "between") else ""
    i = index + bool(prep)
    joins = ("to", "and") if prep == "between" else ("to", "until", "till", "through", "thru")
    if prep or (before and before.end == index and (before.day or before.repeat)):
        first = _clock_of_span(words, i, joins)
        if first and at(words, first[1]) in joins:
            last = _in_part(words, clock(words, first[1] + 1))
            if last and (prep or last[0].clear or not noun(words, last[1])):
                return Atom(index, last[1], clock=first[0], clock_end=last[0], prep=prep)
    elif bare := _bare_hours(words, i):
        return bare
    elif (first := clock(words, i)) and at(words, first[1]) in joins[:1] and first[0].clear:
        last = clock(words, first[1] + 1)
        if last and (last[0].clear or first[0].exact):
            return Atom(index, last[1], clock=first[0], clock_end=last[0])
    began = day(words, i, today)
    if (prep or ordinal(words, i + (at(words, i) == "the"))) and (
        found := _same_month(words, i, today)
    ):
        return Atom(index, found[2], day=found[0], day_end=found[1], prep=prep)
    if began and at(words, began[1]) in ("to", "until", "till", "through", "thru", "and"):
        if at(words, began[1]) == "and" and prep != "between":
            return None
        ended = day(words, began[1] + 1, began[0].date)
        if ended is None and (count := number(words, began[1] + 1)):  # july 1 to 14
            ended = _later_in_month(began[0], count)
        if ended and (prep or began[0].clear):
            return Atom(index, ended[1], day=began[0], day_end=ended[0], prep=prep)
    return None


def _bare_hours(words: Words, index: int) -> Atom | None:
    """`two to five` where a day or a part of it follows: no two minutes to five."""
    first = number(words, index)
    if first is None or not 1 <= first[0] <= 12 or at(words, first[1]) != "to":
        return None
    last = clock(words, first[1] + 1)
    if last is None or (first[0] in (5, 10) and not last[0].clear):
        return None
    if at(words, last[1]) not in _DAYS and at(words, last[1]) not in WEEKDAYS:
        return None
    return Atom(index, last[1], clock=Clock(first[0]), clock_end=last[0])


def _same_month(words: Words, index: int, today: date) -> tuple[Day, Day, int] | None:
    """`the third to the seventeenth of august`."""
    i = index + (at(words, index) == "the")
    count = ordinal(words, i) or number(words, i)
    if count is None or at(words, count[1]) not in _UNTIL:
        return None
    ended = day(words, count[1] + 1, today)
    if ended is None or ended[0].step != YEARLY or not 0 < count[0] < ended[0].date.day:
        return None
    return Day(ended[0].date.replace(day=count[0])), ended[0], ended[1]


def _later_in_month(began: Day, count: tuple[int, int]) -> tuple[Day, int] | None:
    which, end = count
    try:
        last = began.date.replace(day=which)
    except ValueError:
        return None
    return (Day(last), end) if last > began.date else None


def _in_part(words: Words, found: tuple[Clock, int] | None) -> tuple[Clock, int] | None:
    """The same in the part of the day that is said behind it: `eight in the evening`."""
    if found is None or found[0].exact or not 1 <= found[0].hour <= 12:
        return found
    value, end = found
    for part, half in _HALVES.items():
        if said(words, end, end + part.count(" ") + 1) == part:
            return value.in_half(half), end + part.count(" ") + 1
    return found


def _clock_of_span(words: Words, index: int, joins: tuple[str, ...]) -> tuple[Clock, int] | None:
    """The first of two; `8 to 10` is no ten minutes to something."""
    for end in range(index + 1, min(index + 5, len(words))):
        if at(words, end) in joins and at(words, end - 1) != "quarter":
            found = _in_part(words[:end], clock(words[:end], index))
            return found if found and found[1] == end else None
    return None
