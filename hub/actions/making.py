"""Requests that make something: reminders, alarms, timers, calendar events."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, tzinfo

from hub.actions.atom import Atom
from hub.actions.atoms import collect
from hub.actions.clocks import Length, length
from hub.actions.intents import CreateEvent, CreateReminder, Intent, Priority
from hub.actions.moments import Moment, resolve
from hub.actions.openings import Request
from hub.actions.parts import Parts, choose
from hub.actions.words import at, listed

LONGEST_TITLE = 256
UNNAMED = "Reminder"
"""The title of a reminder for which nobody said what it is about."""
_PRIORITY: tuple[tuple[str, Priority], ...] = (
    (r"\b(?:urgent(?:ly)?|top priority|highest priority|critical)\b", "urgent"),
    (r"\b(?:high(?:er)? priority|important|high importance)\b", "high"),
    (r"\b(?:low(?:er)? priority|unimportant)\b", "low"),
)
_URGENCY = re.compile(
    r"\b(?:(?:it's|it is|this is|that's|that is|and it's|as|with|at)(?: (?:a|very|really))? )?"
    r"(?:very |really )?(?:urgent(?:ly)?|high priority|top priority|highest priority|low priority"
    r"|important)\b(?! (?:meeting|call|email|letter|document|paper|thing|mail|message|package))"
)
_LEAD = re.compile(
    r"(?:to|that|about|of|for|called|named|titled|entitled|labell?ed|saying|with the title"
    r"|with the name|with title|which says|that says|and|it's|it is|i (?:need|have|want|ought) to"
    r"|i (?:should|must)|i've got to|i got to|we (?:need|have) to|we should|me to|on|at|in|by|as"
    r"|is|then|again|so)(?: |$)"
)
_TRAIL = re.compile(
    r"(?:^| )(?:to|that|about|of|for|on|at|in|by|and|from|the|a|an|until|around|with|starting|so"
    r"|called|named|titled|thanks|again|down|is|are|it's|it is|that's|which is|they're)$"
)
_COMPLETE = listed("tonight tomorrow today at on in by around before")
"""How times begin that need no preposition before them."""
_PLACE = re.compile(
    r"(?:when(?:ever)?|once|as soon as|after|before|if|next time|the next time|while|until) "
    r"(?:i|i'm|we|we're|he|she|they|the|my|it(?!'s)"
    r"|it's(?! (?:\d|noon|midnight|half |(?:a )?quarter |\w+ (?:o'clock|thirty|fifteen)))"
    r"|ann|you|someone|somebody|anyone"
    r"|(?!morning|evening)\w+ing)\b|on (?:my|the|our) way\b"
)
_BEFORE_SOMETHING = re.compile(r"(?:before|after|prior to) ")
_THEN = re.compile(
    r"(?<!ask )(?<!know )(?<!see )\b(?:when(?:ever)?|once|as soon as|after|before|next time|until)"
    r" (?:i|i'm|we|we're|he|she|they|you|it's)\b"
)


@dataclass(frozen=True)
class Context:
    """When and where something is said."""

    now: datetime  # aware
    zone: tzinfo


@dataclass(frozen=True)
class Body:
    """What of a request is left: what is to be done, and when.

    Args:
        title: what; empty where nobody said.
        parts: of the time.
        moment: that they make.
    """

    title: str
    parts: Parts
    moment: Moment


def read_body(
    request: Request,
    start: int,
    context: Context,
    *,
    event: bool,
    dropped: tuple[tuple[int, int], ...] = (),
    loose: bool = False,
    more: tuple[Atom, ...] = (),
    hints: str = "",
) -> Body:
    """Takes what follows a command apart.

    Args:
        request: the whole of it.
        start: the first word behind the command.
        context: when it was said.
        event: whether it is for the calendar.
        dropped: words that are no part of it, as pairs of indices.
        loose: whether bare numbers are times of day; see `collect`.
        more: what was said about time before the command.
        hints: words that tell which half of the day is likely.
    """
    words = request.words
    today = context.now.astimezone(context.zone).date()
    kept = [index >= start for index in range(len(words))]
    for first, behind in dropped:
        kept[first:behind] = [False] * (behind - first)
    atoms: list[Atom] = []
    edge = start
    for first, behind in (*sorted(dropped), (len(words), len(words))):
        if edge < first:
            atoms += collect(words[:first], edge, first, today, loose=loose)
        edge = max(edge, behind)
    begins = next((n for n in range(start, len(words)) if kept[n]), start)
    # "remind me to": what follows is a task, and not a time at its head.
    parts, used = choose((*more, *atoms), words, more[0].start if more else begins, durations=event)
    for atom in used:
        kept[atom.start : atom.end] = [False] * (atom.end - atom.start)
    _trim(request, kept)
    title = request.title(kept)[:LONGEST_TITLE].strip()
    moment = resolve(
        parts, context.now, context.zone, f"{title} {hints}".lower().split(), event=event
    )
    return Body(title, parts, moment)


def _trim(request: Request, kept: list[bool]) -> None:
    """Drops what only joins the title to what was around it."""
    while True:
        left = [index for index, keep in enumerate(kept) if keep]
        plain = " ".join(request.words[index].text for index in left)
        if match := _LEAD.match(plain):
            gone = left[: len(match[0].split())]
        elif (match := _TRAIL.search(plain)) and _was_followed(request, kept, left[-1], match[0]):
            gone = left[-len(match[0].split()) :]
        else:
            return
        for index in gone:
            kept[index] = False


def _was_followed(request: Request, kept: list[bool], last: int, trail: str) -> bool:
    """Whether what stood behind the last word is gone; else a preposition there is the title's."""
    if trail.strip() == "down" and last + 1 == len(kept):
        return False
    if trail.strip() in ("in", "on", "by") and at(request.words, last + 1) in _COMPLETE:
        return False  # bring the washing in tonight
    return last + 1 < len(kept) or trail.strip() in ("to", "that", "and", "the", "a", "an")


