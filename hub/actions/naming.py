"""What people mean by "the dentist", "my 7 am alarm", "the reminder to call Ann", "that"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta

from hub.actions.atom import Atom
from hub.actions.atoms import collect
from hub.actions.days import WEEKDAYS, Day, coming
from hub.actions.intents import What
from hub.actions.making import LONGEST_TITLE, Context
from hub.actions.moments import resolve
from hub.actions.openings import Request
from hub.actions.parts import Parts
from hub.actions.words import Word

_THAT = r"(?:that|it|this|that one|this one|the last one|the last|the latest one|the previous one)"
_THING = r"(?:reminder|event|appointment|alarm|timer|meeting|entry|action|thing|one|task|request)"
LATEST = re.compile(
    rf"(?:{_THAT}|(?:the|my|our) (?:last|latest|previous|most recent|newest)(?: {_THING})?"
    rf"|(?:last|latest|previous|most recent|newest) {_THING}"
    rf"|(?:that|this)(?: last)? {_THING}"
    rf"|(?:the|that)(?: {_THING})? (?:that )?(?:i|you|we) (?:just|last) \w+"
    rf"|(?:the|my) (?:last|latest) {_THING} (?:i|you) \w+(?: \w+)?"
    r"|what (?:i|you) just \w+)"
)
_CALENDAR = r"(?:calendar|diary|agenda|schedule|planner)"
OUR_CALENDAR = rf"(?:(?:the|my|our|family) )*{_CALENDAR}"
_WITH_CALENDAR = re.compile(
    rf" (?:from|off|in|on|out of) {OUR_CALENDAR}(?= (?:on|for|at|this|next|tomorrow)\b|$)"
)
OWN = r"(?:(?:the|my|our|his|her|that|this|a|an|all|all of|both|your|any) )*"
IS = re.compile(r"\b(?:is|was|has|are|were|got|had|gets|will|would|sure|\w+'(?:m|re|ll))\b")
_REMINDERS = re.compile(r"\b(?:reminders?|alarms?|timers?)\b")
_EVENTS = re.compile(
    r"\b(?:appointments?|meetings?|events?|calendar|entry|entries|lesson|class|practice|party)\b"
)
_OCCASIONS = re.compile(
    r"\b(?:session|visit|training|rehearsal|interview|check-?up|haircut|game|match|recital"
    r"|playdate|sleepover|barbecue|birthday|breakfast|brunch|lunch|dinner|supper|coffee)\b"
)
"""What is on a day; without one it may be anything."""
_CLOCKED = re.compile(r"\b(?:alarms?|timers?)\b")
_MANY = re.compile(
    r"\b(?:all|every|everything|both|reminders|alarms|timers|appointments|meetings|events)\b"
)
_ALL_OF_IT = re.compile(_CALENDAR)
_LEAD = re.compile(
    rf"{OWN}(?:reminders?|event|entry|task)(?: (?:to|for|about|that|of|with|called|named))?(?: |$)"
    rf"|{OWN}(?:time|date|day|start) (?:of|for) "
    r"|(?:the|my|our|his|her|that|this|a|an|to|for|all|both|your|any)(?: |$)"
)
_TRAIL = re.compile(r"(?:^| )(?:reminders?|event|entry|task|on|at|for|to|from|by|in|until)$")


@dataclass(frozen=True)
class Named:
    """What is meant.

    Args:
        target: words for it; None: the latest.
        what: what it is, where that is said.
        on: the day on which it is.
        at: the time of day.
        certain: whether it can only be a reminder or an event.
        many: whether it is more than one.
    """

    target: str | None
    what: What | None = None
    on: date | None = None
    at: time | None = None
    certain: bool = False
    many: bool = False


def what_of(plain: str) -> What | None:
    """Whether words speak of a reminder or of an event; None: of neither."""
    if _REMINDERS.search(plain):
        return "reminder"
    return "event" if _EVENTS.search(plain) else None


def named(request: Request, start: int, end: int, context: Context) -> Named | None:
    """What some of a request's words mean; None: nothing that can be told."""
    words = request.words[start:end]
    plain = " ".join(word.text for word in words)
    what = what_of(plain)
    if found := _WITH_CALENDAR.search(plain):
        first = start + plain[: found.start()].count(" ") + 1
        behind = first + found[0].count(" ")
        request = replace(request, words=[*request.words[:first], *request.words[behind:]])
        what, words = "event", request.words[start : end - (behind - first)]
    if LATEST.fullmatch(" ".join(word.text for word in words)):
        return Named(None, what, certain=what is not None)
    kept = [True] * len(words)
    on = _owner(words, kept, today_of(context))
    at: time | None = None
    clocked = _CLOCKED.search(plain) is not None
    atoms = collect(words, 0, len(words), today_of(context), loose=clocked)
    if what != "reminder" or clocked or any(atom.day for atom in atoms):
        for atom in atoms:
            if not (atom.day or atom.clock or atom.part):
                continue
            on = on or (atom.day.date if atom.day else None)
            at = _likely(atom, context, plain) if atom.clock else at
            kept[atom.start : atom.end] = [False] * (atom.end - atom.start)
    left = _without_frame(words, kept)
    pieces = [False] * len(request.words)
    for index in left:
        pieces[start + index] = True
    title = request.title(pieces)[:LONGEST_TITLE].strip()
    many = _MANY.search(plain) is not None
    if _ALL_OF_IT.fullmatch(title):
        title, many = "", True
    if not title and not (what or many or at):
        return None
    certain = what is not None or (on is not None and _OCCASIONS.search(plain) is not None)
    return Named(title or None, what, on, at, certain, many)


def _owner(words: Sequence[Word], kept: list[bool], today: date) -> date | None:
    """The day of `tomorrow's meeting`, `friday's lunch`; its word is not kept."""
    for index, word in enumerate(words):
        name = word.text.removesuffix("'s")
        if name == word.text:
            continue
        near = {"today": 0, "tonight": 0, "tomorrow": 1}.get(name)
        if near is not None or name in WEEKDAYS:
            kept[index] = False
            ahead = timedelta(days=near or 0)
            return coming(today, WEEKDAYS[name]) if near is None else today + ahead
    return None


def _without_frame(words: Sequence[Word], kept: list[bool]) -> list[int]:
    """The words that are left when `the reminder to` and the like are gone."""
    left = [index for index, keep in enumerate(kept) if keep]
    while True:
        text = " ".join(words[index].text for index in left)
        if match := _LEAD.match(text):
            left = left[len(match[0].split()) :]
        elif _TRAIL.search(text):
            left = left[:-1]
        else:
            return left


def _likely(atom: Atom, context: Context, plain: str) -> time | None:
    """The time of day at which something is that is named by it."""
    tomorrow = Day(today_of(context) + timedelta(days=1))
    parts = Parts(clock=atom.clock, day=tomorrow)
    moment = resolve(parts, context.now, context.zone, plain.split(), event=False)
    return clock_of(moment.at.astimezone(context.zone)) if moment.at else None


def today_of(context: Context) -> date:
    """The local day on which it is said."""
    return context.now.astimezone(context.zone).date()


def clock_of(local: datetime) -> time:
    """A time of day, without seconds."""
    return local.time().replace(second=0, microsecond=0)
