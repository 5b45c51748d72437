"""The words with which people ask for a calendar event."""

from __future__ import annotations

import re
from dataclasses import replace

from msgspec.structs import replace as replaced

from hub.actions.atom import Atom
from hub.actions.clocks import length
from hub.actions.intents import CreateEvent, Intent
from hub.actions.makers import KIND, MAKE, ME, STATES, A
from hub.actions.making import Context, event, read_body
from hub.actions.openings import Request
from hub.actions.repeats import FREQUENCIES, Repeat
from hub.actions.words import at, listed

_CALENDAR = r"(?:(?:the|my|our|your|ann's|mum's|family|shared|work|google|school) )*"
_IN_CALENDAR = re.compile(
    rf"(?:in|on|to|into|onto|for|within) {_CALENDAR}"
    r"(?P<noun>calendar|calender|diary|agenda|schedule|planner)\b"
)
_PUT = re.compile(
    r"(?:put(?: down)?|add|enter|write(?: down)?|note(?: down)?|mark|save|insert|pencil|place|set"
    r"|set up|include|register|log|stick|pop|jot(?: down)?|schedule|create|make|book|record|get"
    r"|plan|new|throw|chuck|drop|fit|squeeze|store|have|reserve|block(?: out| off)?"
    r"|i want|i need|i'd like)(?: |$)"
)
_AN_EVENT = re.compile(
    rf"(?:{MAKE}{ME}{A}{KIND} (?P<noun>event|entry|calendar event|calendar entry|appointment"
    r"|meeting|date)|(?:new )?(?:calendar (?:event|entry|appointment)|calendar|event)"
    r"|new (?P<new>appointment|event|meeting))(?: |$)"
)
_WITH_KIND = re.compile(
    rf"(?:{MAKE}) (?:(?:a|an|another|the) )?(?P<what>(?:[\w']+ ){{1,4}}?"
    r"(?:appointment|meeting|event|visit|session|party|lesson|class|practice|training|interview"
    r"|conference))(?: |$)"
)
_OCCASION = re.compile(
    r"\b(?:call|breakfast|brunch|lunch|dinner|supper|coffee|drinks|date|night|evening|concert|game"
    r"|picnic|barbecue|party|trip|visit|recital|rehearsal|sleepover|birthday|anniversary|wedding|playdate|check-?up|haircut)\b"
)
_WITH_MEAL = re.compile(
    rf"(?:add|create|enter|insert|new) (?P<what>(?:[\w']+ ){{0,5}}?{_OCCASION.pattern})(?: |$)"
)
_FOR_MIRA = re.compile(r"\b(?:calendar|appointment|event)\b|^schedule ")
_THERE_IS = re.compile(
    r"(?:(?:i have|i've got|we have|we've got|there is|there's"
    r"|(?:i|we|i've|we've) (?:have |just )*(?:booked|made|got|arranged|scheduled)) )?"
    r"(?:(?:a|an|my|our|the) )?"
    r"(?P<what>.+?)(?: (?:and|so|can you|could you|would you|you))*"
    r" (?:add|put|enter|write|note|save|stick|pop)(?: (?:it|that|this))?(?: down)?"
    rf" (?:to|in|into|on) {_CALENDAR}(?:calendar|diary|agenda|schedule)"
)
_SIMPLY = re.compile(
    r"(?!(?:look|check|see|find|it|there|what|who|when)\b)(?:(?:a|an|my|our|the) )?"
    r"(?P<what>(?:(?!(?:is|are|was|were|be|has|have|i|we)\b)\S+ ){2,11}?)"
    rf"in {_CALENDAR}(?:calendar|diary)"
)
_AND_PUT = re.compile(r"\b(?:booked|made|got|arranged|scheduled|had)\b.* and (?:put|added|wrote)")
_TOLD = re.compile(
    r"\b(?:he|she|they|you|who|said|told|was|were|did|went)\b"
    r"|\b(?:had|made|got|booked|to|not|don't)$"
)
_SCHEDULE = re.compile(
    r"(?:schedule|book|plan|arrange|set up|organi[sz]e|pencil in"
    r"|block(?: out| off)?(?: (?:my|our|the) (?:calendar|diary|schedule))?(?: for)?|save the date"
    r"|reserve|put down|put in"
    r"|(?:pencil|book|put) (?:me|us) (?:in|down)(?: for)?) "
)
_CLEAR = frozenset({"schedule", "arrange", "set up", "pencil in"})
_DETERMINED = re.compile(
    r"(?:a|an|the|my|our|another|some|time|in|for|me|us|for me|\d+|two|three|four|five|half|one|on"
    r"|lunch|dinner|breakfast|coffee|drinks|tomorrow|today|monday|tuesday|wednesday|thursday|friday"
    r"|saturday|sunday)\b"
)
_BOUGHT = re.compile(
    r"^(?:(?:a|an|the|my|us|me|some|two|three|four|for me|for us) )*(?:flights?|table|tickets?"
    r"|hotel|taxi|cab|uber|train|seats?|car|trip)\b"
)
_FILLING = listed("a an it down in that event me us another some")


