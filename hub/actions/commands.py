"""The words with which people ask for a reminder, an alarm, a timer or a calendar event."""

from __future__ import annotations

import re
from dataclasses import replace

from hub.actions.atoms import Atom, collect
from hub.actions.clocks import length
from hub.actions.intents import CreateEvent, CreateReminder, Intent
from hub.actions.making import Context, event, read_body, reminder, timer
from hub.actions.openings import Request

_MAKE = (
    r"(?:set(?: up)?|make|create|add|give me|i need|i want|i'd like|new|put(?: in| down)?|leave|start"
    r"|schedule|get me|have|get|enter|note|record|save|place|program|activate|turn on|begin|run|do"
    r"|log|open|insert|book|arrange|plan|organi[sz]e|enter|write(?: down)?|need|want)"
)
_ME = r"(?: (?:me|us|myself|for me|for us))?"
_A = r"(?: (?:a|an|another|the|my|one|up a|up an|in a|in an|down a))?"
_KIND = r"(?: (?:new|quick|urgent|important|high priority|low priority|daily|weekly|monthly|short|little|very|calendar|recurring|repeating|yearly|very urgent|very important))*"
_REMIND_ME = re.compile(r"(?:remind|reminding|alert|notify|nudge|ping) (?:me|us|myself)(?: |$)")
_REMIND_OTHER = re.compile(
    r"(?:remind|reminding) (?P<who>(?:(?:my|our|the) )?\w+(?: and \w+)?(?: \w+)?) (?P<what>to|that|about)(?: |$)"
)
_A_REMINDER = re.compile(
    rf"(?:{_MAKE}{_ME}{_A}{_KIND} reminders?(?: for (?:me|us|myself))?|reminder)(?: |$)"
)
_NOT_FORGET = re.compile(
    r"(?:(?:don't|do not|never) let (?:me|us) forget(?: to| that| about)?"
    r"|(?:help|make) (?:me|us) remember(?: to| that| about)?"
    r"|make (?:me|us) (?:a )?note to|(?:(?:i|we) need to )?be reminded(?: to| that| about| of)?"
    r"|make (?:a )?note to remind me(?: to)?) "
)
_TO_MIRA = re.compile(
    r"(?:(?:don't|do not) forget to|remember to|remember that|tell (?:me|us) to|tell me that"
    r"|let (?:me|us) know(?: that| to)?|make a note(?: to| that)?|note to self|a reminder to"
    r"|(?:say|call) (?:me )?to) "
)
_TELL_ME = re.compile(r"(?:make sure(?: that)? (?:i|we)(?: don't forget to| do not forget to| remember to)?|tell (?:me|us) to|let (?:me|us) know (?:to|that it's time to)) ")
_COUNT = re.compile(r"(?:time|count down|count) ")
_NOT = re.compile(r"not to |never ")
_QUESTION = re.compile(
    r"(?:who|what|where|how|why|which|whose|when (?:is|was|are|does|did|do)|if) ?"
)
_OF_MEMORY = re.compile(r"of ")
_AGAIN = re.compile(r"again(?: |$)")
_WAKE = re.compile(
    r"(?:wake|get) (?:me|us|\w+) up(?: |$)|wake (?:me|us)(?: |$)"
    r"|(?:i (?:need|want|have)|i'd like) to (?:be woken(?: up)?|wake up|get up)(?: |$)"
    r"|(?:be woken(?: up)?|wake up|get up) (?=at |by |tomorrow |around )"
)
_ALARM = re.compile(
    rf"(?:{_MAKE}{_ME}{_A}{_KIND}(?: (?P<label>(?!alarm|timer|reminder)\w+))? alarm(?: clock)?|alarm)(?: |$)"
)
_WANTED_ALARM = re.compile(
    r"(?:i need|i want|i'd like|need|want|have|get|give me|get me) .*\balarm(?: clock)?$"
)
_TIMER = re.compile(
    rf"(?:{_MAKE}{_ME}{_A} )?(?P<before>(?:[\w.]+ ){{0,6}}?)(?P<timer>timer|countdown)(?P<after>(?: .*)?)$"
)
_CALENDAR = r"(?:(?:the|my|our|your|ann's|mum's|family|shared|work|google|school) )*"
_IN_CALENDAR = re.compile(
    rf"(?:in|on|to|into|onto|for|within) {_CALENDAR}(?P<noun>calendar|calender|diary|agenda|schedule|planner)\b"
)
_PUT = re.compile(
    r"(?:put|add|enter|write|note|mark|save|insert|pencil|place|include|register|log|stick|pop|jot"
    r"|jot down|set|set up|schedule|create|make|book|record|get|plan|new|throw|store|have|write down"
    r"|note down|put down|reserve|block|block out|block off|i want|i need|i'd like)(?: |$)"
)
_AN_EVENT = re.compile(
    rf"(?:{_MAKE}{_ME}{_A}{_KIND} (?P<noun>event|entry|calendar event|calendar entry|appointment|meeting"
    r"|date)|(?:new )?(?:calendar (?:event|entry|appointment)|calendar)"
    r"|new (?P<new>appointment|event|meeting))(?: |$)"
)
_WITH_KIND = re.compile(
    rf"(?:{_MAKE}) (?:(?:a|an|another|the|my|our) )?(?P<what>(?:[\w'’]+ ){{1,4}}?(?:appointment|meeting|event"
    r"|visit|session|party|lesson|class|practice|training|interview|conference))(?: |$)"
)
_THERE_IS = re.compile(
    r"(?:i have|i've got|we have|we've got|there is|there's)(?: (?:a|an|my|our|the))? (?P<what>.+?)"
    r"(?: (?:and|so|can you|could you|would you|you))* (?:add|put|enter|write|note|save)"
    rf" (?:it|that|this) (?:down )?(?:to|in|into|on) {_CALENDAR}(?:calendar|diary|agenda|schedule)"
)
_SCHEDULE = re.compile(
    r"(?:schedule|book|plan|arrange|set up|organi[sz]e|pencil in|block(?: out| off)?|save the date"
    r"|reserve|put down|put in) "
)
_DETERMINED = re.compile(
    r"(?:a|an|the|my|our|another|some|time|in|for|me|us|for me|\d+|two|three|four|five|half|one|on"
    r"|lunch|dinner|breakfast|coffee|drinks|tomorrow|today|monday|tuesday|wednesday|thursday|friday"
    r"|saturday|sunday)\b"
)
_BOUGHT = re.compile(
    r"^(?:(?:a|an|the|my|us|me|some|two|three|four|for me|for us) )*(?:flights?|table|tickets?|hotel"
    r"|taxi|cab|uber|train|seats?|car|trip)\b"
)
_STATES = re.compile(
    r"\b(?:was|were|is|are|has|had|would|will|could|should|might|did|does|isn't|wasn't|been|be)\b"
)
_LEADING = re.compile(
    r"(?:remind|reminding|wake|put|add|schedule|set|create|make|book|enter|note|i have to be reminded"
    r"|don't let me|alert me|notify me|plan|block|tell me to|i need a reminder) "
)


