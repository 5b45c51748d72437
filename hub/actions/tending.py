"""Requests about what is there already: cancelling, completing, moving, minding it more."""

from __future__ import annotations

import re
from dataclasses import replace

from hub.actions.grammar import said
from hub.actions.intents import Cancel, Complete, Intent, Priority, SetPriority
from hub.actions.making import Context
from hub.actions.moving import read_moving
from hub.actions.naming import IS, LATEST, OUR_CALENDAR, OWN, named, what_of
from hub.actions.openings import Request
from hub.actions.words import at

_SILENCE = frozenset({"stop", "turn off", "switch off", "disable", "kill", "dismiss", "silence"})
_CANCELLING = frozenset({"cancel", "scrap", "scratch", "call off"})
"""What is done to what is in the calendar even where nobody says what it is."""
LONGEST_NAME = 8
"""Words; what is called by more is no reminder."""
_CANCEL_LAST = re.compile(
    r"(?:(?:cancel|undo|scratch|revert|discard|delete|remove|forget|forget about|ignore|dismiss"
    r"|take back|erase|drop|scrap) (?P<it>.+)|undo|cancel"
    r"|never ?mind(?: (?:that|it|about that|about it|(?:that|the) reminder))?"
    r"|take that back|i changed my mind|i've changed my mind)"
)
_CANCEL = re.compile(
    r"(?P<verb>cancel|delete|remove|erase|drop|clear|dismiss|scrap|call off|get rid of|undo"
    r"|forget(?: about)?|never ?mind(?: about)?"
    r"|turn off|switch off|stop|disable|discard|take|kill|strike|skip|scratch|silence"
    r"|get|wipe|throw) (?P<what>.+)"
)
_STOP_REMINDING = re.compile(
    r"(?:(?:stop|quit) reminding (?:me|us) (?:to|about|of) (?P<a>.+?)"
    r"|don't remind (?:me|us) (?:to|about|of) (?P<b>.+?) (?:any ?more|again))(?: any ?more)?"
)
_TURN_OFF = re.compile(r"(?:turn|switch) (?P<what>.+) off")
_NO_NEED = re.compile(
    r"(?:i|we) (?:don't need|do not need|no longer need|don't want|do not want)"
    r" (?P<what>(?:the|my|our|that|this|your|any)\b.*?)"
    r"(?: (?:anymore|any more|any longer))?"
)
_AWAY = re.compile(rf" (?:from|off|out of) {OUR_CALENDAR}\b")
_OTHER = re.compile(
    r"\b(?:subscription|search|order|flight|membership|account|noise|contract|service|download|music|song"
    r"|playlist|tv|light|lights|heating|radio|culture|call|internet|video|light|trash|table|dishes"
    r"|shopping|photo|photos|file|app|message|email|plan|insurance|card|trip)\b"
)
_REASON = re.compile(
    r"(?:(?:i|we|he|she|they|it|that|there|you)(?:'s|'ve|'m|'re|'d|'ll)?|because|since|as) "
    r"|(?:i|we|he|she|they|it|that|there)(?:'s|'ve|'m|'re)$|(?:no|not) (?!to )"
)
_COMPLETE = re.compile(
    r"(?:(?:mark|set|flag|tick|check|record) (?P<a>.+?) (?:as|to|as being)"
    r" (?:done|complete|completed|finished|checked|checked off)"
    r"|mark (?P<b>.+?) (?:done|complete|completed|finished|off)"
    r"|(?:check|tick|cross|strike|mark) off (?P<c>.+?)|(?:check|tick|cross|strike) (?P<d>.+?) off"
    r"|(?:complete|finish) (?P<e>.*\b(?:reminder|task)\b.*)"
    r"|(?P<f>(?:the|my) (?:(?:reminder|task) .+|.+ (?:reminder|task))) is"
    r" (?:done|completed?|finished))"
    r"(?: (?:(?:off|of|from|on) )?(?:the|my|our) (?:to ?do |reminder )?list)?"
    r"(?: (?:i|we|it|that)(?:'ve| have|'s| is| has|'s been)? (?:\w+ )?(?:paid|done|did|sent|bought"
    r"|called|finished|taken|made|sorted|handled)(?: (?:it|that|them|care of))?)?"
)
_LEVEL = (
    r"(?:a |an |very |really |more |of )?(?P<less>not |less )?(?P<level>urgent|important|high"
    r"|low|medium|normal|top|highest|critical|unimportant)(?: (?:priority|importance))?"
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
    re.compile(
        rf"(?:make|mark|flag|set|treat|give|bump|upgrade) (?P<x>.+?)"
        rf" (?:(?:up|down) )?(?:as |to |at |to be |with )?{_LEVEL}"
    ),
    re.compile(rf"(?:put|set|give) (?:a )?{_LEVEL} (?:on|to|for) (?P<x>.+)"),
    re.compile(rf"(?:put|set|keep|leave) (?P<x>.+) (?:on|at|to|in) {_LEVEL}"),
    re.compile(r"(?P<up>raise|increase|lower|decrease) the priority (?:of|for) (?P<x>.+)"),
    re.compile(r"(?P<up>prioriti[sz]e) (?P<x>.+)"),
)


