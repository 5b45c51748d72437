"""Requests to have something at another time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from hub.actions.atoms import Atom, collect
from hub.actions.clocks import Length, clock, length
from hub.actions.days import Day
from hub.actions.intents import Intent, Move
from hub.actions.making import Context
from hub.actions.moments import resolve
from hub.actions.naming import IS, LATEST, Named, clock_of, named, today_of
from hub.actions.openings import Request
from hub.actions.parts import Parts, choose
from hub.actions.words import listed

SNOOZE = Length(seconds=600)
"""How long a reminder waits where nobody said."""
LONGEST_SHIFT_MIN = 525_600
_MOVE = re.compile(
    r"(?P<verb>move|reschedule|shift|postpone|change|push|delay|bring|switch|put off|defer|rebook"
    r"|update|adjust|make|set|put) (?P<rest>.+)"
)
_SNOOZE = re.compile(r"(?P<how>snooze|remind (?:me|us) again)(?P<rest>.*)")
_SHIFT = re.compile(
    r"(?: ?\b(?P<way>back|forward|forwards|ahead|up|out|earlier|later))? ?(?:\bby)?$"
)
_EARLIER = listed("earlier forward forwards ahead up")
_WAYS = listed("later earlier back forward ahead up")
_MEALS = re.compile(r"\b(?:breakfast|brunch|lunch|coffee|dinner|supper|call)\b")
_JOINTS = listed("to until till for on at")
_AFTER = listed("instead and then rather sharp now")
_SURE = listed("move reschedule postpone")
_ONLY_LAST = listed("make set put")


def read_moving(request: Request, context: Context) -> Intent | None:
    """What a request wants to be moved, and to when; None: nothing."""
    return _snooze(request, context) or _move(request, context)


def _move(request: Request, context: Context) -> Intent | None:
    match = _MOVE.fullmatch(request.plain)
    if match is None or request.soft:
        return None
    verb, start = match["verb"], request.index(match.start("rest"))
    if shifted := _shift(request, start, verb, context):
        return shifted
    for end, behind, atoms in _targets(request, start, verb, context):
        meant = named(request, start, end, context)
        # "move, she said, is what we did to friday"
        if meant is None or IS.search(match["rest"].split(" to ")[0]):
            return None
        if not _likely(verb, meant, atoms):
            return None
        return _moved(meant, atoms, request, behind, context)
    return None


def _targets(
    request: Request, start: int, verb: str, context: Context
) -> Iterator[tuple[int, int, tuple[Atom, ...]]]:
    """Where what moves ends, and what follows that is nothing but a time.

    "to friday at ten" comes before "at ten", and "to a quarter to five" before "to five".
    """
    words, today = request.words, today_of(context)
    splits = sorted(
        range(start + 1, len(words)), key=lambda n: words[n].text not in ("to", "until", "till")
    )
    for split in splits:
        joint = words[split].text
        direct = verb == "make" and split == start + 1  # make it four o'clock
        if joint not in _JOINTS and not direct:
            continue
        behind = split if joint in ("at", "on") or joint not in _JOINTS else split + 1
        atoms = collect(words, behind, len(words), today, loose=True)
        if direct and not atoms and (bare := clock(words, behind)):
            atoms = (Atom(behind, bare[1], clock=bare[0]),)  # make it seven thirty
        if not atoms or atoms[0].start != behind:
            # A bare hour is a time of day behind "to" only.
            atoms = collect(words, split, len(words), today, loose=True)
        if not atoms or not split <= atoms[0].start <= behind:
            continue
        if any(word.text not in _AFTER for word in words[atoms[-1].end :]):
            continue
        end = next((n for n in range(start + 1, split) if words[n].text == "from"), split)
        yield end, behind, atoms


def _likely(verb: str, meant: Named, atoms: tuple[Atom, ...]) -> bool:
    """Whether it is a reminder or an event that is to move, and no channel and no chair."""
    clear = any(atom.day or (atom.clock and atom.clock.clear) or atom.delta for atom in atoms)
    if verb in _ONLY_LAST:
        return meant.target is None and (clear or verb == "make")
    if verb == "switch" and not clear:
        return False
    if verb in _SURE or meant.target is None or meant.certain:
        return True
    minutes = any(atom.clock and atom.clock.minute for atom in atoms)
    return clear or minutes or _MEALS.search(meant.target) is not None


def _moved(
    meant: Named, atoms: tuple[Atom, ...], request: Request, start: int, context: Context
) -> Intent | None:
    parts, used = choose(atoms, request.words, start, durations=False)
    if not used:
        return None
    hints = (meant.target or "").lower().split()
    either = parts.clock is not None and not (parts.clock.exact or parts.part or parts.day)
    if either and parts.delta is None:
        # Which day it is on is not known here: the likelier half of any.
        parts = replace(parts, day=Day(today_of(context) + timedelta(days=1)))
    moment = resolve(parts, context.now, context.zone, hints, event=False)
    if moment.at is None:
        return Move(
            target=meant.target,
            what=meant.what,
            on=meant.on,
            at=meant.at,
            certain=meant.certain,
            problem="past",
        )
    local = moment.at.astimezone(context.zone)
    soon = parts.delta is not None and bool(parts.delta.seconds)
    days = (parts.day is not None and not either) or parts.delta is not None
    times = parts.clock is not None or parts.hour is not None or bool(parts.part) or soon
    return Move(
        target=meant.target,
        what=meant.what,
        on=meant.on,
        at=meant.at,
        certain=meant.certain,
        date=local.date() if days else None,
        time=clock_of(local) if times else None,
        either_half=either,
    )


def _snooze(request: Request, context: Context) -> Intent | None:
    match = _SNOOZE.fullmatch(request.plain)
    if match is None or request.soft:
        return None
    words = request.words
    start = match["how"].count(" ") + 1
    measured = (length(words, index) for index in range(start, len(words)))
    ahead = next((found for found in measured if found), None)
    if ahead:
        parts = Parts(delta=ahead[0])
    else:
        atoms = collect(words, start, len(words), today_of(context), loose=True)
        parts, _ = choose(atoms, words, start, durations=False)
    if not parts.tells_when:
        if start > 1 or (match["rest"] and not LATEST.fullmatch(match["rest"].strip())):
            return None
        parts = Parts(delta=SNOOZE)
    moment = resolve(parts, context.now, context.zone, (), event=False)
    if moment.at is None:
        return Move(certain=True, problem="past")
    local = moment.at.astimezone(context.zone)
    return Move(date=local.date(), time=clock_of(local), certain=True)


def _shift(request: Request, start: int, verb: str, context: Context) -> Intent | None:
    """`push the meeting back by half an hour`, `make it an hour later`."""
    words = request.words
    for index in range(start, len(words)):
        measured = length(words, index)
        if measured is not None:
            break
    else:
        return None
    delta, end = measured
    before = " ".join(word.text for word in words[start:index])
    match = _SHIFT.search(before)
    way, by = (match["way"] if match else None), before.split(" ")[-1] == "by"
    after = [word.text for word in words[end:]]
    if len(after) == 1 and after[0] in _WAYS:
        way = after[0]
    elif after:
        return None
    if not (way or by):
        return None
    first, behind = start, start + len(before[: match.start() if match else None].split())
    if words[start].text in _WAYS and behind > start:  # push back the meeting by an hour
        first, way = start + 1, words[start].text
    elif first == behind and way and not after:
        first, behind = start + 1, index - by
    meant = named(request, first, behind, context)
    minutes = delta.minutes
    if meant is None or not 0 < minutes <= LONGEST_SHIFT_MIN:
        return None
    return Move(
        target=meant.target,
        what=meant.what,
        on=meant.on,
        at=meant.at,
        certain=meant.certain,
        shift_min=-minutes if way in _EARLIER and verb != "postpone" else minutes,
    )
