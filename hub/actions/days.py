"""Days, as people name them, seen from the day on which they do."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date, timedelta

from dateutil.relativedelta import relativedelta, weekday

from hub.actions.clocks import Length, length
from hub.actions.words import Words, at, number, ordinal, year

WEEKDAYS = {
    name: index
    for index, name in enumerate(
        "monday tuesday wednesday thursday friday saturday sunday".split()  # noqa: SIM905
    )
}
_MONTH_NAMES = (
    "january february march april may june july august september october november december"
)
MONTHS = {name: index for index, name in enumerate(_MONTH_NAMES.split(), 1)}
MONTHS |= {name[:3]: index for name, index in MONTHS.items()} | {"sept": 9}
_HOLIDAYS = (
    (("new", "year's", "eve"), 12, 31),
    (("new", "years", "eve"), 12, 31),
    (("new", "year's", "day"), 1, 1),
    (("new", "years", "day"), 1, 1),
    (("new", "year's"), 1, 1),
    (("new", "year"), 1, 1),
    (("christmas", "eve"), 12, 24),
    (("christmas", "day"), 12, 25),
    (("christmas",), 12, 25),
    (("boxing", "day"), 12, 26),
    (("halloween",), 10, 31),
    (("valentine's", "day"), 2, 14),
    (("valentines", "day"), 2, 14),
)
WEEKLY, MONTHLY, YEARLY = Length(days=7), Length(months=1), Length(months=12)


@dataclass(frozen=True)
class Day:
    """A day.

    Args:
        date: the first that was meant, today at the earliest where it can be told.
        step: how far the next one is that is named the same; None: there is none.
        clear: whether it is a day even where no preposition says so.
        late: the end of that day is meant.
    """

    date: date
    step: Length | None = None
    clear: bool = True
    late: bool = False


Found = tuple[Day, int]
"""A day, and behind which word it ends."""


def day(words: Words, index: int, today: date) -> Found | None:
    """A day that begins there; None, too, where it is not in the calendar."""
    try:
        for kind in (_near, _counted_from, _weekday, _dated, _period, _holiday):
            if found := kind(words, index, today):
                return found
    except (ValueError, OverflowError):  # the 31st of june, the year 9999
        return None
    return None


def coming(today: date, index: int) -> date:
    """The next such weekday, today included."""
    return today + timedelta(days=(index - today.weekday()) % 7)


def _says(words: Words, index: int, phrase: str) -> int | None:
    """Behind which word a phrase ends that stands there."""
    parts = phrase.split()
    if all(at(words, index + n) == part for n, part in enumerate(parts)):
        return index + len(parts)
    return None


def _near(words: Words, index: int, today: date) -> Found | None:
    for phrase, ahead in (
        ("the day after tomorrow", 2),
        ("day after tomorrow", 2),
        ("tomorrow", 1),
        ("today", 0),
    ):
        if end := _says(words, index, phrase):
            return Day(today + timedelta(days=ahead)), end
    return None


def _counted_from(words: Words, index: int, today: date) -> Found | None:
    """`a week from friday`, `two days after tomorrow`, `a week tomorrow`."""
    measured = length(words, index)
    if measured is None:
        return None
    delta, i = measured
    if delta.seconds:
        return None
    if at(words, i) in ("from", "after", "on"):
        i += 1
    elif at(words, i) not in WEEKDAYS and at(words, i) not in ("tomorrow", "today"):
        return None
    base = _near(words, i, today) or _weekday(words, i, today) or _dated(words, i, today)
    if base is None:
        return None
    return Day(delta.after(base[0].date)), base[1]


def _weekday(words: Words, index: int, today: date) -> Found | None:
    i, nearness = index, ""
    if end := (
        _says(words, i, "this coming")
        or _says(words, i, "the coming")
        or _says(words, i, "the following")
        or _says(words, i, "coming")
    ):
        nearness, i = "coming", end
    elif end := _says(words, i, "the next") or _says(words, i, "next"):
        nearness, i = "next", end
    elif end := _says(words, i, "this"):
        nearness, i = "this", end
    next_week = False
    if nearness == "next" and at(words, i) == "week":
        j = i + 1 + (at(words, i + 1) == "on")
        if at(words, j) in WEEKDAYS:
            next_week, i = True, j
    name = at(words, i)
    if name not in WEEKDAYS:
        return None
    which, i = WEEKDAYS[name], i + 1
    monday = today - timedelta(days=today.weekday())
    if end := _says(words, i, "after next"):
        return Day(monday + timedelta(days=which + 14)), end
    if end := _says(words, i, "next week"):
        next_week, i = True, end
    elif end := _says(words, i, "this week"):
        nearness, i = "this", end
    elif at(words, i) == "week":  # British: friday week
        return Day(coming(today, which) + timedelta(days=7)), i + 1
    # A date that only explains the weekday: friday the thirteenth.
    if nearness == "" and not next_week:
        j = i + (at(words, i) == "the")
        dated = _dated(words, j, today) or (
            _dated(words, i, today) if at(words, i) in ("the", "") else None
        )
        if dated:
            return replace(dated[0], clear=True), dated[1]
    if at(words, i) == "in" and (ahead := length(words, i + 1)) and ahead[0].days:
        # friday in two weeks
        return Day(ahead[0].after(monday + timedelta(days=which))), ahead[1]
    if next_week or nearness == "next":
        return Day(monday + timedelta(days=which + 7)), i
    if nearness == "this":
        return Day(coming(today, which)), i
    first = coming(today, which)
    if nearness == "coming" and first == today:
        first += timedelta(days=7)
    return Day(first, WEEKLY), i


def _dated(words: Words, index: int, today: date) -> Found | None:
    word = at(words, index)
    if match := re.fullmatch(r"(\d{4})-(\d{1,2})-(\d{1,2})", word):
        return Day(date(*map(int, match.groups()))), index + 1
    if match := re.fullmatch(r"(\d{1,2})/(\d{1,2})(?:/(\d{2,4}))?", word):
        first, second = int(match[1]), int(match[2])
        month, day_ = (second, first) if first > 12 else (first, second)
        return _of_year(month, day_, match[3], today), index + 1
    if match := re.fullmatch(r"(\d{1,2})\.(\d{1,2})\.(\d{4})?", word):
        return _of_year(int(match[2]), int(match[1]), match[3], today), index + 1
    if word in MONTHS:
        i = index + 1 + (at(words, index + 1) == "the")
        counted = ordinal(words, i) or number(words, i)
        if counted is None or not 1 <= counted[0] <= 31:
            return None
        return _with_year(words, counted[1], MONTHS[word], counted[0], today)
    i = index + (word == "the")
    if at(words, i) == "last" and (nth := _nth_weekday(words, i + 1, -1, today)):
        return nth
    counted = ordinal(words, i) or (number(words, i) if word != "the" else None)
    if counted is None or not 1 <= counted[0] <= 31:
        return None
    which, i = counted
    if nth := _nth_weekday(words, i, which, today):
        return nth
    j = i + (at(words, i) == "of") + (_says(words, i, "of the") is not None)
    if at(words, j) in MONTHS and at(words, j + 1) != "of":
        return _with_year(words, j + 1, MONTHS[at(words, j)], which, today)
    if not ordinal(words, index + (word == "the")) or word != "the":
        return None
    if end := _says(words, i, "of next month") or _says(words, i, "next month"):
        return Day(MONTHLY.after(today.replace(day=1)).replace(day=which)), end
    end = _says(words, i, "of this month") or _says(words, i, "of the month") or i
    return Day(_this_month(which, today), MONTHLY, clear=False), end


def _nth_weekday(words: Words, index: int, which: int, today: date) -> Found | None:
    """`first monday of april`."""
    name = at(words, index)
    if name not in WEEKDAYS or at(words, index + 1) not in ("of", "in") or not -1 <= which <= 5:
        return None
    rule = weekday(WEEKDAYS[name], which)
    return _months_day(words, index + 2, 31 if which < 0 else 1, today, rule)


def _months_day(
    words: Words, index: int, which: int, today: date, rule: weekday | None = None
) -> Found | None:
    """A day of `next month`, `the month`, `april`: counted from the one with that number."""
    i = index + (at(words, index) in ("the", "this"))
    if end := _says(words, i, "next month"):
        return Day(today + relativedelta(months=1, day=which, weekday=rule)), end
    if at(words, i) == "month":
        first, step = today, MONTHLY
    elif at(words, i) in MONTHS:
        first, step = date(today.year, MONTHS[at(words, i)], 1), YEARLY
    else:
        return None
    for month in (first, step.after(first)):
        found = month + relativedelta(day=which, weekday=rule)
        if found >= today:
            return Day(found), i + 1
    return None


def _with_year(words: Words, index: int, month: int, day_: int, today: date) -> Found:
    i = index + (at(words, index) == "of" or at(words, index) == "in")
    said = year(words, i)
    # "may fifth twenty thirty" is a year; "at 20:30" is written otherwise.
    if said:
        return Day(date(said[0], month, day_)), said[1]
    if end := _says(words, index, "next year") or _says(words, index, "of next year"):
        return Day(date(today.year + 1, month, day_)), end
    return _of_year(month, day_, None, today), index


def _of_year(month: int, day_: int, written: str | None, today: date) -> Day:
    if written:
        return Day(date(int(written) + (2000 if len(written) == 2 else 0), month, day_))
    for ahead in range(9):  # the 29th of february waits for its year
        try:
            found = date(today.year + ahead, month, day_)
        except ValueError:
            continue
        if found >= today:
            return Day(found, YEARLY)
    raise ValueError("there is no such day")


def _this_month(which: int, today: date) -> date:
    for ahead in range(3):  # the 31st waits for its month
        found: date = today + relativedelta(months=ahead, day=which)
        if found.day == which and found >= today:
            return found
    raise ValueError("there is no such day")


def _period(words: Words, index: int, today: date) -> Found | None:
    monday = today - timedelta(days=today.weekday())
    i = _says(words, index, "the") or index
    if end := _says(words, i, "end of the") or _says(words, i, "end of this"):
        unit = at(words, end)
        month_end = today + relativedelta(day=31)
        ends = {
            "day": Day(today, late=True),
            "week": Day(max(today, monday + timedelta(days=4)), late=True),
            "month": Day(month_end),
            "year": Day(date(today.year, 12, 31)),
        }
        return (ends[unit], end + 1) if unit in ends else None
    if end := _says(words, i, "end of next"):
        ends = {
            "week": Day(monday + timedelta(days=11), late=True),
            "month": Day(today + relativedelta(months=1, day=31)),
        }
        unit = at(words, end)
        return (ends[unit], end + 1) if unit in ends else None
    for phrase, number_ in (("last day of", 31), ("first day of", 1)):
        end = _says(words, i, phrase)
        if end and (found := _months_day(words, end, number_, today)):
            return found
    if end := _says(words, i, "end of day"):
        return Day(today, late=True), end
    if end := _says(words, i, "next weekend"):
        return Day(monday + timedelta(days=12)), end
    if end := _says(words, i, "this weekend") or _says(words, i, "weekend"):
        saturday = coming(today, 5) if today.weekday() != 6 else today
        return Day(saturday, clear=at(words, index) == "this"), end
    i = _says(words, i, "start of") or _says(words, i, "beginning of") or i
    for phrase, begin in (
        ("next week", monday + timedelta(days=7)),
        ("next month", MONTHLY.after(today.replace(day=1))),
        ("next year", date(today.year + 1, 1, 1)),
    ):
        if end := _says(words, i, phrase):
            on = end + (at(words, end) == "on")
            if phrase == "next month" and (which := ordinal(words, on + (at(words, on) == "the"))):
                return Day(begin.replace(day=which[0])), which[1]
            return Day(begin), end
    if end := _says(words, i, "week after next"):
        on = end + (at(words, end) == "on")
        ahead = WEEKDAYS.get(at(words, on))
        return Day(monday + timedelta(days=14 + (ahead or 0))), end if ahead is None else on + 1
    nearness = at(words, i) in ("next", "this", "early")
    month = at(words, i + nearness)
    if month in MONTHS and len(month) > 3 and i == index:
        first = date(today.year, MONTHS[month], 1)
        return Day(first if first > today else YEARLY.after(first), clear=False), i + nearness + 1
    return None


def _holiday(words: Words, index: int, today: date) -> Found | None:
    for names, month, day_ in _HOLIDAYS:
        if all(at(words, index + n) == name for n, name in enumerate(names)):
            found = _of_year(month, day_, None, today)
            return Day(found.date, YEARLY, clear=False), index + len(names)
    return None