def read_tending(request: Request, context: Context) -> Intent | None:
    """What a request wants to be done to what is there; None: nothing of that."""
    request = _without_reason(request)
    return (
        _cancel_last(request)
        or _complete(request, context)
        or _priority(request, context)
        or read_moving(request, context)
        or _cancel(request, context)
    )


def _without_reason(request: Request) -> Request:
    """`scrap the piano lesson tomorrow, she's ill` without why."""
    for index, word in enumerate(request.words):
        if index and word.pause and _REASON.match(said(request.words, index, index + 3)):
            return replace(request, words=request.words[:index])
    return request


def _cancel_last(request: Request) -> Intent | None:
    match = _CANCEL_LAST.fullmatch(request.plain)
    if match is None or request.soft:
        return None
    if match["it"] and not LATEST.fullmatch(match["it"]):
        return None
    return Cancel(what=what_of(match["it"] or ""))


def _cancel(request: Request, context: Context) -> Intent | None:
    if match := _STOP_REMINDING.fullmatch(request.plain):
        group = "a" if match["a"] else "b"
        start, end = request.index(match.start(group)), request.index(match.end(group))
        meant = named(request, start, end, context)
        return Cancel(target=meant.target, what="reminder") if meant else None
    match = _TURN_OFF.fullmatch(request.plain) or _CANCEL.fullmatch(request.plain)
    match = match or _NO_NEED.fullmatch(request.plain)
    if match is None:
        return None
    turned = match.re is _TURN_OFF
    verb = "turn off" if turned else match.groupdict().get("verb") or "delete"
    plain = match["what"]
    start, end = request.index(match.start("what")), request.index(match.end("what"))
    if re.match(r"(?:a|an|any|another|to)\b", plain):
        return None
    meant = named(request, start, end, context)
    if meant is None or IS.search(plain):
        return None
    determined = re.match(OWN, plain)
    owned = bool(determined and determined[0]) or at(request.words, start).endswith("'s")
    if not meant.certain:
        if verb not in _CANCELLING or _OTHER.search(plain) or request.soft:
            return None
        if not owned and not re.search(r"\bwith\b", plain) and meant.on is None:
            return None
        if len((meant.target or "").split()) > LONGEST_NAME:
            return None
    if verb in ("take", "strike", "get", "wipe", "throw") and not _AWAY.search(plain):
        return None
    if verb in _SILENCE and (meant.what != "reminder" or re.match(r"\w+ing\b", plain)):
        return None
    if meant.many:
        return Cancel(target=meant.target, what=meant.what, certain=True, problem="unsupported")
    return Cancel(
        target=meant.target, what=meant.what, on=meant.on, at=meant.at, certain=meant.certain
    )


def _complete(request: Request, context: Context) -> Intent | None:
    match = _COMPLETE.fullmatch(request.plain)
    if match is None or request.soft:
        return None
    group = next(name for name in "abcdef" if match[name] is not None)
    if IS.match(match[group]):
        return None
    start, end = request.index(match.start(group)), request.index(match.end(group))
    meant = named(request, start, end, context)
    if meant is None:
        return None
    return Complete(target=meant.target, what=meant.what, on=meant.on, at=meant.at, certain=True)


def _priority(request: Request, context: Context) -> Intent | None:
    for pattern in _PRIORITY:
        match = pattern.fullmatch(request.plain)
        if match is None:
            continue
        groups = match.groupdict()
        if "up" in groups:
            level: Priority = "low" if groups["up"] in ("lower", "decrease") else "high"
        else:
            level = "low" if groups["less"] else _PRIORITIES[groups["level"]]
        if groups.get("x") is None:
            return SetPriority(priority=level, certain=True)
        if IS.search(groups["x"]):
            return None
        start, end = request.index(match.start("x")), request.index(match.end("x"))
        meant = named(request, start, end, context)
        if meant is None or len((meant.target or "").split()) > LONGEST_NAME:
            return None
        return SetPriority(
            target=meant.target,
            what=meant.what,
            on=meant.on,
            at=meant.at,
            priority=level,
            certain=meant.certain,
        )
    return None
