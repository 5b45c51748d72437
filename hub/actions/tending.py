"""Requests about what is there already: cancelling, completing, moving, minding it more."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from hub.actions.atoms import Atom, collect
from hub.actions.clocks import length
from hub.actions.days import WEEKDAYS, Day, coming, day
from hub.actions.intents import Cancel, Complete, Intent, Move, Priority, SetPriority, What
from hub.actions.making import LONGEST_TITLE, Context
from hub.actions.moments import Parts, choose, resolve
from hub.actions.openings import Request
from hub.actions.words import at

_THAT = r"(?:that|it|this|that one|this one|the last one|the last|the latest one|the previous one)"
_THING = r"(?:reminder|event|appointment|alarm|timer|meeting|entry|action|thing|one|task|request)"
_LATEST = re.compile(
    rf"(?:{_THAT}|(?:the|my|our) (?:last|latest|previous|most recent|newest)(?: {_THING})?"
    rf"|(?:that|this)(?: last)? {_THING})"
)
_CANCEL_LAST = re.compile(
    r"(?:(?:cancel|undo|scratch|revert|discard|delete|remove|forget|forget about|dismiss|take back"
    r"|erase|drop|scrap) (?P<it>.+)|never ?mind(?: (?:that|it|about that|about it))?|undo|cancel"
    r"|take that back|i changed my mind|i've changed my mind)"
)
_CANCEL = re.compile(
    r"(?P<verb>cancel|delete|remove|erase|drop|clear|dismiss|scrap|call off|get rid of|forget|undo"
    r"|turn off|switch off|stop|disable|discard|take|kill|strike) (?P<what>.+)"
)
_NO_NEED = re.compile(
    r"(?:i|we) (?:don't need|do not need|no longer need|don't want|do not want) (?P<what>.+?)"
    r"(?: (?:anymore|any more|any longer))?"
)
_FROM_CALENDAR = re.compile(
    r" (?:from|off|in|on|out of) (?:(?:the|my|our|family) )*(?:calendar|diary|agenda|schedule|planner)$"
)
_REMINDERS = re.compile(r"\b(?:reminders?|alarms?|timers?)\b")
_EVENTS = re.compile(
    r"\b(?:appointments?|meetings?|events?|calendar|entry|entries|lesson|class|practice|party)\b"
)
_OTHER = re.compile(
    r"\b(?:subscription|order|flight|membership|account|noise|contract|service|download|music|song"
    r"|playlist|tv|light|lights|heating|radio|culture|call|internet|video|light|trash|table|dishes"
    r"|shopping|photo|photos|file|app|message|email|plan|insurance|card|trip)\b"
)
_COMPLETE = re.compile(
    r"(?:(?:mark|set|flag|tick|check|record) (?P<a>.+?) (?:as|to|as being) (?:done|complete|completed"
    r"|finished|checked|checked off)|mark (?P<b>.+?) (?:done|complete|completed|finished|off)"
    r"|(?:check|tick|cross|strike|mark) off (?P<c>.+?)|(?:check|tick|cross|strike) (?P<d>.+?) off"
    r"|(?:complete|finish) (?P<e>.*\b(?:reminder|task)\b.*))"
    r"(?: (?:(?:off|of|from|on) )?(?:the|my|our) (?:to ?do |reminder )?list)?"
)
_MOVE = re.compile(
    r"(?:move|reschedule|shift|postpone|change|push|delay|bring|switch|put off|defer|rebook|update"
    r"|adjust|make|set|put) (?P<rest>.+)"
)
_SNOOZE = re.compile(r"(?:snooze|remind (?:me|us) again)(?P<rest>.*)")
_SHIFT = re.compile(
    r"(?: ?\b(?P<way>back|forward|forwards|ahead|up|out|earlier|later))? ?(?:\bby)?$"
)
_IS = re.compile(r"\b(?:is|was|has|are|were|got|had|gets|will|would|sure)\b")
_LEVEL = (
    r"(?:a |an |very |really |of )?(?P<level>urgent|important|high|low|medium|normal|top|highest"
    r"|critical|unimportant)(?: (?:priority|importance))?"
)
_PRIORITIES: dict[str, Priority] = {
    "urgent": "urgent",
    "critical": "urgent",
    "top": "urgent",
    "highest": "urgent",
    "important": "high",
    "high": "high",
    "low": "low",
    "unimportant": "low",
    "medium": "medium",
    "normal": "medium",
}
_PRIORITY = (
    re.compile(
        r"(?:set|change|raise|lower|make|put) (?:the |its )?priority(?: (?:of|for|on) (?P<x>.+?))?"
        rf" (?:to|as) {_LEVEL}"
    ),
    re.compile(rf"(?:make|mark|flag|set|treat) (?P<x>.+?) (?:as |to |at |to be |with )?{_LEVEL}"),
    re.compile(r"(?P<up>raise|increase|lower|decrease) the priority (?:of|for) (?P<x>.+)"),
    re.compile(r"(?P<up>prioriti[sz]e) (?P<x>.+)"),
)
_OWN = r"(?:(?:the|my|our|his|her|that|this|a|an|all|all of|both|your|any) )*"


@dataclass(frozen=True)
class Named:
    """What is meant."""

    target: str | None
    what: What | None = None
    on: date | None = None
    at: time | None = None
    certain: bool = False
    many: bool = False


def read_tending(request: Request, context: Context) -> Intent | None:
    """What a request wants to be done to what is there; None: nothing of that."""
    return (
        _cancel_last(request)
        or _complete(request, context)
        or _priority(request, context)
        or _snooze(request, context)
        or _move(request, context)
        or _cancel(request, context)
    )


def _cancel_last(request: Request) -> Intent | None:
    match = _CANCEL_LAST.fullmatch(request.plain)
    if match is None or request.soft:
        return None
    if match["it"] and not _LATEST.fullmatch(match["it"]):
        return None
    return Cancel(what=_what(match["it"] or ""))


def _what(plain: str) -> What | None:
    if _REMINDERS.search(plain):
        return "reminder"
    return "event" if _EVENTS.search(plain) else None


def _named(request: Request, start: int, end: int, context: Context) -> Named | None:
    """What words mean: the latest, or something that is called so."""
    words = request.words[start:end]
    plain = " ".join(word.text for word in words)
    if _LATEST.fullmatch(plain):
        return Named(None, _what(plain), certain=bool(_what(plain)))
    what, certain = _what(plain), bool(_what(plain))
    on_calendar = _FROM_CALENDAR.search(plain)
    if on_calendar:
        what, certain = "event", True
        words = words[: len(words) - on_calendar[0].count(" ")]
    today = context.now.astimezone(context.zone).date()
    found: date | None = None
    kept = [True] * len(words)
    for index, word in enumerate(words):  # tomorrow's meeting, friday's lunch
        if word.text.endswith("'s"):
            name = word.text.removesuffix("'s")
            near = {"today": today, "tonight": today}.get(name)
            if name in WEEKDAYS:
                near = coming(today, WEEKDAYS[name])
            elif name == "tomorrow" and (tomorrow := day([_renamed(word, name)], 0, today)):
                near = tomorrow[0].date
            if near:
                found, kept[index] = near, False
    atoms = collect(words, 0, len(words), today)
    said_at: time | None = None
    clocked = bool(re.search(r"\b(?:alarms?|timers?)\b", plain))
    if what != "reminder" or clocked or any(atom.day for atom in atoms):
        for atom in atoms:
            inside = atom.start > 0 and words[atom.start].text not in ("to", "that")
            if (atom.day or atom.clock or atom.part) and (inside or atom.start == 0):
                if atom.day:
                    found = found or atom.day.date
                if atom.clock:
                    said_at = _likely(atom, context, plain)
                kept[atom.start : atom.end] = [False] * (atom.end - atom.start)
    left = [index for index, keep in enumerate(kept) if keep]
    while True:
        text = " ".join(words[index].text for index in left)
        if match := re.match(
            rf"{_OWN}(?:reminders?|event|entry|task)(?: (?:to|for|about|that|of|called|named))?(?: |$)|(?:the|my|our|his|her|that|this|a|an|to|for|all|both|your|any)(?: |$)",
            text,
        ):
            gone = len(match[0].split())
            left = left[gone:]
        elif match := re.search(
            r"(?:^| )(?:reminders?|event|entry|task|on|at|for|to|from|by|in|until)$", text
        ):
            left = left[:-1]
        else:
            break
    many = bool(re.search(r"\b(?:all|every|everything|both)\b", plain)) or bool(
        re.search(r"\b(?:reminders|alarms|timers|appointments|meetings|events)\b", plain)
    )
    pieces = [False] * len(request.words)
    for index in left:
        pieces[start + index] = True
    title = request.title(pieces)[:LONGEST_TITLE].strip()
    if not title:
        return Named(None, what, found, said_at, certain, many) if certain or many else None
    return Named(title, what, found, said_at, certain, many)


def _renamed(word: object, text: str):  # type: ignore[no-untyped-def]
    from dataclasses import replace

    return replace(word, text=text)  # type: ignore[type-var]


def _likely(atom: Atom, context: Context, plain: str) -> time | None:
    """The time of day at which something is that is named by it."""
    tomorrow = Day(_today(context) + timedelta(days=1))
    parts = Parts(clock=atom.clock, day=tomorrow)
    moment = resolve(parts, context.now, context.zone, plain.split(), event=False)
    return _clock(moment.at.astimezone(context.zone)) if moment.at else None


def _cancel(request: Request, context: Context) -> Intent | None:
    match = _CANCEL.fullmatch(request.plain) or _NO_NEED.fullmatch(request.plain)
    if match is None:
        return None
    verb, plain = match.groupdict().get("verb") or "delete", match["what"]
    start, end = request.index(match.start("what")), request.index(match.end("what"))
    if re.match(r"(?:a|an|any|another|to)\b", plain):
        return None
    if plain.endswith(" off") and verb in ("turn", "switch"):
        end -= 1
    named = _named(request, start, end, context)
    if named is None or _IS.search(plain):
        return None
    determined = re.match(_OWN, plain)
    owned = bool(determined and determined[0]) or at(request.words, start).endswith("'s")
    if not named.certain:
        if verb not in ("cancel", "call off", "scrap") or _OTHER.search(plain) or request.soft:
            return None
        if not owned and not re.search(r"\bwith\b", plain) and named.on is None:
            return None
        if len((named.target or "").split()) > 8:
            return None
    if verb in ("take", "strike") and not _FROM_CALENDAR.search(plain):
        return None
    if verb in ("stop", "turn off", "switch off", "disable", "kill", "dismiss") and (
        named.what != "reminder"
    ):
        return None
    if verb in ("forget", "undo", "drop", "clear") and not named.certain:
        return None
    if named.many:
        return Cancel(target=named.target, what=named.what, certain=True, problem="unsupported")
    return Cancel(target=named.target, what=named.what, on=named.on, at=named.at, certain=named.certain)


def _complete(request: Request, context: Context) -> Intent | None:
    match = _COMPLETE.fullmatch(request.plain)
    if match is None or request.soft:
        return None
    group = next(name for name in "abcde" if match[name] is not None)
    if _IS.match(match[group]):
        return None
    start, end = request.index(match.start(group)), request.index(match.end(group))
    named = _named(request, start, end, context)
    if named is None:
        return None
    return Complete(target=named.target, what=named.what, on=named.on, at=named.at, certain=True)


def _priority(request: Request, context: Context) -> Intent | None:
    for pattern in _PRIORITY:
        match = pattern.fullmatch(request.plain)
        if match is None:
            continue
        groups = match.groupdict()
        if "up" in groups:
            level: Priority = "low" if groups["up"] in ("lower", "decrease") else "high"
        else:
            level = _PRIORITIES[groups["level"]]
        if groups.get("x") is None:
            return SetPriority(priority=level, certain=True)
        if _IS.search(groups["x"]):
            return None
        start, end = request.index(match.start("x")), request.index(match.end("x"))
        named = _named(request, start, end, context)
        if named is None or (len((named.target or "").split()) > 8):
            return None
        return SetPriority(
            target=named.target,
            what=named.what,
            on=named.on, at=named.at,
            priority=level,
            certain=named.certain,
        )
    return None


def _snooze(request: Request, context: Context) -> Intent | None:
    match = _SNOOZE.fullmatch(request.plain)
    if match is None:
        return None
    start = 1 if match[0].startswith("snooze") else 3
    atoms = collect(request.words, start, len(request.words), _today(context), loose=True)
    for index in range(start, len(request.words)):
        if measured := length(request.words, index):
            atoms = (Atom(index, measured[1], delta=measured[0]),)
            break
    parts, _ = choose(atoms, request.words, start, durations=True)
    if not parts.tells_when:
        if start == 3 or (match["rest"] and not _LATEST.fullmatch(match["rest"].strip())):
            return None
        from dateutil.relativedelta import relativedelta

        parts, _ = choose(
            (Atom(0, 1, delta=relativedelta(minutes=10)),), request.words, 0, durations=True
        )
    moment = resolve(parts, context.now, context.zone, (), event=False)
    if moment.at is None:
        return Move(certain=True, problem="past")
    local = moment.at.astimezone(context.zone)
    return Move(date=local.date(), time=_clock(local), certain=True)


def _today(context: Context) -> date:
    return context.now.astimezone(context.zone).date()


def _clock(local: datetime) -> time:
    return local.time().replace(second=0, microsecond=0)


def _move(request: Request, context: Context) -> Intent | None:
    match = _MOVE.fullmatch(request.plain)
    if match is None or request.soft:
        return None
    words, verb = request.words, match[0].split(" ", 1)[0]
    start = request.index(match.start("rest"))
    if shifted := _shift(request, start, verb, context):
        return shifted
    # "to friday at ten" rather than "at ten"; "to a quarter to five" rather than "to five".
    splits = sorted(
        range(start + 1, len(words)), key=lambda n: words[n].text not in ("to", "until", "till")
    )
    for split in splits:
        joint = words[split].text
        direct = verb == "make" and split == start + 1
        if joint not in ("to", "until", "till", "for", "on", "at") and not direct:
            continue
        behind = split if direct or joint in ("at", "on") else split + 1
        if direct and joint in ("to", "for"):
            behind = split + 1
        atoms = collect(words, behind, len(words), _today(context), loose=True)
        # A bare hour behind "to" is a time of day.
        if not atoms or atoms[0].start != behind:
            atoms = collect(words, behind - 1, len(words), _today(context), loose=True)
            if not atoms or atoms[0].start < behind - 1 or atoms[0].start > behind:
                continue
        if any(
            words[index].text not in ("instead", "and", "then", "rather", "sharp", "now")
            for index in range(atoms[-1].end, len(words))
        ):
            continue
        end = _without_from(request, start, split if not direct else start + 1)
        end = _to_next(words, end)
        if end <= start:
            continue
        named = _named(request, start, end, context)
        if named is None or _IS.search(request.plain[len(verb) :].split(" to ")[0]):
            return None
        if verb in ("make", "set", "put") and named.target is not None:
            return None
        if verb in ("set", "put", "switch") and not (
            any(atom.day or (atom.clock and atom.clock.clear) or atom.delta for atom in atoms)
        ):
            return None  # set it to ten
        clear = any(atom.day or (atom.clock and atom.clock.clear) or atom.delta for atom in atoms)
        if verb not in ("move", "reschedule", "postpone", "put") and not named.certain and (
            named.target is not None and not clear
        ):
            return None  # change the channel to seven
        if (
            joint in ("on", "at", "for")
            and verb in ("put", "set", "bring", "make")
            and named.target
        ):
            return None
        return _moved(named, atoms, request, behind, context)
    return None


def _to_next(words: object, end: int) -> int:
    return end


def _without_from(request: Request, start: int, end: int) -> int:
    """Leaves out where something moves from: `the dentist from thursday`."""
    for index in range(start + 1, end):
        if request.words[index].text == "from":
            return index
    return end


def _moved(
    named: Named, atoms: tuple[Atom, ...], request: Request, start: int, context: Context
) -> Intent | None:
    parts, used = choose(atoms, request.words, start, durations=False)
    if not used:
        return None
    hints = (named.target or "").lower().split()
    moment = resolve(parts, context.now, context.zone, hints, event=False)
    if moment.at is None:
        return Move(target=named.target, what=named.what, certain=named.certain, problem="past")
    local = moment.at.astimezone(context.zone)
    days = bool(parts.day or parts.delta)
    times = bool(parts.clock or parts.part or parts.hour is not None)
    if parts.delta is not None and (parts.delta.hours or parts.delta.minutes):
        times = True
    return Move(
        target=named.target,
        what=named.what,
        on=named.on,
        at=named.at,
        certain=named.certain,
        date=local.date() if days else None,
        time=_clock(local) if times else None,
    )


def _shift(request: Request, start: int, verb: str, context: Context) -> Intent | None:
    """`push the meeting back by half an hour`, `make it an hour later`."""
    words = request.words
    for index in range(start, len(words)):
        measured = length(words, index)
        if measured is None:
            continue
        delta, end = measured
        after = [word.text for word in words[end:]]
        before = " ".join(word.text for word in words[start:index])
        match = _SHIFT.search(before)
        way = match["way"] if match else None
        by = before.endswith("by") or before == "by"
        if after in (["later"], ["earlier"], ["back"], ["forward"], ["ahead"], ["up"]):
            way = after[0]
        elif after:
            return None
        if not (way or by):
            return None
        cut = len(before[: match.start()].split()) if match and match[0] else len(before.split())
        named = _named(request, start, start + cut, context)
        if way in ("back", "forward", "forwards") and cut == 0:
            named = _named(request, start + 1, index - by, context)
        if named is None:
            return None
        seconds = (
            delta.hours * 60
            + delta.minutes
            + (delta.days + 30 * delta.months + 365 * delta.years) * 1440
        )
        earlier = way in ("earlier", "forward", "forwards", "ahead", "up") and verb != "postpone"
        if not seconds or abs(seconds) > 525_600:
            return None
        return Move(
            target=named.target,
            what=named.what,
            on=named.on,
            at=named.at,
            certain=named.certain,
            shift_min=-seconds if earlier else seconds,
        )
    return None
