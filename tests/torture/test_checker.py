"""The checker finds what is lost, doubled, out of order, or different in a copy."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.torture.checker import STALE_S, Verdict, check
from tests.torture.operations import (
    Choice,
    Record,
    Step,
    Stored,
    StoredInteraction,
    StoredRow,
    Utterance,
    Write,
)

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


class Case:
    """Two devices that heard a sentence each, a writer, and all of it as it should be."""

    def __init__(self) -> None:
        self.record = Record()
        self.stored = Stored(rows={"reminder": {}, "calendar": {}, "person": {}})
        for order, text in enumerate(("ba", "de", "fi")):
            self.hear("kitchen", order, text)
        self.hear("hall", 0, "go")
        self.added = [self.add(number) for number in range(3)]
        self.stored.listening["kitchen"] = True
        self.stored.tables["interactions"] = frozenset({("a",), ("b",)})
        self.replicas = {("home", "kitchen"): {"interactions": frozenset({("a",), ("b",)})}}

    def hear(self, device: str, order: int, text: str) -> Utterance:
        """A device hears a sentence, and it becomes an interaction."""
        utterance_id = f"{device}-{text}"
        heard_s = 1000.0 + order
        utterance = Utterance(utterance_id, "home", device, text, text, order, heard_s)
        utterance.acked_s = utterance.released_s = heard_s + 0.5
        self.record.utterances[utterance_id] = utterance
        self.understand(utterance, text, order)
        return utterance

    def understand(self, utterance: Utterance, text: str, order: int) -> None:
        """The hub elects an utterance."""
        election = f"election of {utterance.utterance_id}"
        self.stored.decided[utterance.utterance_id] = election
        self.stored.winners[election] = utterance.utterance_id
        self.stored.interactions[f"interaction of {utterance.utterance_id}"] = StoredInteraction(
            text, utterance.device, NOON + timedelta(seconds=order), election
        )

    def add(self, number: int) -> Write:
        """The writer makes a reminder."""
        name, row_id = f"w-{number}", f"row {number}"
        write = Write(name, "w", "home", "add", "reminder", name, name, number, "acked", row_id)
        self.record.writes.append(write)
        self.stored.rows["reminder"][row_id] = StoredRow(name, 1, NOON + timedelta(seconds=number))
        return write

    def change(self, number: int, outcome: str = "acked") -> Write:
        """The writer changes its first reminder."""
        write = Write(
            f"c-{number}", "w", "home", "change", "reminder", "row 0", f"c-{number}", 10 + number
        )
        write.outcome = outcome  # type: ignore[assignment]
        self.record.writes.append(write)
        return write

    def row(self, **changes: object) -> None:
        """The first reminder is otherwise in the end."""
        rows = self.stored.rows["reminder"]
        rows["row 0"] = replace(rows["row 0"], **changes)  # type: ignore[arg-type]

    def check(self) -> Verdict:
        """What the checker says."""
        return check(self.record, {"home": self.stored}, self.replicas)


@pytest.fixture
def case() -> Case:
    return Case()


def numbers(verdict: Verdict) -> tuple[int, int, int, int]:
    """How many are lost, doubled, disordered, unequal."""
    found = [len(verdict.lost), len(verdict.doubled), len(verdict.disordered), len(verdict.unequal)]
    return found[0], found[1], found[2], found[3]


def test_what_is_as_it_should_be_is_right(case: Case) -> None:
    assert case.check().right
    assert case.record.operations == 7


def test_an_utterance_that_was_acked_is_lost(case: Case) -> None:
    del case.stored.interactions["interaction of kitchen-de"]
    assert numbers(case.check()) == (1, 0, 0, 0)
    case.record.utterances["kitchen-de"].acked_s = None  # the device died with it
    assert case.check().right


def test_an_utterance_is_lost_that_was_taken_for_other_speech(case: Case) -> None:
    del case.stored.interactions["interaction of hall-go"]
    case.stored.decided["hall-go"] = case.stored.decided["kitchen-ba"]
    assert numbers(case.check()) == (1, 0, 0, 0)


def test_an_utterance_is_lost_of_which_another_text_was_made(case: Case) -> None:
    case.stored.interactions["interaction of hall-go"] = replace(
        case.stored.interactions["interaction of hall-go"], text="ba"
    )
    verdict = case.check()
    assert any("became 'ba'" in line for line in verdict.lost)
    assert verdict.doubled


def test_of_what_two_devices_heard_one_interaction_is_enough(case: Case) -> None:
    other = replace(case.record.utterances["kitchen-ba"], utterance_id="x", device="hall", order=1)
    case.record.utterances["x"] = other
    assert case.check().right


def test_one_sentence_must_not_become_two_interactions(case: Case) -> None:
    other = replace(case.record.utterances["kitchen-ba"], utterance_id="x", device="hall", order=1)
    case.record.utterances["x"] = other
    case.understand(other, "ba", 5)
    assert numbers(case.check()) == (0, 1, 0, 0)
    # With a clock that was stepped meanwhile nobody can tell that they are one.
    case.record.steps.append(Step("hub", 1000.2))
    assert case.check().right


def test_one_election_must_not_become_two_interactions(case: Case) -> None:
    said = case.stored.interactions["interaction of hall-go"]
    case.stored.interactions["again"] = said
    assert case.check().doubled


def test_what_nobody_said_must_not_be_there(case: Case) -> None:
    case.stored.interactions["ghost"] = StoredInteraction("mi", "hall", NOON, "ghost's")
    assert numbers(case.check()) == (0, 1, 0, 0)
    # Somebody did, and the device died before it could tell.
    case.record.said["home"] = ["ba mi de"]
    assert case.check().right


def test_utterances_of_one_device_are_out_of_order(case: Case) -> None:
    name = "interaction of kitchen-fi"
    case.stored.interactions[name] = replace(
        case.stored.interactions[name], timestamp=NOON - timedelta(seconds=5)
    )
    assert numbers(case.check()) == (0, 0, 1, 0)
    case.record.steps.append(Step("hall", 1000.0))  # another's clock is no excuse
    assert not case.check().right
    case.record.steps.append(Step("kitchen", 1001.0 - STALE_S / 2))
    assert case.check().right


def test_an_interaction_that_was_deleted_is_not_missed_and_must_not_be_there(case: Case) -> None:
    name = "interaction of kitchen-de"
    write = Write("d", "w", "home", "delete", "interaction", name, "de", 20, "acked")
    case.record.writes.append(write)
    assert numbers(case.check()) == (1, 1, 0, 0)
    write.outcome = "unknown"
    assert case.check().right
    write.outcome = "acked"
    said = case.stored.interactions.pop(name)
    case.stored.interactions["again"] = said
    assert numbers(case.check()) == (0, 1, 0, 0)
    case.stored.interactions[name] = case.stored.interactions.pop("again")
    del case.stored.interactions[name]
    assert case.check().right


def test_a_write_that_was_acked_is_lost(case: Case) -> None:
    del case.stored.rows["reminder"]["row 1"]
    assert numbers(case.check()) == (1, 0, 0, 0)
    case.added[1].outcome = "unknown"
    assert case.check().right


def test_a_write_was_made_twice(case: Case) -> None:
    rows = case.stored.rows["reminder"]
    rows["again"] = rows["row 2"]
    case.added[2].outcome = "unknown"
    assert numbers(case.check()) == (0, 1, 0, 0)


def test_a_row_that_was_deleted_is_there(case: Case) -> None:
    case.record.writes.append(
        Write("d", "w", "home", "delete", "reminder", "row 2", "w-2", 20, "acked")
    )
    assert numbers(case.check()) == (1, 0, 0, 0)
    del case.stored.rows["reminder"]["row 2"]
    assert case.check().right


def test_what_was_made_later_has_an_earlier_time(case: Case) -> None:
    rows = case.stored.rows["reminder"]
    rows["row 2"] = replace(rows["row 2"], created_at=NOON - timedelta(seconds=1))
    assert numbers(case.check()) == (0, 0, 1, 0)
    case.record.steps.append(Step("hub", 1.5))
    assert case.check().right


def test_the_last_change_is_in_force_and_each_counts_once(case: Case) -> None:
    case.change(1)
    case.change(2)
    case.row(name="c-2", version=3)
    assert case.check().right
    case.row(name="c-1", version=3)
    assert numbers(case.check()) == (0, 0, 1, 0)
    case.row(name="c-2", version=4)
    assert numbers(case.check()) == (0, 1, 0, 0)
    case.row(name="c-2", version=2)
    assert numbers(case.check()) == (1, 0, 0, 0)


def test_a_change_without_an_answer_may_be_in_force(case: Case) -> None:
    case.change(1)
    case.change(2, "unknown")
    for name, version in (("c-1", 2), ("c-2", 3)):
        case.row(name=name, version=version)
        assert case.check().right
    case.change(3, "refused")
    case.row(name="c-3", version=3)
    assert not case.check().right


def test_a_reminder_that_somebody_finished_is_and_was_once(case: Case) -> None:
    write = Write("d", "kitchen", "home", "complete", "reminder", "row 1", "w-1", 20, "acked")
    case.record.writes.append(write)
    assert numbers(case.check()) == (1, 0, 0, 0)
    rows = case.stored.rows["reminder"]
    rows["row 1"] = replace(rows["row 1"], status="completed", version=2)
    assert case.check().right
    rows["row 1"] = replace(rows["row 1"], version=3)
    assert numbers(case.check()) == (0, 1, 0, 0)
    del rows["row 1"]
    case.record.writes.append(
        Write("e", "w", "home", "delete", "reminder", "row 1", "w-1", 20, "acked")
    )
    assert case.check().right


def test_a_name_that_was_given_last_stays_unless_a_clock_was_stepped(case: Case) -> None:
    case.stored.rows["person"]["somebody"] = StoredRow("n-1", 3, NOON)
    for number in (1, 2):
        name = f"n-{number}"
        case.record.writes.append(
            Write(name, "hall", "home", "change", "person", "somebody", name, number, "acked")
        )
    assert numbers(case.check()) == (0, 0, 1, 0)
    case.record.steps.append(Step("hall", 1.5))
    assert case.check().right


def test_a_switch_that_was_turned_is_where_it_was_left(case: Case) -> None:
    for number, (value, outcome) in enumerate(((True, "acked"), (False, "acked"))):
        choice = Choice(f"s-{number}", "home", "kitchen", value, number)
        choice.outcome = outcome  # type: ignore[assignment]
        case.record.choices.append(choice)
    assert numbers(case.check()) == (1, 0, 0, 0)
    case.record.choices.append(Choice("s-2", "home", "kitchen", True, 2))  # never answered
    assert case.check().right


def test_a_copy_is_unequal(case: Case) -> None:
    case.replicas["home", "kitchen"]["interactions"] = frozenset({("a",), ("c",)})
    (line,) = case.check().unequal
    assert "kitchen" in line
    assert "'b'" in line
    assert "'c'" in line