def read_making(request: Request, context: Context) -> Intent | None:
    """What a request wants to be made; None: nothing of that."""
    more: tuple[Atom, ...] = ()
    today = context.now.astimezone(context.zone).date()
    atoms = collect(request.words, 0, len(request.words), today)
    if atoms and atoms[0].start == 0:
        # "tomorrow at five remind me": the time comes first.
        leading = [atoms[0]]
        for atom in atoms[1:]:
            if atom.start == leading[-1].end:
                leading.append(atom)
        end = leading[-1].end
        rest = replace(request, words=request.words[end:])
        if _LEADING.match(rest.plain):
            more = tuple(replace(atom, start=-1, end=-1) for atom in leading)
            request = rest
    return _reminder(request, context, more) or _event(request, context, more)


def _reminder(request: Request, context: Context, more: tuple[Atom, ...]) -> Intent | None:
    plain = request.plain
    if match := _REMIND_ME.match(plain):
        rest = plain[match.end() :]
        if _QUESTION.match(rest) or (not rest and not more) or request.soft:
            return None
        found = reminder(request, request.index(match.end()), context, more=more)
        if found and (_OF_MEMORY.match(rest) or _NOT.match(rest)) and not found.timed:
            return None
        plainly = plain.startswith("remind")
        return found if plainly or (found and found.timed) else None
    if match := _NOT_FORGET.match(plain):
        return reminder(request, request.index(match.end()), context, more=more)
    if match := _A_REMINDER.match(plain):
        bare = match[0].strip() == "reminder"
        start = request.index(match.end())
        if bare and _STATES.search(plain):
            return None
        return reminder(request, start, context, more=more)
    if match := _WAKE.match(plain):
        found = reminder(
            request,
            request.index(match.end()),
            context,
            default="wake up",
            more=more,
            hints="wake",
            loose=True,
        )
        return found if found and found.timed else None
    if (match := _ALARM.match(plain)) and not request.soft and not _WANTED_ALARM.match(plain):
        return _alarm(request, request.index(match.end()), context, more, match["label"])
    if (match := _COUNT.match(plain)) and (measured := length(request.words, match[0].count(" "))):
        return timer(context, measured[0], "timer") if measured[1] == len(request.words) else None
    if (match := _TIMER.match(plain)) and not _STATES.search(plain):
        if found_timer := _timer(request, match, context):
            return found_timer
    if (match := _REMIND_OTHER.match(plain)) and match["who"] not in ("you", "it", "me") and (
        not request.soft
    ):
        start = request.index(match.start("what"))
        return reminder(request, start, context, person=match["who"], more=more)
    strong = _TELL_ME.match(plain)
    if match := strong or (_TO_MIRA.match(plain) if request.addressed else None):
        found = reminder(request, request.index(match.end()), context, more=more)
        return found if found and (found.timed or not strong) else None
    return None


