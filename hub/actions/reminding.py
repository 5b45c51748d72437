"""The words with which people ask for a reminder, an alarm or a timer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace as dataclass_replace

from msgspec.structs import replace

from hub.actions.atom import Atom
from hub.actions.atoms import collect
from hub.actions.clocks import clock, length
from hub.actions.intents import Intent
from hub.actions.makers import KIND, MAKE, ME, ON, STATES, A
from hub.actions.making import UNNAMED, Context, reminder, timer
from hub.actions.openings import Request
from hub.actions.words import Word, at, listed

_REMIND_ME = re.compile(
    r"(?:(?:remind|remember|reminding|alert|notify|nudge|ping|prompt|prod|buzz)"
    r" (?:(?:me|us)(?: all| both)?|myself)"
    r"|(?:give|send|shoot) (?:me|us) (?:a|another) (?:\w+ )?"
    r"(?:nudge|shout|ping|buzz|poke|prod|kick|prompt|heads ?up|notification|alert|note))(?: |$)"
)
_REMIND_OTHER = re.compile(
    r"(?:remind|reminding) (?P<who>(?:(?:my|our|the) )?\w+(?: and \w+)?(?: \w+)?)"
    r" (?P<what>to|that|about)(?: |$)"
)
_A_REMINDER = re.compile(
    rf"(?:(?:{MAKE}|have){ME}{A}{KIND} (?:reminders?|tasks?|to ?do){ON}(?: for (?:me|us|myself))?"
    r"|reminder(?: for (?:me|us|myself))?|a (?:\w+ )?reminder(?= (?:for|at|in|on) ))(?: |$)"
)
_ON_LIST = re.compile(
    r"(?:add|put) (?P<what>.+?) (?:to|on|in|into) (?:the|my|our) (?P<list>reminders?(?: list)?)"
    r"(?: |$)"
)
_RUNNING = re.compile(r"(?:resume|pause|restart|reset|check|show|see|hold|is|has|my|the|that) ")
_ARTICLES = listed("a an the my new another")
_UNNAMING = listed("for to the called named long on set of")
_NOBODY = listed("you it me yourself yourselves himself herself themselves")
_NOT_FORGET = re.compile(
    r"(?:(?:don't|do not|never) let (?:me|us) (?:forget|miss)(?: to| that| about)?"
    r"|(?:help|make) (?:me|us) remember(?: to| that| about)?"
    r"|make (?:me|us) (?:a )?note to"
    r"|(?:be reminded|(?:i want|i need|i'd like) reminding)(?: to| that| about| of)?"
    r"|make (?:a )?note to remind me(?: to)?) "
)
_THEN_REMIND = re.compile(r" remind (?:me|us)\b")
"""Then it is that which is asked for."""
_TO_MIRA = re.compile(
    r"(?:(?:don't|do not) forget to|remember to|remember that|tell (?:me|us) to|tell me that"
    r"|let (?:me|us) know(?: that| to)?|make a note(?: to| that)?|note to self|a reminder to"
    r"|(?:say|call) (?:me )?to) "
)
_TELL_ME = re.compile(
    r"(?:make sure(?: that)? (?:i|we)(?: don't forget to| do not forget to| remember to)?"
    r"|tell (?:me|us) (?:to|that(?= (?:i|we|i've|we've|it's) ))"
    r"|(?:make|take) a note(?: to| that)|let (?:me|us) know (?:to|that(?= it's time to))) "
)
_COUNT = re.compile(r"(?:time(?: me)?(?: for)?|count(?: down)?(?: from)?) ")
_UP = re.compile(
    r"(?:(?:tell|alert|notify|warn) (?:me|us)|let (?:me|us) know) (?:when|once|as soon as)"
    r" (?P<it>.+) (?:is|are|has|have) (?:up|over|passed|gone(?: by)?|elapsed)"
)
_NOT = re.compile(r"not to |.*\bnever ")
_QUESTION = re.compile(
    r"(?:again )?(?:who|what|where|how|why|which|whose|when (?:is|was|are|does|did|do)|if) ?"
)
_OF_MEMORY = re.compile(r"of ")
_WAKE = re.compile(
    r"(?:wake|get) (?:me|us|\w+) up(?: |$)|wake (?:me|us)(?: |$)"
    r"|(?:i (?:need|want|have)|i'd like) to (?:be woken(?: up)?|wake up|get up)(?: |$)"
    r"|(?:be woken(?: up)?|wake up|get up) (?=at |by |tomorrow |around )"
)
_ALARM = re.compile(
    rf"(?:{MAKE}{ME}{A}{KIND}(?: (?P<label>(?:(?!alarm|timer|reminder)[\w:']+ ?){{1,4}}?))?"
    r" alarm(?: clock)?(?: to)?(?: ring| go off| on| up)?|alarm(?: me| us)?"
    r"|ring (?:the|my|an) alarm)(?: |$)"
)
_WANTED_ALARM = re.compile(
    r"(?:i need|i want|i'd like|need|want|have|get|give me|get me) .*\balarm(?: clock)?$"
)
_TIMER = re.compile(
    rf"(?:{MAKE}{ME}{A} )?(?P<before>(?:[\w.]+ ){{0,6}}?)(?P<timer>timer|countdown)(?: .*)?$"
)


def read_reminding(request: Request, context: Context, more: tuple[Atom, ...]) -> Intent | None:
    """The reminder, alarm or timer that a request wants; None: none.

    Args:
        request: as it was said.
        context: when and where.
        more: what was said of the time before the request.
    """
    plain = request.plain
    if match := _REMIND_ME.match(plain):
        rest = plain[match.end() :]
        if _QUESTION.match(rest) or (not rest and not more) or request.soft:
            return None
        found = reminder(request, request.index(match.end()), context, more=more)
        if found and (_OF_MEMORY.match(rest) or _NOT.match(rest)) and not found.timed:
            return None
        if not plain.startswith("remind") and not (
            found and found.timed and found.title != UNNAMED
        ):
            return None
        return found
    if (match := _NOT_FORGET.match(plain)) and not _THEN_REMIND.search(plain):
        return reminder(request, request.index(match.end()), context, more=more)
    if match := _A_REMINDER.match(plain):
        bare = match[0].startswith(("reminder", "a "))
        start = request.index(match.end())
        if bare and STATES.search(plain):
            return None
        if plain.startswith("a ") and not _begins_with_time(request, start, context):
            return None
        # "a reminder for eleven fifteen": a bare number there is a time.
        loose = at(request.words, start) == "for"
        return reminder(request, start, context, more=more, loose=loose)
    if match := _ON_LIST.match(plain):
        start, behind = request.index(match.start("what")), request.index(match.end("what"))
        words = [*request.words[:behind], *request.words[request.index(match.end("list")) :]]
        return reminder(dataclass_replace(request, words=words), start, context, more=more)
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
    if (match := _UP.fullmatch(plain)) and (
        measured := length(request.words, request.index(match.start("it")))
    ):
        whole = measured[1] == request.index(match.end("it"))
        return timer(context, measured[0], "timer") if whole else None
    if (match := _TIMER.match(plain)) and not STATES.search(plain):
        return _timer(request, match, context)
    if (match := _REMIND_OTHER.match(plain)) and match["who"] not in _NOBODY and (not request.soft):
        start = request.index(match.start("what"))
        found = reminder(request, start, context, person=match["who"], more=more)
        # "remind Tom to bring the tent" is said to people, too.
        return found if found and (found.timed or request.addressed) else None
    strong = _TELL_ME.match(plain)
    if match := strong or (_TO_MIRA.match(plain) if request.addressed else None):
        found = reminder(request, request.index(match.end()), context, more=more)
        return found if found and (found.timed or not strong) else None
    return None


def _begins_with_time(request: Request, start: int, context: Context) -> bool:
    words, today = request.words, context.now.astimezone(context.zone).date()
    atoms = collect(words, start, len(words), today, loose=True)
    return bool(atoms) and atoms[0].start == start


def _alarm(
    request: Request, start: int, context: Context, more: tuple[Atom, ...], label: str | None
) -> Intent | None:
    bare = None if length(request.words, start) else clock(request.words, start)
    if bare and not bare[0].clear:  # new alarm six thirty
        start, more = bare[1], (*more, Atom(-1, -1, clock=bare[0]))
    named = label and label not in ("new", "a", "an", "the", "my", "urgent", "daily")
    at_label = next((n for n in range(start) if label and clock(request.words, n)), None)
    number = clock(request.words, at_label) if at_label is not None else None
    if number:  # "set a 7 am alarm"
        more = (*more, Atom(-1, -1, clock=number[0]))
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
    if (
        found
        and not found.timed
        and (request.plain.startswith(("alarm", "ring")) or request.vocative)
    ):
        return None
    if found and found.title == "alarm" and named and not number:
        return replace(found, title=f"{label} alarm".replace("  ", " "))
    return found


def _named(label: Sequence[Word]) -> str:
    """The words of a timer's label that name it."""
    return " ".join(word.text for word in label if word.text not in _UNNAMING)


def _timer(request: Request, match: re.Match[str], context: Context) -> Intent | None:
    making = match.start("before") > 0
    if _RUNNING.match(request.plain):
        return None
    words = request.words
    begin, noun = request.index(match.start("before")), request.index(match.start("timer"))
    for first in range(begin, len(words)):
        measured = length(words, first)
        if measured is None or first <= noun < measured[1]:
            continue
        delta, end = measured
        if first > noun and first - noun > (
            8 if making and words[noun + 1].text in ("for", "to") else 5
        ):
            return None
        if first < noun:
            before, after = words[end:noun], words[noun + 1 :]
        else:
            before = [word for word in words[begin:noun] if word.text not in _ARTICLES]
            after = [*words[noun + 1 : first], *words[end:]]
        if not making and begin != noun and first > noun and len(before) + len(after) > 1:
            return None
        kind, purpose = _named(before), _named(after)
        return timer(context, delta, purpose or f"{kind} timer".strip())
    return None
