"""People who correct themselves: `at five, no, at six` is at six."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date

from hub.actions.atom import Atom
from hub.actions.atoms import collect
from hub.actions.clocks import clock, length
from hub.actions.openings import Request
from hub.actions.words import Words, listed

_MARK = re.compile(
    r"(?:(?:oh|ah|no|wait|sorry|oops|actually|correction|rather|or rather|or|well|i mean|i meant"
    r"|make (?:that|it)|let's make (?:that|it)|scratch that|that's wrong|better) )+"
)
_NO_MARK = frozenset({"well", "better", "oh", "ah"})
"""Alone they take nothing back."""
_PREPOSITIONS = listed("at in by around before to until till for")
_LONGEST_MARK = 6
_WHEN = ("clock", "day", "part", "hour")
_FIELDS = (*_WHEN, "delta", "duration")


def corrected(request: Request, today: date) -> Request:
    """A request without the times that whoever said it took back.

    Of `at five or six` the first counts.

    Args:
        request: as it was said.
        today: the day on which it was said.
    """
    words = request.words
    for index in range(1, len(words) - 1):
        match = _MARK.match(
            " ".join(word.text for word in words[index : index + _LONGEST_MARK]) + " "
        )
        mark = match[0].strip() if match else ""
        if not mark or mark in _NO_MARK or length(words, index - 1):  # ten or fifteen minutes
            continue
        behind = index + mark.count(" ") + 1
        before = _ending(words, index, today)
        after = _beginning(words, behind, today, before)
        gone = [atom for atom in before if any(_fields(atom) & _fields(one) for one in after)]
        if mark != "or" and not gone and after and after[0].duration:
            # snooze it for ten, no, twenty minutes
            gone = [atom for atom in before[-1:] if atom.clock and atom.prep == "for"]
        if not gone:
            continue
        if mark == "or":  # on friday or saturday at seven
            said = frozenset[str]().union(*map(_fields, gone))
            end = next((one.start for one in after if not _fields(one) & said), after[-1].end)
            return corrected(replace(request, words=[*words[:index], *words[end:]]), today)
        kept = list(words[: gone[0].start])
        for atom in before:
            if atom.start > gone[0].start and atom not in gone:
                kept += words[atom.start : atom.end]
        if len(after) == 1 and not after[0].prep and words[gone[-1].start].text in _PREPOSITIONS:
            kept.append(words[gone[-1].start])  # at five, no, six
        return corrected(replace(request, words=[*kept, *words[behind:]]), today)
    return request


def _fields(atom: Atom) -> frozenset[str]:
    """What it says; so long from now is a day and a time of day, too."""
    said = frozenset(name for name in _FIELDS if getattr(atom, name) not in (None, ""))
    return said | frozenset(_WHEN) if atom.delta and atom.delta.seconds else said


def _ending(words: Words, end: int, today: date) -> list[Atom]:
    """What is said about time up to there, without anything between."""
    found: list[Atom] = []
    for atom in reversed(collect(words[:end], 0, end, today, loose=True)):
        if atom.end != (found[0].start if found else end):
            break
        found.insert(0, atom)
    return found


def _beginning(words: Words, start: int, today: date, before: list[Atom]) -> list[Atom]:
    """What is said about time from there on, without anything between."""
    found: list[Atom] = []
    for atom in collect(words, start, len(words), today, loose=True):
        if atom.start != (found[-1].end if found else start):
            break
        found.append(atom)
    last = before[-1] if before and not found else None
    if last and last.clock and (bare := clock(words, start)):
        return [Atom(start, bare[1], clock=bare[0])]
    if last and last.delta and (measured := length(words, start)):
        return [Atom(start, measured[1], delta=measured[0])]
    return found
