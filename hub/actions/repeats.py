"""How often something is to be, as people say it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from hub.actions.clocks import Length, unit
from hub.actions.days import WEEKDAYS, WEEKLY, Day, coming, day
from hub.actions.grammar import PARTS, noun, said
from hub.actions.words import Word, Words, at, number, ordinal

_THE = (Word("the", 0, 0, pause=False),)
_DAILY = Length(days=1)
FREQUENCIES = {
    "daily": _DAILY,
    "weekly": WEEKLY,
    "monthly": Length(months=1),
    "yearly": Length(months=12),
    "annually": Length(months=12),
    "hourly": Length(seconds=3600),
    "weekdays": _DAILY,
}
MOST = 1000
"""Of a unit from one time to the next."""


@dataclass(frozen=True)
class Repeat:
    """Again and again.

    Args:
        words: that say so.
        step: how far it is to the next time.
        first: the day of the first time, where a weekday is named.
        part: of the day.
    """

    words: str
    step: Length
    first: Day | None = None
    part: str = ""

    @property
    def weekdays(self) -> bool:
        """Whether weekends are left out."""
        return "weekday" in self.words or "workday" in self.words


Found = tuple[Repeat, int]
"""How often, and behind which word it ends."""


def repeat(words: Words, index: int, today: date) -> Found | None:
    """How often something is, where words that say so begin there."""
    word = at(words, index)
    if word in FREQUENCIES and not noun(words, index + 1):
        return Repeat(word, FREQUENCIES[word]), index + 1
    if word == "on" and at(words, index + 1) in ("weekdays", "weekends"):
        return _weekly(words, index, index + 2, today)
    on = word == "on"
    name = at(words, index + on).removesuffix("s")
    if name in WEEKDAYS and at(words, index + on) != name:  # on mondays
        first = Day(coming(today, WEEKDAYS[name]), WEEKLY)
        end = index + 1 + on
        while at(words, end) == "and" and at(words, end + 1).removesuffix("s") in WEEKDAYS:
            end += 2
        return Repeat(said(words, index, end), WEEKLY, first), end
    if word in ("every", "each"):
        return _every(words, index, index + 1, today)
    if word == "once" and at(words, index + 1) in ("a", "every", "per"):
        return _every(words, index, index + 2, today)
    return None


def _every(words: Words, index: int, i: int, today: date) -> Found | None:
    other = at(words, i) in ("other", "second")
    i += other
    count, name = 2 if other else 1, at(words, i)
    if (which := ordinal(words, i)) and which[0] <= 28:  # every first of the month
        end = which[1]
        if said(words, end, end + 3) in ("of the month", "of every month", "of each month"):
            end += 3
        found = day([*_THE, *words[i : which[1]]], 0, today)
        first = found[0] if found else None
        return Repeat(said(words, index, end), Length(months=count), first), end
    if name in WEEKDAYS:
        end = i + 1
        while at(words, end) in ("and", "or") and at(words, end + 1) in WEEKDAYS:
            end += 2
        named = [WEEKDAYS[one.text] for one in words[i:end] if one.text in WEEKDAYS]
        first = Day(min(coming(today, which) for which in named), WEEKLY.times(count))
        part = at(words, end) if at(words, end) in PARTS else ""
        end += bool(part)
        return Repeat(said(words, index, end), WEEKLY.times(count), first, part), end
    if name in PARTS:
        return Repeat(said(words, index, i + 1), _DAILY, None, name), i + 1
    if name in ("weekday", "weekend", "workday"):
        return _weekly(words, index, i + 1, today)
    if counted := number(words, i):
        count, i = counted
    named_unit = unit(words, i)
    if named_unit is None or named_unit == Length(seconds=1) or not 0 < count <= MOST:
        return None
    return Repeat(said(words, index, i + 1), named_unit.times(count)), i + 1


def _weekly(words: Words, index: int, end: int, today: date) -> Found:
    if at(words, end - 1).startswith("weekend"):
        return Repeat(said(words, index, end), WEEKLY, Day(coming(today, 5), WEEKLY)), end
    return Repeat(said(words, index, end), _DAILY), end
