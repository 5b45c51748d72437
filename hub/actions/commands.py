"""Requests to make something, whether the time or the command comes first."""

from __future__ import annotations

import re
from dataclasses import replace

from hub.actions.atoms import Atom, collect
from hub.actions.intents import Intent
from hub.actions.making import Context
from hub.actions.openings import Request
from hub.actions.reminding import read_reminding
from hub.actions.scheduling import read_scheduling

_LEADING = re.compile(
    r"(?:remind|reminding|wake|put|add|schedule|set|create|make|book|enter|note"
    r"|don't let me|alert me|notify me|plan|block|tell me to|i need a reminder) "
)


_NOT_ASKED = re.compile(
    r"^(?:do|does|did|is|are|was|were|am|has|have|had|what|who|when|where|why|how|which|whose) "
    r"|\b(?:they|he|she|people|you) (?:say|says|said|told me)$"
)


def read_making(request: Request, context: Context) -> Intent | None:
    """What a request wants to be made; None: nothing of that."""
    if _NOT_ASKED.search(request.plain):
        return None
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
    return read_reminding(request, context, more) or read_scheduling(request, context, more)
