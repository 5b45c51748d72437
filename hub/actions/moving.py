"""Requests to have something at another time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from hub.actions.atom import Atom
from hub.actions.atoms import collect
from hub.actions.clocks import Length, clock, length
from hub.actions.days import Day
from hub.actions.intents import Intent, Move
from hub.actions.making import Context
from hub.actions.moments import resolve
from hub.actions.naming import IS, LATEST, Named, clock_of, named, today_of
from hub.actions.openings import Request
from hub.actions.parts import Parts, choose
from hub.actions.words import Words, listed

SNOOZE = Length(seconds=600)
"""How long a reminder waits where nobody said."""
LONGEST_SHIFT_MIN = 525_600
_MOVE = re.compile(
    r"(?P<verb>move|reschedule|shift|postpone|change|push|delay|bring|prepone|switch|put off|defer"
    r"|increase|extend|lengthen|decrease|shorten|rebook|update|adjust|make|set|put) (?P<rest>.+?)"
    r"(?: (?:instead of|rather than|and not|not) .+)?"
)
_SNOOZE = re.compile(
    r"(?P<how>snooze|remind (?:me|us)(?:(?: (?:of|about) (?:it|that))? again"
    r"|(?= .*instead$)))(?P<rest>.*)"
)
_RINGING = re.compile(rf" (?:{LATEST.pattern}|(?:the|my) (?:alarm|reminder|timer))")
_LONGER = re.compile(r"add (?P<length>.+) to (?P<what>.+)")
_SHIFT = re.compile(
    r"(?: ?\b(?P<way>back|forward|forwards|ahead|up|out|earlier|later))? ?(?:\bby)?$"
)
_EARLIER = listed("earlier forward forwards ahead up")
_WAYS = listed("later earlier back forward ahead up")
_MEALS = re.compile(r"\b(?:breakfast|brunch|lunch|coffee|dinner|supper|call)\b")
_UNTIL = listed("to until till")
_FROM_TO = listed("change switch update adjust")
_LENGTHS = listed("increase extend lengthen decrease shorten")
_JOINTS = listed("to until till for on at")
_PARTICLES = listed("back forward forwards off out up ahead over")
_AFTER = listed("instead and then rather sharp now at the same time")
_SURE = listed("move reschedule postpone shift delay defer prepone rebook") | {"put off"}
_ONLY_LAST = listed("make set put")


def read_moving(request: Request, context: Context) -> Intent | None:
    """What a request wants to be moved, and to when; None: nothing."""
    return _snooze(request, context) or _longer(request, context) or _move(request, context)


def _longer(request: Request, context: Context) -> Intent | None:
    """`add ten minutes to the timer`; a longer meeting is something else."""
    match = _LONGER.fullmatch(request.plain)
    measured = length(request.words, 1) if match else None
    if match is None or measured is None or measured[1] != request.index(match.end("length")):
        return None
    meant = named(request, request.index(match.start("what")), len(request.words), context)
    if meant is None or meant.what != "reminder":
        return None
    return Move(target=meant.target, what=meant.what, certain=True, shift_min=measured[0].minutes)


def _move(request: Request, context: Context) -> Intent | None:
    match = _MOVE.fullmatch(request.plain)
    if match is None:
        return None
    soft = request.soft
    request = replace(request, words=request.words[: request.index(match.end("rest"))])
    words = request.words
    verb, start = match["verb"], request.index(match.start("rest"))
    if verb == "put" and re.search(r" (?:off|back|forward) (?:to|till|until) ", match["rest"]):
        verb = "put off"
    if shifted := _shift(request, start, verb, context):
        return shifted if shifted.certain or not soft else None
    for end, behind, atoms in _targets(request, start, verb, context):
        meant = named(request, start, end, context)
        # "move, she said, is what we did to friday"
        if meant is None or IS.search(match["rest"].split(" to ")[0]):
            return None
        # "back to nine", "from eight to nine": an hour
        sure = words[end].text == "from" or words[end].text in _PARTICLES
        if not _likely(verb, meant, atoms, sure) or (soft and not meant.certain):
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
    splits = sorted(range(start + 1, len(words)), key=lambda n: words[n].text not in _UNTIL)
    for split in splits:
        joint = words[split].text
        if (
            joint == "to"
            and any((found := clock(words, n)) and found[1] > split for n in (split - 1, split - 2))
            and "from" not in [word.text for word in words[max(0, split - 4) : split]]
        ):
            continue  # quarter to four
        direct = verb == "make" and split == start + 1  # make it four o'clock
        if (joint not in _JOINTS and not direct) or (verb in _FROM_TO and joint not in _UNTIL):
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
        end -= words[end - 1].text in _PARTICLES and end - 1 > start
        yield end, behind, atoms


def _likely(verb: str, meant: Named, atoms: tuple[Atom, ...], sure: bool) -> bool:
    """Whether it is a reminder or an event that is to move, and no channel and no chair."""
    clear = any(atom.day or (atom.clock and atom.clock.clear) or atom.delta for atom in atoms)
    if verb in _ONLY_LAST:
        return meant.target is None and (clear or verb == "make")
    if verb == "switch" and not clear:
        return False
    if verb in _SURE or sure or meant.target is None or meant.certain:
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
    times, parts = _waiting(words, start, context)
    target = None
    if not parts.tells_when:
        if start > 1 or (match["rest"] and not _RINGING.fullmatch(match["rest"])):
            return None
        parts = Parts(delta=SNOOZE)
    elif start == 1 and times > start:  # snooze the laundry for ten minutes
        target = named(request, start, times, context)
    moment = resolve(parts, context.now, context.zone, (), event=False)
    if moment.at is None:
        return Move(certain=True, problem="past")
    local = moment.at.astimezone(context.zone)
    return Move(
        target=target.target if target else None,
        what=target.what if target else None,
        date=local.date(),
        time=clock_of(local),
        certain=True,
    )


def _waiting(words: Words, start: int, context: Context) -> tuple[int, Parts]:
    """Until when something is to wait, and at which word that begins."""
    for index in range(start, len(words)):
        if measured := length(words, index):
            return index - (words[index - 1].text in _JOINTS), Parts(delta=measured[0])
    atoms = collect(words, start, len(words), today_of(context), loose=True)
    parts, used = choose(atoms, words, start, durations=False)
    return (used[0].start if used else start), parts


def _shift(request: Request, start: int, verb: str, context: Context) -> Move | None:
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
    if not (way or by or verb in ("delay", "postpone", "defer")):
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
    if verb in _LENGTHS and meant.what != "reminder":
        return None  # a longer meeting begins when it did
    way = "up" if verb in ("decrease", "shorten") else way
    return Move(
        target=meant.target,
        what=meant.what,
        on=meant.on,
        at=meant.at,
        certain=meant.certain,
        shift_min=-minutes if way in _EARLIER and verb != "postpone" else minutes,
    )