def _alarm(
    request: Request, start: int, context: Context, more: tuple[Atom, ...], label: str | None
) -> Intent | None:
    named = label and label not in ("new", "a", "an", "the", "my", "urgent", "daily")
    number = label and collect(request.words, 0, start, context.now.date(), loose=True)
    if number:  # "set a 7 am alarm" is read from the label on
        start_atoms = tuple(replace(atom, start=-1, end=-1) for atom in number)
        more = (*more, *start_atoms)
    found = reminder(
        request,
        start,
        context,
        default="alarm",
        more=more,
        loose=True,
        hints="alarm",
        needs_time=True,
    )
    if found and found.title == "alarm" and named and not number:
        return CreateReminder(**{**_fields(found), "title": f"{label} alarm"})
    return found


def _fields(found: CreateReminder) -> dict[str, object]:
    return {name: getattr(found, name) for name in found.__struct_fields__}


def _timer(request: Request, match: re.Match[str], context: Context) -> Intent | None:
    making = match.start("before") > 0
    words = request.words
    begin, noun = request.index(match.start("before")), request.index(match.start("timer"))
    for first in range(begin, len(words)):
        measured = length(words, first)
        if measured is None or first <= noun < measured[1]:
            continue
        delta, end = measured
        if first > noun and first - noun > (8 if making and words[noun + 1].text == "for" else 3):
            return None
        label = [w.text for w in words[begin:noun] if w.text not in ("a", "an", "the", "my", "new")]
        if first < noun:
            label = [w.text for w in words[end:noun]]
            label += [w.text for w in words[noun + 1 :]]
        else:
            label += [w.text for w in (*words[noun + 1 : first], *words[end:])]
        if not making and (begin == noun) is False and first > noun and len(label) > 1:
            return None
        named = [
            word for word in label if word not in ("for", "to", "the", "called", "named", "long")
        ]
        title = " ".join(named)
        return timer(
            context,
            delta,
            f"timer: {title}" if len(named) > 1 else f"{title} timer".strip(),
        )
    return None


