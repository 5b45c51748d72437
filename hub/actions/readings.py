"""In which ways a text may be read: whole sentences, and requests that stand somewhere in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

from hub.actions.openings import Request, without_opening
from hub.actions.words import listed

_TOLD = re.compile(
    # Who lets, hears or makes somebody do something.
    r"\b(?:let|lets|makes|made|hear|heard|saw|had|think|know|believe|hope|bet"
    r"|guess|suppose)\b|\b(?:called|titled|goes|like)$|"
    r"\b(?:said|says|say|saying|told|tells|tell|asked|asks|ask|wrote|sang|if|when|because"
    r"|who|what|why|how|did|yesterday|ago|last)\b"
)
_SURE = re.compile(
    r"(?:remind (?:me|us)|(?:set|start) (?:a|an|my|the) (?:\w+ )?(?:reminder|timer|alarm)|wake me"
    r"|(?:add|put) .*\bcalendar|cancel (?:that|it|the|my|our)\b|(?:move|push) (?:the|my|our) "
    r"|(?:mark|make|move|change|tick|check|cross|strike) (?:it|that) )"
)
_GOVERNING = listed(
    "i you he she they we it that this who which to not don't doesn't didn't won't can't never"
    " people children everybody everyone always usually often sometimes will would can could should"
    " might must may do does did and or"
    " but is are was were be the a an my your his her our their of for with in on at by from"
    " no have has had already just still even better"
)
"""Words of a sentence that what follows is only a part of."""
_CONTRACTED = ("ly", "'ll", "'d", "'ve", "'m", "'re", "n't")
_PAST = listed("set put")
"""Verbs that may have been done by whoever stands before them."""
_LONGEST_ASIDE = 3
_ASKED = r"(?:(?:so|and|but|then|can you|could you|will you|would you) )*"
_ABOUT_IT = r"(?P<about> (?:of|about) (?:it|that|this)| to do (?:it|that|so))?"
_FIRST_PERSON = listed("i we i'm we're i've we've i'll we'll")
_ASKING = listed("is are am do does can could will would should has have to and or but which")
_STATING = listed("is are has have needs need can't comes starts begins leaves opens closes ends")
_DUTY = (
    r"(?:(?:i|we) (?:must|should|ought to|(?:can't|mustn't|must not|don't want to|keep|always)"
    r" (?:forget(?:ting)? to|miss)|still have to|really need to)|i'm supposed to"
    r"|(?:don't|do not|never) let (?:me|us) forget(?: to| about)?)"
)
_THEN_REMIND = re.compile(
    rf"(?P<duty>{_DUTY} )?(?P<what>.+?) {_ASKED}(?P<verb>remind|alert|notify)"
    rf" (?:me|us){_ABOUT_IT}(?P<rest>(?: .+)?)"
)
_OCCASION_FIRST = re.compile(
    r"(?P<what>(?:when(?:ever)?|once|as soon as|after|before|(?:the )?next time) .+?)"
    rf" {_ASKED}(?P<verb>remind) (?:me|us)(?P<rest> .+)"
)
_THEN_ALARM = re.compile(rf"(?P<what>.+?) {_ASKED}(?P<verb>set) (?:an|the|my) alarm(?P<rest>)")
_THEN_CHANGE = re.compile(
    r"(?P<what>(?:the|my|our) .+?)(?: (?:is|was|has been|got) (?:cancelled|canceled|off|over)"
    rf"| (?:can't|cannot) (?:make|come|do)(?: it)?(?: on)?(?: \w+)?)?"
    rf" {_ASKED}(?P<verb>take|move|shift|push|postpone|reschedule|delay"
    r"|change|bring|cancel|delete|remove|mark|tick|check|make)"
    r" (?:it|that|him|her|them)(?P<rest>(?: .+)?)"
)
_TO_BE_MOVED = re.compile(
    r"(?P<what>(?:the|my|our) .+?) (?:(?:needs|has|is) to|should|can|could|must) be"
    r" (?P<verb>moved|postponed|rescheduled)(?P<rest> (?:to|until|till|by) .+)"
)
_MEANT = re.compile(r"i (?P<verb>meant)(?P<rest> .+?)(?: not .+)?")
_DONE = {
    "deleted": "delete",
    "removed": "remove",
    "erased": "delete",
    "cancelled": "cancel",
    "canceled": "cancel",
    "moved": "move",
    "postponed": "postpone",
    "rescheduled": "reschedule",
}
_TASK = listed("to that about when before after once if")
_HAVE_DONE = re.compile(
    r"(?:(?:i|we) (?:want|need|would like)|(?:i'd|we'd) like|have|get) (?P<what>(?:the|this|that|my"
    rf"|our|it|all)\b.*?) (?P<verb>{'|'.join(_DONE)})(?P<rest>(?: .+)?)"
)
_STATED = re.compile(r"\b(?:is|was|has|are|were|had|he|she|they|you)\b")


def readings(sentences: list[Request]) -> Iterator[Request]:
    """Whole sentences first, then what may be requests in them."""
    for request in sentences:
        if (undone := _HAVE_DONE.fullmatch(request.plain)) and (turned := _turned(request)):
            yield turned
        elif request.words and not undone:
            yield request
    for first, second in pairwise(sentences):
        if re.match(r"(?:add|put|enter|write|note|save) (?:it|that|this) ", second.plain):
            yield replace(first, words=[*first.words, *second.words])
    for request in sentences:
        if turned := _turned(request):
            yield turned
        yield from _within(request)


def _governs(word: str) -> bool:
    """Whether what follows is only a part of what the word belongs to."""
    return word in _GOVERNING or word.endswith(_CONTRACTED)


def _plural(word: str) -> bool:
    """Whether it may be they who do what follows: the birds wake me up."""
    return word.endswith("s")


def _stands_alone(request: Request, before: list[str]) -> bool:
    """Whether words are a clause of their own: then what follows is said to Mira.

    `the kids next door` in `the kids next door wake me up at six` is none.
    """
    if request.addressed or request.soft:
        return True
    if before[0] in _ASKING:
        return False
    return before[0] in _FIRST_PERSON or before[-1] == "so" or not _STATING.isdisjoint(before)


def _turned(request: Request) -> Request | None:
    """`i have to call Ann remind me at nine`, `the dentist move it to friday`, the usual way."""
    plain, words = request.plain, request.words
    if match := _OCCASION_FIRST.fullmatch(plain):
        behind, start = request.index(match.end("what")), request.index(match.start("rest") + 1)
        if _governs(words[behind - 1].text):
            return None
        # Such a reminder cannot be made, and that is said.
        return replace(request, words=[*words[start - 2 : start], *words[:behind], *words[start:]])
    if match := _THEN_REMIND.fullmatch(plain):
        behind = request.index(match.end("what"))
        alone = match["duty"] or match["about"] or _stands_alone(request, match["what"].split())
        if not alone or plain.startswith("remind "):
            return None
        first = request.index(match.start("what"))
        verb = next(n for n in range(behind, len(words)) if words[n].text == match["verb"])
        command = words[verb : verb + 2]
    elif match := _THEN_ALARM.fullmatch(plain):
        first, behind = request.index(match.start("what")), request.index(match.end("what"))
        command = words[-3:]
        if not _stands_alone(request, match["what"].split()):
            return None
    elif match := _HAVE_DONE.fullmatch(plain) or _TO_BE_MOVED.fullmatch(plain):
        first, behind = request.index(match.start("what")), request.index(match.end("what"))
        command = [replace(words[behind], text=_DONE[match["verb"]])]
    elif match := _MEANT.fullmatch(plain):
        rest = words[2 : request.index(match.end("rest"))]
        command = [replace(words[0], text="make"), replace(words[1], text="it")]
        return replace(request, words=[*command, *rest])
    elif match := _THEN_CHANGE.fullmatch(plain):
        behind = request.index(match.end("what"))
        first, verb = 0, request.index(match.start("verb"))
        command = words[verb : verb + 1]
        if _plural(words[behind - 1].text):
            return None
    else:
        return None
    if (
        _governs(words[behind - 1].text)
        or _TOLD.search(match["what"])
        or _STATED.search(match["what"])
    ):
        return None
    rest = words[request.index(match.start("rest") + 1) :] if match["rest"] else []
    what = words[first:behind]
    if len(command) == 2:
        # Its time comes first; and perhaps it is something else that is to be done.
        what, rest = rest, [] if any(word.text in _TASK for word in rest) else what
    return replace(request, words=[*command, *what, *rest], soft=False)


def _within(request: Request) -> Iterator[Request]:
    """What begins behind a comma, or behind a few words that are no part of a sentence."""
    for index, word in enumerate(request.words):
        before = [one.text for one in request.words[:index]]
        if not before or _TOLD.search(" ".join(before)):
            continue
        aside = index <= _LONGEST_ASIDE and word.text not in _PAST and not _plural(before[-1])
        aside = aside and _GOVERNING.isdisjoint(set(before) - {"not"})
        alone = aside or _stands_alone(request, before)
        if not word.pause and (not alone or _governs(before[-1])):
            continue
        rest = replace(
            request,
            words=request.words[index:],
            soft=word.pause and request.soft,
            vocative=index == 1 and word.pause,
        )
        rest = without_opening(rest)
        if _SURE.match(rest.plain) and not rest.soft:
            yield rest
