"""Requests to make something, whether the time or the command comes first."""

from __future__ import annotations

import re
from dataclasses import replace

from hub.actions.atom import Atom
from hub.actions.atoms import collect
from hub.actions.intents import Intent
from hub.actions.making import Context
from hub.actions.openings import Request, without_opening
from hub.actions.reminding import read_reminding
from hub.actions.scheduling import read_scheduling
from hub.actions.words import at

_WHOM = re.compile(r"(?:remind(?! me| us)|tell|let|wake) (?:(?:my|our|the) )?\w+(?: know)? ")

_NOT_ASKED = re.compile(
    r"^(?:do|does|did|is|are|was|were|am|has|have(?! an? )|had|what|who"
    r"|when|where|why|how|which|whose) "
    r"|\b(?:they|he|she|people|you) (?:say|says|said|told me)$"
)


def read_making(request: Request, context: Context) -> Intent | None:
    """What a request wants to be made; None: nothing of that."""
    if _NOT_ASKED.search(request.plain):
        return None
    more: tuple[Atom, ...] = ()
    today = context.now.astimezone(context.zone).date()
    atoms = collect(request.words, 0, len(request.words), today)
    whom = _WHOM.match(request.plain)
    start = request.index(whom.end()) if whom else 0
    leading: list[Atom] = []
    for atom in atoms:
        if not atom.duration and atom.start == (leading[-1].end if leading else start):
            leading.append(atom)
    if leading:
        # "tomorrow at five remind me", "tell me at noon to": the time comes first.
        end = leading[-1].end
        rest = replace(request, words=[*request.words[:start], *request.words[end:]])
        if whom is None or at(request.words, end) in ("to", "that", "about"):
            more = tuple(replace(atom, start=-1, end=-1) for atom in leading)
            request = rest if whom else without_opening(rest)
    return read_reminding(request, context, more) or read_scheduling(request, context, more)
