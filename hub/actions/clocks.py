"""Times of day and lengths of time, as people say them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from dateutil.relativedelta import relativedelta

from hub.actions.words import Words, at, listed, number

Found = tuple["Clock", int]
"""A time of day, and behind which word it ends."""


@dataclass(frozen=True)
class Clock:
    """A time of day.

    Args:
        hour: 0 to 23, or 1 to 12 where nobody said which half of the day.
        minute: 0 to 59.
        exact: whether the hour is one of 24.
        clear: whether it is a time of day even where no preposition says so.
        midnight: at the end of the day rather than at its beginning.
    """

    hour: int
    minute: int = 0
    exact: bool = False
    clear: bool = False
    midnight: bool = False

    def in_half(self, half: str) -> Clock:
        """The same in a half of the day, `am` or `pm`."""
        hour = self.hour % 12 + (12 if half == "pm" else 0)
        return Clock(hour, self.minute, exact=True, clear=True)


@dataclass(frozen=True)
class Length:
    """A length of time. A day is a day, however many hours it has; an hour is an hour.

    Args:
        months: of the calendar.
        days: of the calendar.
        seconds: of a clock that nobody puts forward or back.
    """

    months: int = 0
    days: int = 0
    seconds: int = 0

    def __add__(self, other: Length) -> Length:
        """Both, one after the other."""
        return Length(
            self.months + other.months, self.days + other.days, self.seconds + other.seconds
        )

    def times(self, count: int) -> Length:
        """So many of it."""
        return Length(self.months * count, self.days * count, self.seconds * count)

    @property
    def minutes(self) -> int:
        """About so many: a month has 30 days."""
        return (self.months * 30 + self.days) * 1440 + self.seconds // 60

    def after(self, day: date) -> date:
        """The day that is so many months and days later; raises OverflowError, ValueError."""
        found: date = day + relativedelta(months=self.months, days=self.days)
        return found


_UNITS = {
    "second": Length(seconds=1),
    "sec": Length(seconds=1),
    "minute": Length(seconds=60),
    "min": Length(seconds=60),
    "hour": Length(seconds=3600),
    "hr": Length(seconds=3600),
    "day": Length(days=1),
    "week": Length(days=7),
    "fortnight": Length(days=14),
    "month": Length(months=1),
    "year": Length(months=12),
}
_HALVES = {
    Length(seconds=60): Length(seconds=30),
    Length(seconds=3600): Length(seconds=1800),
    Length(days=1): Length(seconds=43_200),
    Length(days=7): Length(days=3),
    Length(months=1): Length(days=15),
    Length(months=12): Length(months=6),
}
_HOUR = Length(seconds=3600)
_ABOUT = listed("about around roughly exactly another just like")
MOST_OF_A_UNIT = 9999


def clock(words: Words, index: int) -> Found | None:
    """A time of day that begins there."""
    found = _named(words, index) or _past_the_hour(words, index) or _written(words, index)
    if found is None:
        return None
    value, end = found
    if not value.exact and (half := _half(words, end)):
        end = half[1]
        if 1 <= value.hour <= 12:
            value = value.in_half(half[0])
        elif value.hour == 0 or value.hour > 12:  # "15:30 pm"
            value = Clock(value.hour, value.minute, exact=True, clear=True)
    if at(words, end) in ("sharp", "exactly", "ish"):
        end += 1
    if value.hour > 12 or value.hour == 0:
        value = Clock(value.hour, value.minute, True, value.clear, value.midnight)
    return value, end


def _half(words: Words, index: int) -> tuple[str, int] | None:
    word = at(words, index)
    if word in ("am", "pm"):
        return word, index + 1
    if word in ("a", "p") and at(words, index + 1) == "m":
        return f"{word}m", index + 2
    return None


def _named(words: Words, index: int) -> Found | None:
    word = at(words, index)
    if word == "twelve" and at(words, index + 1) in ("noon", "midnight"):
        index, word = index + 1, at(words, index + 1)
    if word in ("noon", "midday", "noontime"):
        return Clock(12, exact=True, clear=True), index + 1
    if word == "midnight":
        return Clock(0, exact=True, clear=True, midnight=True), index + 1
    return None


def _past_the_hour(words: Words, index: int) -> Found | None:
    """`half past nine`, `quarter to six`, `twenty past four`, `five minutes to noon`."""
    i = index + (at(words, index) in ("a", "an") and at(words, index + 1) in ("quarter", "half"))
    word = at(words, i)
    if word == "half":
        minute, i = 30, i + 1
        if hour := _hour(words, i):  # British: half nine
            return Clock(hour[0], 30), hour[1]
    elif word == "quarter":
        minute, i = 15, i + 1
    else:
        counted = number(words, i)
        if counted is None or not 1 <= counted[0] <= 29:
            return None
        minute, i = counted
        i += at(words, i) in ("minutes", "minute")
    direction = at(words, i)
    if direction in ("past", "after"):
        ahead = False
    elif direction in ("to", "till", "before", "of") and minute != 30:
        ahead = True
    else:
        return None
    hour = _hour(words, i + 1)
    if hour is None:
        named = _named(words, i + 1)
        if named is None:
            return None
        return _shifted(named[0], minute, ahead), named[1]
    return _shifted(Clock(hour[0], clear=True), minute, ahead), hour[1]


def _shifted(clock_: Clock, minute: int, ahead: bool) -> Clock:
    if not ahead:
        return Clock(clock_.hour, minute, clock_.exact, True, clock_.midnight)
    if clock_.exact:
        return Clock((clock_.hour - 1) % 24, 60 - minute, True, True)
    return Clock((clock_.hour - 2) % 12 + 1, 60 - minute, False, True)


def _hour(words: Words, index: int) -> tuple[int, int] | None:
    found = number(words, index)
    if found is None or not 1 <= found[0] <= 12:
        return None
    end = found[1]
    return found[0], _past_oclock(words, end)


def _past_oclock(words: Words, index: int) -> int:
    if at(words, index) in ("o'clock", "oclock"):
        return index + 1
    if at(words, index) == "o" and at(words, index + 1) == "clock":
        return index + 2
    return index


def _written(words: Words, index: int) -> Found | None:
    """`9:30`, `nine thirty`, `nine`, `nine o'clock`, `15 hundred hours`, `930`, `nine oh five`."""
    word = at(words, index)
    if match := re.fullmatch(r"(\d{1,2})[:.](\d{2})", word, re.ASCII):
        hour, minute = int(match[1]), int(match[2])
        # What is written with a leading zero is written in 24 hours.
        exact = word.startswith("0") or hour > 12
        fits = hour < 24 and minute < 60
        return (Clock(hour, minute, exact, clear=":" in word), index + 1) if fits else None
    if re.fullmatch(r"\d{3,4}", word, re.ASCII):
        hour, minute = divmod(int(word), 100)
        if hour < 24 and minute < 60:
            half = _half(words, index + 1) is not None
            return Clock(hour, minute, word.startswith("0") or hour > 12, half), index + 1
        return None
    found = number(words, index)
    if found is None or found[0] > 23:
        return None
    hour, end = found
    behind = _past_oclock(words, end)
    if behind != end:
        return Clock(hour, clear=True), behind
    if at(words, end) == "hundred":
        end += 1 + (at(words, end + 1) == "hours")
        return Clock(hour, exact=True, clear=True), end
    if at(words, end) in ("oh", "o", "zero"):
        digit = number(words, end + 1)
        if digit and digit[0] < 10:
            return Clock(hour, digit[0]), digit[1]
    minutes = number(words, end)
    if minutes and 10 <= minutes[0] <= 59 and unit(words, minutes[1]) is None:
        return Clock(hour, minutes[0]), _past_oclock(words, minutes[1])
    if _half(words, end):
        return Clock(hour, clear=True), end
    return Clock(hour), end


def unit(words: Words, index: int) -> Length | None:
    """The unit of time that stands there."""
    return _UNITS.get(at(words, index).removesuffix("'s").removesuffix("s"))


def length(words: Words, index: int) -> tuple[Length, int] | None:
    """A length of time that begins there: `an hour and a half`, `90 minutes`, `two weeks`."""
    first = _one_length(words, index)
    if first is None:
        return None
    total, end = first
    more = _one_length(words, end + (at(words, end) == "and"))
    if more and more[0].minutes < total.minutes:  # first the hours, then the minutes
        return total + more[0], more[1]
    return total, end


def _one_length(words: Words, index: int) -> tuple[Length, int] | None:
    i = index + (at(words, index) in _ABOUT)
    word, following = at(words, i), at(words, i + 1)
    if word in ("a", "an", "the") and following in ("half", "quarter", "couple", "few"):
        i, word, following = i + 1, following, at(words, i + 2)
    if word in ("half", "quarter") or (word == "three" and following == "quarters"):
        return _part_of_an_hour(words, i)
    counted = _count(words, i)
    if counted is None:
        return None
    count, i = counted
    if at(words, i) in ("or", "to") and (most := number(words, i + 1)) and unit(words, most[1]):
        i = most[1]  # ten or fifteen minutes
    half = [at(words, i + n) for n in range(3)] == ["and", "a", "half"]
    i += 3 * half
    i += at(words, i) == "more"
    one = unit(words, i)
    if one is None or not 0 < count <= MOST_OF_A_UNIT:
        return None
    i += 1
    if [at(words, i + n) for n in range(3)] == ["and", "a", "half"] and not unit(words, i + 3):
        half, i = True, i + 3
    if count != int(count):
        exact = one.seconds + 86_400 * one.days
        return (Length(seconds=round(count * exact)), i) if exact else None
    total = one.times(int(count))
    if one == _HOUR and [at(words, i + n) for n in range(3)] == ["and", "three", "quarters"]:
        return total + Length(seconds=2700), i + 3
    # one hour thirty, an hour and fifteen
    minutes = number(words, i + (at(words, i) == "and")) if one == _HOUR else None
    if minutes and 0 < minutes[0] < 60 and _ends(words, minutes[1]):
        return total + Length(seconds=60 * minutes[0]), minutes[1]
    return total + (_HALVES.get(one, Length()) if half else Length()), i


def _ends(words: Words, index: int) -> bool:
    return index >= len(words) or words[index].pause or at(words, index) in ("for", "to", "from")


def _part_of_an_hour(words: Words, index: int) -> tuple[Length, int] | None:
    minutes = {"half": 30, "quarter": 15, "three": 45}[at(words, index)]
    i = index + (2 if minutes == 45 else 1)
    i += at(words, i) == "of"
    i += at(words, i) in ("a", "an")
    return (Length(seconds=60 * minutes), i + 1) if unit(words, i) == _HOUR else None


def _count(words: Words, index: int) -> tuple[float, int] | None:
    word = at(words, index)
    if word in ("couple", "few"):
        i = index + 1
        return (2 if word == "couple" else 3), i + (at(words, i) == "of")
    if word in ("a", "an") and at(words, index + 1) != "hundred":
        return 1, index + 1
    if re.fullmatch(r"\d+\.\d+", word, re.ASCII):
        return float(word), index + 1
    return number(words, index)
