"""`mira-edge people`, `reminders`, and what a person may do about what is there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edge.cli import main
from edge.control import AskChange
from edge.history import UnknownIdError, read_history, read_people, read_reminders, whole_id
from edge.replica import Replica
from shared.wire.events import InteractionCreated, PersonChanged, ReminderChanged
from shared.wire.network import (
    Change,
    CompleteReminder,
    Deed,
    DeleteInteraction,
    LastingDeed,
    NamePerson,
)
from tests.edge.test_cli import FakeDaemon

ANN = "0b1c2d3e-4f5a-4b6c-8d7e-9f0a1b2c3d05"
BOB = "0b1c2d3e-4f5a-4b6c-8d7e-9f0a1b2c3d06"
CALL = "1c2d3e4f-5a6b-4c7d-9e8f-0a1b2c3d4e06"
WATER = "2c2d3e4f-5a6b-4c7d-9e8f-0a1b2c3d4e06"
SAID = "c9d8e7f6-1a2b-4c3d-9e8f-7a6b5c4d3e04"
DUE = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


def remind(seq: int, reminder_id: str, title: str, status: str) -> ReminderChanged:
    return ReminderChanged(
        seq=seq,
        reminder_id=reminder_id,
        title=title,
        description=None,
        due_time=DUE,
        priority="low",
        status=status,  # type: ignore[arg-type]
    )


@pytest.fixture
def replica(tmp_path: Path) -> Iterator[Replica]:
    """A copy with two people, two reminders, and a sentence of Ann's."""
    replica = Replica(tmp_path / "replica.db", "net_" + "0" * 32)
    said = InteractionCreated(
        seq=5,
        interaction_id=SAID,
        text="call Bob",
        speaker_id=ANN,
        client_id=None,
        timestamp=DUE,
        processing_status="completed",
    )
    replica.apply(
        [
            PersonChanged(seq=1, person_id=ANN, name="Ann", index=1),
            PersonChanged(seq=2, person_id=BOB, name=None, index=2),
            remind(3, CALL, "call Bob", "pending"),
            remind(4, WATER, "water the plants", "completed"),
            said,
        ]
    )
    yield replica
    replica.close()


@pytest.fixture
def path(replica: Replica, tmp_path: Path) -> Path:
    return tmp_path / "replica.db"


@pytest.fixture
def config(replica: Replica, tmp_path: Path) -> str:
    path = tmp_path / "edge.toml"
    path.write_text(
        f'[paths]\nstate_dir = {json.dumps(str(tmp_path))}\n[hub]\nclient_id = "kitchen"\n'
    )
    return str(path)


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[FakeDaemon]:
    daemon = FakeDaemon(tmp_path)
    yield daemon
    daemon.close()


def did(replica: Replica, seq: int, deed: Deed) -> None:
    replica.keep_change(Change(client_seq=seq, made_at_us=1, deed=deed))


def test_what_was_done_here_is_shown_before_the_hub_knows(replica: Replica, path: Path) -> None:
    assert [(one.name, one.index) for one in read_people(path)] == [("Ann", 1), (None, 2)]
    assert [one.status for one in read_reminders(path)] == ["pending", "completed"]
    assert [one.speaker for one in read_history(path, 10)] == ["Ann"]
    did(replica, 1, NamePerson(person_id=BOB, name="Bo"))
    did(replica, 2, NamePerson(person_id=BOB, name="Bob"))
    did(replica, 3, NamePerson(person_id=ANN, name="Anna"))
    did(replica, 4, CompleteReminder(reminder_id=CALL))
    assert [one.name for one in read_people(path)] == ["Anna", "Bob"]
    assert [one.status for one in read_reminders(path)] == ["completed", "completed"]
    assert [one.speaker for one in read_history(path, 10)] == ["Anna"]


def test_who_has_no_name_has_a_number(replica: Replica, path: Path) -> None:
    replica.apply(
        [
            InteractionCreated(
                seq=6,
                interaction_id=CALL,
                text="hello",
                speaker_id=BOB,
                client_id=None,
                timestamp=DUE + timedelta(minutes=1),
                processing_status="completed",
            )
        ]
    )
    assert [one.speaker for one in read_history(path, 10)] == ["Ann", "Person 2"]


def test_the_beginning_of_an_id_is_enough_where_it_is_but_one(path: Path) -> None:
    assert whole_id(path, "interactions", "c9d8") == SAID
    assert whole_id(path, "persons", ANN.upper()) == ANN
    with pytest.raises(UnknownIdError, match="More than one"):
        whole_id(path, "persons", "0b1c2d3e")
    with pytest.raises(UnknownIdError, match="No id begins"):
        whole_id(path, "reminders", "ffff")
    with pytest.raises(UnknownIdError, match="At least 4"):
        whole_id(path, "reminders", "1c2")
    with pytest.raises(UnknownIdError):
        whole_id(path, "reminders", "%%%%")


def test_lists_for_people_and_for_programs(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["people", "--config", config]) == 0
    assert capsys.readouterr().out.splitlines() == ["0b1c2d3e  Ann", "0b1c2d3e  Person 2"]
    assert main(["reminders", "--config", config]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("1c2d3e4f")
    assert line.endswith("pending    call Bob")
    assert main(["reminders", "--all", "--json", "--config", config]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(one["reminder_id"], one["status"]) for one in lines] == [
        (CALL, "pending"),
        (WATER, "completed"),
    ]


@pytest.mark.parametrize(
    ("command", "deed"),
    [
        (["delete", "c9d8e7f6"], DeleteInteraction(interaction_id=SAID)),
        (["name", BOB, "Bob the builder"], NamePerson(person_id=BOB, name="Bob the builder")),
        (["complete", "1c2d"], CompleteReminder(reminder_id=CALL)),
    ],
)
def test_the_daemon_is_asked_to_do_it(
    config: str,
    daemon: FakeDaemon,
    capsys: pytest.CaptureFixture[str],
    command: list[str],
    deed: LastingDeed,
) -> None:
    assert main([*command, "--config", config]) == 0
    assert daemon.asked == [AskChange(deed=deed)]
    assert "as soon as a hub answers" in capsys.readouterr().out
    daemon.done = True
    assert main([*command, "--config", config]) == 0
    assert "as soon as" not in capsys.readouterr().out


def test_what_is_not_there_is_not_asked_for(
    config: str, daemon: FakeDaemon, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["delete", "ffffffff", "--config", config]) == 1
    assert "No id begins with 'ffffffff'" in capsys.readouterr().err
    assert daemon.asked == []
    with pytest.raises(SystemExit):
        main(["name", BOB, "x" * 65, "--config", config])


def test_without_a_daemon_it_says_so(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["complete", "1c2d", "--config", config]) == 1
    assert "No daemon answers" in capsys.readouterr().err