def _event(request: Request, context: Context, more: tuple[Atom, ...]) -> Intent | None:
    plain = request.plain
    if match := _THERE_IS.fullmatch(plain):
        start, end = request.index(match.start("what")), request.index(match.end("what"))
        before = replace(request, words=request.words[:end])
        return event(before, start, context, default="Event", more=more)
    if (place := _IN_CALENDAR.search(plain)) and (verb := _PUT.match(plain)):
        found = _in_calendar(request, place, verb, context, more)
        if found:
            return found
    if request.soft and not re.search(r"\b(?:calendar|appointment|event)\b", plain):
        return None
    if match := _AN_EVENT.match(plain):
        return _kind_of_event(request, match, context, more)
    if (match := _WITH_KIND.match(plain)) and not _STATES.search(plain):
        start = request.index(match.start("what"))
        return event(request, start, context, default="", more=more)
    if (match := _SCHEDULE.match(plain)) and not _STATES.search(plain):
        rest = plain[match.end() :]
        verb = match[0].strip()
        if not _DETERMINED.match(rest) and verb not in (
            "schedule",
            "arrange",
            "set up",
            "pencil in",
        ):
            return None
        if verb in ("book", "reserve", "arrange") and _BOUGHT.match(rest):
            return None
        return _scheduled(request, request.index(match.end()), context, more)
    return None


def _scheduled(
    request: Request, start: int, context: Context, more: tuple[Atom, ...]
) -> CreateEvent | None:
    measured = length(request.words, start)
    if measured and measured[1] < len(request.words):
        # "block two hours on thursday for studying"
        atom = Atom(-1, -1, duration=measured[0])
        return event(request, measured[1], context, default="", more=(*more, atom))
    words = request.words
    while start < len(words) and words[start].text in ("a", "an", "me", "us", "another", "some"):
        start += 1
    found = event(request, start, context, default="", more=more)
    return found if found and found.title else None


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
    while start < where[0] and words[start].text in (
        "a",
        "an",
        "it",
        "down",
        "in",
        "that",
        "event",
        "me",
    ):
        start += 1
    dropped = [where]
    for index in range(start, len(words)):
        if words[index].text in ("event", "entry") and index <= start + 2 and index < where[0]:
            dropped.append((start, index + 1))
            break
    if where[1] < len(words) and words[where[1]].text in ("that", "as", "a", "an", "called", "for"):
        if words[where[1]].text in ("that", "as", "called"):
            dropped.append((where[1], where[1] + 1))
    strong = place["noun"] in ("calendar", "calender")
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


_NAMES = re.compile(r"(?:called|named|titled|entitled|labell?ed|about|to|that|saying)(?: |$)")


def _kind_of_event(
    request: Request, match: re.Match[str], context: Context, more: tuple[Atom, ...]
) -> CreateEvent | None:
    noun = match["noun"] or match["new"] or "event"
    start = request.index(match.end())
    if not match["noun"] and not match["new"] and _STATES.search(request.plain):
        return None
    body = read_body(request, start, context, event=True, more=more)
    if not body.parts.tells_when:
        return None
    rest = request.plain[match.end() :]
    noun = noun.removeprefix("calendar ")
    prefix = ""
    joined = re.search(r"\bwith\b", rest)
    if noun in ("appointment", "meeting", "date") and not _NAMES.search(rest):
        first = body.title.lower().split(" ")[:1]
        if (
            not body.title
            or first in (["with"], ["at"], ["between"])
            or (joined and first == ["with"])
        ):
            prefix = noun
    found = event(request, start, context, default="Event", more=more, prefix=prefix)
    if found and found.title == "Event" and noun != "event":
        return CreateEvent(
            **{**{n: getattr(found, n) for n in found.__struct_fields__}, "title": noun}
        )
    return found
