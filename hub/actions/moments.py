"""From what is said about time to a moment: the rules of docs/actions.md.

Nothing lies in the past, and of two times that were meant perhaps the one is taken at which people
are awake.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from hub.actions.clocks import Clock, Length
from hub.actions.days import WEEKLY, Day
from hub.actions.grammar import PARTS
from hub.actions.intents import Problem
from hub.actions.parts import Parts
from hub.actions.words import listed

MORNING = 9
"""The hour of a day of which nobody said more."""
END_OF_DAY = 17
WAKING = range(7, 23)
"""The hours at which a time of day is sought that may be in either half of the day."""
SOON = timedelta(hours=1)
"""How long it is until a reminder for which nobody said a time."""
_EVENING = listed(
    "dinner supper drinks party concert movie film theatre theater cinema pub bar gig opera disco"
    " date bedtime"
)
_EARLY = listed("breakfast wake sunrise")
_ENDS = {"morning": 12, "afternoon": 18, "evening": 23, "night": 24, "tonight": 24}


@dataclass(frozen=True)
class Moment:
    """When something is to be.

    Args:
        at: its beginning, aware; None where it cannot be told.
        end: aware.
        all_day: from midnight to midnight.
        problem: why it cannot be told: `past` or `no_time`.
    """

    at: datetime | None = None
    end: datetime | None = None
    all_day: bool = False
    problem: Problem | None = None


def localized(day: date, at: time, zone: tzinfo, now: datetime) -> datetime:
    """A local time as an instant, UTC.

    In the hour that a clock skips it is as much later; of the hour that comes twice it is the
    first that is not over.
    """
    local = datetime.combine(day, at, zone)  # in a gap, the offset before it is in force
    found = local.astimezone(UTC)
    again = local.replace(fold=1).astimezone(UTC)
    return again if found <= now < again else found


def day_that_begins(at: datetime, zone: tzinfo) -> date | None:
    """The local day of which this is the first moment; None: it is within one."""
    day = at.astimezone(zone).date()
    # Where clocks skip midnight, the day begins an hour later: at the same moment.
    return day if datetime.combine(day, time(), zone).astimezone(UTC) == at else None


def resolve(
    parts: Parts, now: datetime, zone: tzinfo, words: Iterable[str], *, event: bool
) -> Moment:
    """The moment that is meant.

    Args:
        parts: what is said.
        now: when it was said, aware.
        zone: in which clocks are read.
        words: of what is to be done; dinner is in the evening.
        event: whether it is something that takes place, which may take all day.
    """
    try:
        return _Resolver(parts, now, zone, frozenset(words), event).moment()
    except (ValueError, OverflowError):
        return Moment(problem="no_time")  # beyond the calendar


class _Resolver:
    def __init__(
        self, parts: Parts, now: datetime, zone: tzinfo, words: frozenset[str], event: bool
    ) -> None:
        self._parts = parts
        self._now = now.astimezone(UTC)
        self._zone = zone
        self._local = now.astimezone(zone)
        self._today = self._local.date()
        self._evening = bool(words & _EVENING)
        self._early = bool(words & _EARLY) and not self._evening
        self._alarm = "alarm" in words and not self._evening
        self._event = event

    def moment(self) -> Moment:
        parts = self._parts
        if parts.repeat is not None and parts.repeat.part and not parts.part:
            parts = replace(parts, part=parts.repeat.part)
        if parts.repeat is not None and parts.repeat.first and parts.day is None:
            parts = replace(parts, day=parts.repeat.first)
        if parts.clock is not None and parts.clock_end is not None:
            parts = replace(parts, clock=_before(parts.clock, parts.clock_end))
        self._parts = parts
        if self._all_day():
            return self._days()
        at = self._begin()
        if at is None:
            return Moment(problem="past" if parts.tells_when else "no_time")
        if not self._event:
            return Moment(at)
        return Moment(at, self._end(at))

    def _all_day(self) -> bool:
        parts = self._parts
        timed = parts.clock or parts.part or parts.hour is not None
        if not self._event or timed or not (parts.day or parts.delta):
            return False
        delta = parts.delta
        return delta is None or not delta.seconds

    def _days(self) -> Moment:
        parts = self._parts
        first = parts.day.date if parts.day else (parts.delta or Length()).after(self._today)
        last = parts.day_end.date if parts.day_end else first
        if first < self._today:
            return Moment(problem="past")
        days = parts.duration.days if parts.duration and not parts.day_end else 0
        last = max(last, first + timedelta(days=max(days, 1) - 1))
        at = self._at(first, time())
        end = self._at(last + timedelta(days=1), time())
        return Moment(at, end, all_day=True)

    def _begin(self) -> datetime | None:
        parts = self._parts
        if parts.delta is not None:
            delta = parts.delta
            day = delta.after(self._today)
            if delta.seconds:
                whole = delta.months or delta.days
                base = self._at(day, self._local.time()) if whole else self._now
                return base + timedelta(seconds=delta.seconds)
            if parts.clock or parts.part or parts.hour is not None:
                return self._on(Day(day))
            return self._at(day, self._local.time())
        if parts.day is not None:
            return self._on(parts.day)
        if parts.clock is not None:
            return self._next(parts.clock)
        if parts.part or parts.hour is not None:
            hour = parts.hour if parts.hour is not None else PARTS[parts.part]
            return self._first([(ahead, Clock(hour, exact=True)) for ahead in (0, 1)])
        if parts.repeat is not None:
            step = parts.repeat.step
            if step.seconds:
                return self._now + timedelta(seconds=step.seconds)
            if parts.repeat.weekdays:
                return self._first([(n, Clock(MORNING)) for n in self._days_ahead()])
            return self._at(step.after(self._today), time(MORNING))
        return None if self._event else self._soon()

    def _soon(self) -> datetime:
        """Where nobody said when: soon, but at a time when people are awake."""
        at = self._now + SOON
        local = at.astimezone(self._zone)
        if local.hour in WAKING:
            return at
        ahead = 0 if local.hour < WAKING.start else 1
        return self._at(local.date() + timedelta(days=ahead), time(MORNING))

    def _on(self, day: Day) -> datetime | None:
        """On a day that is named; on the next of its name where the time is over."""
        at = self._within(day.date, day)
        if at is None and day.step is not None:
            at = self._within(day.step.after(day.date), day)
        return at

    def _within(self, day: date, named: Day) -> datetime | None:
        parts, today = self._parts, day == self._today
        if parts.clock is not None:
            options = self._options(parts.clock, named=True)
            if today and named.step == WEEKLY:
                options = options[:1]  # of two wednesdays rather the next than this one's night
            elif today and not parts.clock.exact and not parts.part:
                waking = [c for c in options if c.hour in WAKING]
                options = sorted(waking, key=lambda c: c.hour) + options
            return self._first([(c.midnight, c) for c in options], day)
        if parts.hour is not None:
            return self._first([(0, Clock(parts.hour))], day)
        if parts.part:
            at = self._at(day, time(PARTS[parts.part]))
            if at > self._now or not today:
                return at if at > self._now else None
            if self._local.hour < _ENDS[parts.part]:
                return self._now + SOON
            return None
        hour = END_OF_DAY if named.late else MORNING
        at = self._at(day, time(hour))
        if at > self._now:
            return at
        # "today" without a time is soon; "on wednesday" said on a wednesday is the next one.
        return self._soon_today() if today and named.step is None else None

    def _soon_today(self) -> datetime:
        return self._now + SOON

    def _next(self, clock: Clock) -> datetime | None:
        """At a time of day, whenever it is next."""
        options = self._options(clock, named=False)
        if clock.exact or self._parts.part:
            return self._first([(n, c) for n in self._days_ahead() for c in options])
        if self._parts.repeat is not None:
            return self._first([(n, options[0]) for n in self._days_ahead()])
        waking = [c for c in options if c.hour in WAKING] or options
        return self._first(
            [(n, c) for n in (0, 1, 2) for c in sorted(waking, key=lambda c: (c.hour, c.minute))]
        )

    def _days_ahead(self) -> list[int]:
        """The days that come into question for a time of day."""
        weekdays = self._parts.repeat is not None and self._parts.repeat.weekdays
        days = range(5 if weekdays else 3)
        return [n for n in days if not weekdays or (self._today.weekday() + n) % 7 < 5]

    def _options(self, clock: Clock, *, named: bool) -> list[Clock]:
        """What a time of day may mean, the likeliest first."""
        part = self._parts.part
        if clock.midnight:
            # The midnight of a day is the one at its end.
            return [Clock(0, exact=True, midnight=named)]
        if clock.exact:
            return [clock]
        morning, later = clock.in_half("am"), clock.in_half("pm")
        if part == "morning":
            return [morning]
        if part in ("afternoon", "evening"):
            return [later]
        if part in ("night", "tonight"):
            if clock.hour == 12 or clock.hour < 5:
                return [replace(morning, midnight=named or self._parts.day is not None)]
            return [later]
        if self._early or (self._alarm and 5 <= clock.hour < 12):
            return [morning] if not named else [morning, later]
        if self._evening and 4 <= clock.hour <= 11:
            return [later] if not named else [later, morning]
        likely = later if clock.hour == 12 or clock.hour < WAKING.start else morning
        return [likely, later if likely is morning else morning]

    def _first(
        self, options: Iterable[tuple[int, Clock]], day: date | None = None
    ) -> datetime | None:
        """The first of the options that is not over, as days ahead and time of day."""
        for ahead, clock in options:
            at = self._at((day or self._today) + timedelta(days=int(ahead)), _time(clock))
            if at > self._now:
                return at
        return None

    def _end(self, at: datetime) -> datetime:
        parts = self._parts
        local = at.astimezone(self._zone)
        if parts.clock_end is not None:
            last = parts.clock_end
            hours = [last.hour] if last.exact else [last.hour % 12, last.hour % 12 + 12]
            for ahead in (0, 1):
                for hour in hours:
                    day = local.date() + timedelta(days=ahead)
                    end = self._at(day, time(hour, last.minute))
                    if end > at:
                        return end
        if parts.duration is not None:
            took = parts.duration
            if took.months or took.days:
                at = self._at(took.after(local.date()), local.time())
            return at + timedelta(seconds=took.seconds)
        return at + SOON

    def _at(self, day: date, at: time) -> datetime:
        return localized(day, at.replace(tzinfo=None), self._zone, self._now)


def _before(first: Clock, last: Clock) -> Clock:
    """The first time of a span in the half of the day that the last one was given."""
    if first.exact or not last.exact or not 1 <= first.hour <= 12:
        return first
    later = first.in_half("pm")
    fits = (later.hour, later.minute) < (last.hour, last.minute)
    return later if fits else first.in_half("am")


def _time(clock: Clock) -> time:
    return time(clock.hour, clock.minute)
