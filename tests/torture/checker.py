"""Compares what was done with what was there in the end. Pure.

Nothing acknowledged may be lost, nothing may have happened twice, what one device or one writer
did stays in its order, and every replica holds what the hub holds.

Utterances are ordered by the times of their interactions: a spool is sent newest first. A device's
clock that was stepped makes its times meaningless until the next probe of it; the hub's, if it was
set while the hub was off, for what was said before. Such utterances are not compared, and what two
devices heard of one sentence may then become two interactions: the hub takes less for the same
rather than lose some.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tests.torture.operations import (
    Choice,
    Record,
    Stored,
    StoredInteraction,
    StoredRow,
    Table,
    Utterance,
    Write,
)

STALE_S = 25.0
"""A clock's step is known with the next probe, one every ten seconds; a link may stall."""
LONGEST_S = 10.0
"""From a sentence's beginning until the device has heard its end."""


@dataclass
class Verdict:
    """What is wrong, a line each."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    disordered: list[str] = field(default_factory=list)
    unequal: list[str] = field(default_factory=list)

    @property
    def right(self) -> bool:
        """Whether nothing is."""
        return not (self.lost or self.doubled or self.disordered or self.unequal)

    def lines(self) -> Iterator[str]:
        """All of it, for people."""
        for name, found in vars(self).items():
            yield from (f"{name}: {line}" for line in found)


def check(
    record: Record,
    stored: Mapping[str, Stored],
    replicas: Mapping[tuple[str, str], Mapping[str, Table]],
) -> Verdict:
    """Everything.

    Args:
        record: what was done.
        stored: by network, what the hub has.
        replicas: by network and device, the tables of its copy.
    """
    verdict = Verdict()
    for network, found in stored.items():
        _check_utterances(record, network, found, verdict)
        _check_writes(record, [w for w in record.writes if w.network == network], found, verdict)
        _check_choices([c for c in record.choices if c.network == network], found, verdict)
    for (network, device), tables in replicas.items():
        for name, wanted in stored[network].tables.items():
            held = tables.get(name, frozenset())
            if held != wanted:
                verdict.unequal.append(
                    f"{device}: {name}: lacks {_some(wanted - held)}, has {_some(held - wanted)}"
                )
    return verdict


# Utterances


def _check_utterances(record: Record, network: str, found: Stored, verdict: Verdict) -> None:
    ours = [u for u in record.utterances.values() if u.network == network]
    deletions = [w for w in record.writes if w.network == network and w.row == "interaction"]
    deleted = {w.value for w in deletions if w.outcome != "refused"}
    texts = deleted | {one.text for one in found.interactions.values()}
    # What another device heard of the same sentence will do, even if its microphone was off for a
    # part of it.
    sentences = {u.sentence for u in ours if u.text in texts}
    by_election = {
        one.election_id: one for one in found.interactions.values() if one.election_id is not None
    }
    spoken: dict[str, list[tuple[Utterance, StoredInteraction]]] = {}
    for utterance in ours:
        # A knock holds no words.
        there = not utterance.text or utterance.text in texts or utterance.sentence in sentences
        if utterance.acked_s is not None and not there:
            verdict.lost.append(_who(utterance))
        election_id = found.decided.get(utterance.utterance_id, "")
        interaction = by_election.get(election_id)
        if interaction and found.winners.get(election_id) == utterance.utterance_id:
            if interaction.text != utterance.text:
                verdict.lost.append(f"{_who(utterance)}: it became {interaction.text!r}")
            spoken.setdefault(utterance.device, []).append((utterance, interaction))
    _check_doubles(record, network, ours, found, verdict)
    for pairs in spoken.values():
        _check_order(record, pairs, verdict)


def _check_doubles(
    record: Record, network: str, ours: Sequence[Utterance], found: Stored, verdict: Verdict
) -> None:
    elections = Counter(one.election_id for one in found.interactions.values())
    verdict.doubled += [
        f"election {election_id}: {number} interactions"
        for election_id, number in elections.items()
        if election_id is not None and number > 1
    ]
    deleted = {
        w.value
        for w in record.writes
        if w.row == "interaction" and w.outcome == "acked" and w.network == network
    }
    by_text: dict[str, list[Utterance]] = {}
    for utterance in ours:
        by_text.setdefault(utterance.text, []).append(utterance)
    for text, number in Counter(one.text for one in found.interactions.values()).items():
        heard = by_text.get(text, [])
        if not heard:
            # Of a device that died while it heard, what the hub had of it may be recognised.
            if not any(text in sentence for sentence in record.said.get(network, [])):
                verdict.doubled.append(f"{text!r} was understood, and nobody said it")
            continue
        if any(u.text != u.sentence for u in heard):
            continue  # a part of a sentence, and perhaps of another one, too
        excused = any(_forgotten(record, u) for u in heard)
        if number + (text in deleted) > (len(heard) if excused else 1):
            verdict.doubled.append(
                f"{text!r}: {number} interactions; {', '.join(_who(u) for u in heard)}"
            )


def _check_order(
    record: Record, pairs: list[tuple[Utterance, StoredInteraction]], verdict: Verdict
) -> None:
    pairs.sort(key=lambda pair: pair[0].order)
    for (before, first), (after, second) in itertools.pairwise(pairs):
        if _stepped(record, before, after) or first.timestamp < second.timestamp:
            continue
        verdict.disordered.append(
            f"{_who(before)} at {first.timestamp}, {_who(after)} at {second.timestamp}"
        )


def _stepped(record: Record, before: Utterance, after: Utterance) -> bool:
    """Whether a clock was stepped so that their times say nothing."""
    until_s = max(u.released_s or math.inf for u in (before, after))
    heard_s = min(before.heard_s, after.heard_s)
    since_s = {before.device: heard_s - STALE_S, "hub": heard_s - LONGEST_S}
    return any(since_s.get(step.whose, math.inf) <= step.at_s <= until_s for step in record.steps)


def _forgotten(record: Record, utterance: Utterance) -> bool:
    """Whether the hub cannot know any more that another device heard the same.

    Once its clock was stepped, it does not trust the times of what it stored before a restart.
    """
    until_s = utterance.released_s or math.inf
    restarted = any(utterance.heard_s <= start_s <= until_s for start_s in record.hub_starts)
    before = any(step.whose == "hub" and step.at_s <= until_s for step in record.steps)
    return _stepped(record, utterance, utterance) or (restarted and before)


# API writes and changes on devices


def _check_writes(record: Record, writes: Sequence[Write], found: Stored, verdict: Verdict) -> None:
    removed = {w.subject: w for w in writes if w.verb == "delete" and w.outcome != "refused"}
    for row, rows in found.rows.items():
        names = Counter(one.name for one in rows.values())
        changed = {w.subject for w in writes if w.verb == "change" and w.row == row}
        for write in writes:
            if write.row != row or write.verb != "add" or write.row_id in changed:
                continue
            number = names[write.subject]
            gone = write.row_id in removed
            if number > 1 or (number and write.outcome == "refused"):
                verdict.doubled.append(f"{write.op}: {number} rows, {write.outcome}")
            elif not number and write.outcome == "acked" and not gone:
                verdict.lost.append(f"{write.op}: {row} {write.subject!r} is not there")
        for subject in changed:
            chain = [w for w in writes if w.verb == "change" and w.subject == subject]
            # Of two names the one that was given later stays, by clocks.
            clocks = {"hub", chain[0].writer} if row == "person" else set[str]()
            stepped = any(step.whose in clocks for step in record.steps)
            _check_chain(chain, rows.get(subject), subject in removed, stepped, verdict)
    for subject, write in removed.items():
        there = subject in found.interactions or any(subject in r for r in found.rows.values())
        if there and write.outcome == "acked":
            verdict.lost.append(f"{write.op}: {write.row} {subject} was deleted and is there")
    _check_completed(writes, found, removed, verdict)
    _check_making(record, writes, found, verdict)


def _check_chain(
    chain: Sequence[Write], row: StoredRow | None, removed: bool, stepped: bool, verdict: Verdict
) -> None:
    """The changes of one row by its only writer: the last one is in force, each counted once."""
    if row is None:
        if not removed:
            verdict.lost.append(f"{chain[0].subject}, which {chain[0].writer} changed, is gone")
        return
    name, version = row.name, row.version
    acked = [w for w in chain if w.outcome == "acked"]
    possible = [w for w in chain if w.outcome != "refused"]
    since = possible.index(acked[-1]) if acked else 0
    in_force = {w.value for w in possible[since:]}
    unchanged = not acked and version == 1
    if name not in in_force and not unchanged and not stepped:
        last = acked[-1].op if acked else "none"
        verdict.disordered.append(f"{name!r} is in force, and {last} was the last that was acked")
    if version - 1 > len(possible):
        verdict.doubled.append(f"{chain[0].writer}: {version - 1} changes, {len(possible)} made")
    if version - 1 < len(acked) and not stepped:
        verdict.lost.append(f"{chain[0].writer}: {version - 1} changes of {len(acked)} acked")


def _check_completed(
    writes: Sequence[Write], found: Stored, removed: Container[str], verdict: Verdict
) -> None:
    """A reminder that somebody finished is, and became it once; a deletion wins."""
    for write in writes:
        row = found.rows["reminder"].get(write.subject)
        if write.verb != "complete" or write.subject in removed:
            continue
        if write.outcome == "acked" and (row is None or row.status != "completed"):
            verdict.lost.append(f"{write.op}: {write.subject} {write.value!r} is not completed")
        if row is not None and row.version > 2:
            verdict.doubled.append(f"{write.op}: {write.subject} was completed more than once")


def _check_making(record: Record, writes: Sequence[Write], found: Stored, verdict: Verdict) -> None:
    """What one writer added one after the other has its times in that order."""
    steps_s = [step.at_s for step in record.steps if step.whose == "hub"]
    last: dict[str, tuple[Write, StoredRow]] = {}
    for write in writes:
        row = found.rows.get(write.row, {}).get(write.row_id or "")
        if row is None or write.verb != "add" or write.outcome != "acked":
            continue
        before, made = last.get(write.writer, (write, row))
        stepped = any(before.begun_s <= at_s <= write.begun_s for at_s in steps_s)
        if made.created_at > row.created_at and not stepped:
            verdict.disordered.append(f"{before.op} was made after {write.op}")
        last[write.writer] = (write, row)


def _check_choices(choices: Sequence[Choice], found: Stored, verdict: Verdict) -> None:
    by_device: dict[str, list[Choice]] = {}
    for choice in choices:
        by_device.setdefault(choice.device, []).append(choice)
    for device, made in by_device.items():
        possible = [c for c in made if c.outcome != "refused"]
        acked = [i for i, c in enumerate(possible) if c.outcome == "acked"]
        if not acked:
            continue
        if found.listening.get(device) not in {c.value for c in possible[acked[-1] :]}:
            verdict.lost.append(f"{possible[acked[-1]].op}: {device} listens otherwise")


def _who(utterance: Utterance) -> str:
    return f"{utterance.device} {utterance.order} {utterance.text!r} ({utterance.utterance_id})"


def _some(rows: Table) -> str:
    shown = sorted(map(str, rows))[:3]
    return f"{len(rows)} {shown}" if rows else "nothing"
