"""Which of the things that are said about time say when it is to be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hub.actions.atom import Atom
from hub.actions.clocks import Clock, Length
from hub.actions.days import WEEKDAYS, Day
from hub.actions.grammar import OWNERS, noun
from hub.actions.repeats import Repeat
from hub.actions.words import Words, at


@dataclass(frozen=True)
class Parts:
    """All that is said about time in one request."""

    clock: Clock | None = None
    clock_end: Clock | None = None
    day: Day | None = None
    day_end: Day | None = None
    part: str = ""
    hour: int | None = None
    delta: Length | None = None
    duration: Length | None = None
    repeat: Repeat | None = None

    @property
    def tells_when(self) -> bool:
        """Whether they say anything of the moment."""
        return bool(self.clock or self.day or self.part or self.hour is not None or self.delta) or (
            self.repeat is not None
        )


_FIELDS = tuple(name for name in Atom.__dataclass_fields__ if name not in ("start", "end", "prep"))


def choose(
    atoms: Sequence[Atom], words: Words, start: int, *, durations: bool
) -> tuple[Parts, tuple[Atom, ...]]:
    """Those of the atoms that say when it is to be; the others belong to what is to be done.

    What stands at the very beginning counts first, then what stands last.

    Args:
        atoms: in their order.
        words: of the text.
        start: where the request's own words begin.
        durations: whether it may take time; otherwise how long something takes is part of it.
    """
    useful = [atom for atom in atoms if durations or atom.duration is None]
    groups: list[list[Atom]] = []
    for atom in useful:
        if groups and atom.start - groups[-1][-1].end <= (
            1 if groups[-1][-1].end < len(words) and words[groups[-1][-1].end].text == "and" else 0
        ):
            groups[-1].append(atom)
        else:
            groups.append([atom])
    if (
        len(groups) > 1
        and _describes(groups[0], words, start)
        and any(atom.day for group in groups[1:] for atom in group)
    ):
        groups = groups[1:]  # sunday roast ... on sunday at one
    head = bool(groups) and groups[0][0].start == start
    if head and groups[0][-1].end < len(words) and words[groups[0][-1].end].text == "that":
        groups = groups[:1]  # on saturday ... that the parade starts at eleven
    order = ([groups[0]] if head else []) + list(reversed(groups[1:] if head else groups))
    parts, used = Parts(), []
    for number, group in enumerate(order):
        for atom in group:
            if head and number and (atom.prep == "for" and atom.day):
                break  # tomorrow ... the report for friday
            if not durations and parts.tells_when and _names(atom, words):
                break  # tomorrow morning ... the two o'clock meeting
            merged = _merged(parts, atom)
            if merged is not None:
                parts = merged
                used.append(atom)
            elif atom.day:
                break  # at five ... tickets for friday night
    return parts, tuple(sorted(used, key=lambda atom: atom.start))


def _describes(group: Sequence[Atom], words: Words, start: int) -> bool:
    """Whether a day at the very beginning only describes what follows."""
    first = group[0]
    alone = len(group) == 1 and first.start == start and first.day is not None and not first.prep
    return alone and words[start].text in WEEKDAYS and noun(words, first.end)


def _names(atom: Atom, words: Words) -> bool:
    """Whether a time of day only says which one of its kind something is."""
    described = atom.clock is not None and not atom.prep and noun(words, atom.end)
    return described and at(words, atom.start - 1) in OWNERS


def _merged(parts: Parts, atom: Atom) -> Parts | None:
    """Both together; None where they contradict each other."""
    said = {name: getattr(atom, name) for name in _FIELDS if getattr(atom, name) not in (None, "")}
    if atom.part == "tonight" and parts.day is not None:
        del said["day"]
    if any(getattr(parts, name) not in (None, "") for name in said):
        return None
    if parts.delta is not None and (said.keys() & {"day", "repeat"}):
        return None
    if "delta" in said and (parts.day is not None or parts.repeat is not None):
        return None
    fine = said.get("delta") or parts.delta
    if fine is not None and fine.seconds:
        if "delta" in said and (parts.clock or parts.part):
            return None
        if said.keys() & {"clock", "part", "hour"}:
            return None
    return replace(parts, **said)