def read_scheduling(request: Request, context: Context, more: tuple[Atom, ...]) -> Intent | None:
    """What a request wants in the calendar; None: nothing.

    Args:
        request: as it was said.
        context: when and where.
        more: what was said of the time before the request.
    """
    plain = request.plain
    match = _THERE_IS.fullmatch(plain)
    if match is None and not _PUT.match(plain):
        match = _SIMPLY.fullmatch(plain)
    if match and not _TOLD.search(match["what"]) and not _AND_PUT.search(plain):
        start, end = request.index(match.start("what")), request.index(match.end("what"))
        before = replace(request, words=request.words[:end])
        found = event(before, start, context, default="", more=more)
        if found and found.title:
            return found
    if (place := _IN_CALENDAR.search(plain)) and (verb := _PUT.match(plain)):
        found = _in_calendar(request, place, verb, context, more)
        if found:
            return found
    if request.soft and not _FOR_MIRA.search(plain):
        return None
    if match := _AN_EVENT.match(plain):
        return _kind_of_event(request, match, context, more)
    if (match := _WITH_KIND.match(plain)) and not STATES.search(plain):
        return _scheduled(request, request.index(match.start("what")), context, more)
    if (match := _WITH_MEAL.match(plain)) and not STATES.search(plain):
        return _scheduled(request, request.index(match.start("what")), context, more)
    if (match := _SCHEDULE.match(plain)) and not STATES.search(plain):
        rest, making = plain[match.end() :], match[0].strip()
        bare = not _DETERMINED.match(rest) and making not in _CLEAR
        if bare and (making not in ("plan", "put down", "put in") or not _OCCASION.search(rest)):
            return None
        if making in ("book", "reserve", "arrange") and _BOUGHT.match(rest):
            return None
        return _scheduled(request, request.index(match.end()), context, more)
    return None


def _scheduled(
    request: Request, start: int, context: Context, more: tuple[Atom, ...]
) -> CreateEvent | None:
    start, more = _described(request, start, more)
    found = event(request, start, context, default="", more=more)
    return found if found and found.title else None


def _described(
    request: Request, start: int, more: tuple[Atom, ...]
) -> tuple[int, tuple[Atom, ...]]:
    """What is said before the title: `two hours on thursday for`, `a weekly`."""
    words = request.words
    measured = length(words, start)
    if measured and at(words, measured[1]) in (
        "",
        "for",
        "of",
        "with",
        "on",
        "at",
        "tomorrow",
        "today",
    ):
        return measured[1], (*more, Atom(-1, -1, duration=measured[0]))
    while start < len(words) and words[start].text in _FILLING:
        start += 1
    if step := FREQUENCIES.get(at(words, start)):
        return start + 1, (*more, Atom(-1, -1, repeat=Repeat(words[start].text, step)))
    return start, more


def _in_calendar(
    request: Request,
    place: re.Match[str],
    verb: re.Match[str],
    context: Context,
    more: tuple[Atom, ...],
) -> CreateEvent | None:
    start = request.index(verb.end())
    where = (request.index(place.start()), request.index(place.end()))
    words = request.words
    if start < where[0]:
        start, more = _described(request, start, more)
    behind, more = (where[1], more) if start < where[0] else _described(request, where[1], more)
    dropped = [(where[0], behind)]
    for index in range(start, len(words)):
        if (
            words[index].text in ("event", "entry", "note")
            and index <= start + 2
            and index < where[0]
        ):
            dropped.append((start, index + 1))
            break
    if at(words, where[1]) in ("that", "as", "called"):
        dropped.append((where[1], where[1] + 1))
    # In a diary one writes, too; an appointment one has Mira enter.
    strong = place["noun"] in ("calendar", "calender") or "appointment" in request.plain
    found = event(
        request,
        start,
        context,
        default="Event" if strong else "",
        dropped=tuple(sorted(dropped)),
        more=more,
    )
    if found is None or (found.title == "Event" and found.at is None):
        return None
    return found


def _kind_of_event(
    request: Request, match: re.Match[str], context: Context, more: tuple[Atom, ...]
) -> CreateEvent | None:
    noun = match["noun"] or match["new"] or "event"
    start = request.index(match.end())
    if not match["noun"] and not match["new"] and STATES.search(request.plain):
        return None
    body = read_body(request, start, context, event=True, more=more)
    if not body.parts.tells_when:
        return None
    noun = noun.removeprefix("calendar ")
    prefix = ""
    if noun in ("appointment", "meeting", "date"):
        first = body.title.lower().partition(" ")[0]
        prefix = noun if first in ("", "with", "at", "between") else ""
    found = event(request, start, context, default="Event", more=more, prefix=prefix)
    if found and found.title == "Event" and noun != "event":
        return replaced(found, title=noun)
    return found
