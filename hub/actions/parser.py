"""The built-in extractor: what a text asks for, found by rules, in English."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, tzinfo
from itertools import pairwise

from hub.actions.commands import read_making
from hub.actions.intents import Intent
from hub.actions.making import Context
from hub.actions.openings import Request, requests, without_opening
from hub.actions.tending import read_tending

LONGEST_TEXT = 4096
"""Characters that are read; an utterance is 30 s long."""
_TOLD = re.compile(
    r"\b(?:said|says|say|saying|told|tells|tell|asked|asks|ask|goes|like|wrote|sang|if|when|because"
    r"|who|what|why|how|did|yesterday|ago|last)\b"
)
_SURE = re.compile(
    r"(?:remind (?:me|us)|(?:set|start) (?:a|an|my|the) (?:\w+ )?(?:reminder|timer|alarm)|wake me"
    r"|(?:add|put) .*\bcalendar|cancel (?:that|it)$|(?:mark|make|move|change) (?:it|that) )"
)


def parse(text: str, now: datetime, zone: tzinfo) -> Intent | None:
    """What a text asks for; None: nothing.

    Args:
        text: as the recogniser wrote it.
        now: when it was said, aware.
        zone: in which clocks are read.
    """
    context = Context(now, zone)
    for request in _in_turn(requests(text, LONGEST_TEXT)):
        if found := read_tending(request, context) or read_making(request, context):
            return found
    return None


def _in_turn(sentences: list[Request]) -> Iterator[Request]:
    """Whole sentences first, then what may be requests in them."""
    yield from (request for request in sentences if request.words)
    for first, second in pairwise(sentences):
        if re.match(r"(?:add|put|enter|write|note|save) (?:it|that|this) ", second.plain):
            yield replace(first, words=[*first.words, *second.words])
    for request in sentences:
        for index, word in enumerate(request.words):
            if not index or not word.pause:
                continue
            before = " ".join(one.text for one in request.words[:index])
            rest = without_opening(replace(request, words=request.words[index:]))
            if not _TOLD.search(before) and _SURE.match(rest.plain) and not rest.soft:
                yield rest