def priority_of(plain: str) -> Priority | None:
    """What is said of how much it matters."""
    return next((name for pattern, name in _PRIORITY if re.search(pattern, plain)), None)


def urgency(request: Request, start: int) -> tuple[Priority, tuple[tuple[int, int], ...]]:
    """How much a reminder matters, and the words that say so."""
    for match in _URGENCY.finditer(request.plain):
        found = priority_of(match[0])
        first, behind = request.index(match.start()), request.index(match.end())
        whole = match[0] not in ("urgent", "important") or behind == len(request.words)
        if found and (first < start or whole):
            return found, ((first, behind),) if first >= start else ()
    return "medium", ()


def reminder(
    request: Request,
    start: int,
    context: Context,
    *,
    default: str = UNNAMED,
    person: str | None = None,
    more: tuple[Atom, ...] = (),
    loose: bool = False,
    hints: str = "",
    needs_time: bool = False,
) -> CreateReminder | None:
    """A reminder of which the command's own words end at `start`."""
    priority, dropped = urgency(request, start)
    body = read_body(
        request, start, context, event=False, dropped=dropped, loose=loose, more=more, hints=hints
    )
    if not body.title and not body.parts.tells_when and default == UNNAMED:
        return None
    if needs_time and not body.parts.tells_when:
        return CreateReminder(title=body.title or default, problem="no_time", timed=False)
    rest = " ".join(word.text for word in request.words[start:])
    place = _PLACE.match(rest) or (not body.parts.tells_when and _THEN.search(rest))
    measured = length(request.words, start)
    relative = measured and _BEFORE_SOMETHING.match(
        " ".join(word.text for word in request.words[measured[1] :])
    )
    if place or relative:
        return CreateReminder(
            title=body.title or default, problem="unsupported", timed=False, priority=priority
        )
    return CreateReminder(
        title=body.title or default,
        at=body.moment.at,
        priority=priority,
        person=person,
        repeats=body.parts.repeat.words if body.parts.repeat else None,
        timed=body.parts.tells_when,
        problem=body.moment.problem,
    )


def timer(context: Context, took: Length, label: str) -> Intent:
    """A reminder some time from now."""
    moment = resolve(Parts(delta=took), context.now, context.zone, (), event=False)
    return CreateReminder(title=label, at=moment.at, problem=moment.problem)


def event(
    request: Request,
    start: int,
    context: Context,
    *,
    default: str,
    dropped: tuple[tuple[int, int], ...] = (),
    more: tuple[Atom, ...] = (),
    prefix: str = "",
) -> CreateEvent | None:
    """An event of which the command's own words end at `start`; None where nobody said when."""
    body = read_body(request, start, context, event=True, dropped=dropped, more=more, hints=prefix)
    if not body.parts.tells_when and default != "Event":
        return None
    title = " ".join(part for part in (prefix, body.title) if part) or default
    return CreateEvent(
        title=title[:LONGEST_TITLE],
        at=body.moment.at,
        end=body.moment.end,
        all_day=body.moment.all_day,
        repeats=body.parts.repeat.words if body.parts.repeat else None,
        problem=body.moment.problem,
    )
