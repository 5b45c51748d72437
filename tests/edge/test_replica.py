"""The device's own copy of the network."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.replica import Replica, Switches
from shared.ids import new_id
from shared.wire.events import (
    ActionDeleted,
    ActionExecuted,
    ClientChanged,
    ClientRemoved,
    ContextUpdated,
    ConversationDeleted,
    InteractionCreated,
    InteractionDeleted,
    PersonChanged,
    PersonDeleted,
    ReminderChanged,
    ReminderDeleted,
    ResyncRequired,
    Row,
    SettingsChanged,
    Snapshot,
)
from shared.wire.network import (
    Change,
    ChangeApplied,
    ChangeRefused,
    Deed,
    DeleteInteraction,
    NamePerson,
)

NETWORK = "net_" + "0" * 32
TALK = "2d3e4f5a-6b7c-4d8e-9f0a-1b2c3d4e5f07"


@pytest.fixture
def replica(tmp_path: Path) -> Iterator[Replica]:
    replica = Replica(tmp_path / "replica.db", NETWORK)
    yield replica
    replica.close()


def said(seq: int, text: str = "hello") -> InteractionCreated:
    return InteractionCreated(
        seq=seq,
        interaction_id=f"00000000-0000-4000-8000-{seq:012d}",
        text=text,
        speaker_id=None,
        client_id="kitchen",
        timestamp=datetime.fromtimestamp(1_700_000_000 + seq, UTC),
        processing_status="completed",
    )


def test_what_was_applied_is_there_after_a_restart(tmp_path: Path) -> None:
    replica = Replica(tmp_path / "replica.db", NETWORK)
    assert replica.apply([said(1), said(2, "again")]) == 2
    replica.close()
    replica = Replica(tmp_path / "replica.db", NETWORK)
    assert replica.cursor == 2
    assert replica.interactions() == [said(2, "again"), said(1)]
    replica.close()


def test_nobody_else_on_the_machine_reads_what_was_spoken(tmp_path: Path) -> None:
    replica = Replica(tmp_path / "replica.db", NETWORK)
    replica.apply([said(1)])
    assert {path.stat().st_mode & 0o077 for path in tmp_path.iterdir()} == {0}
    replica.close()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(batches=st.lists(st.lists(st.integers(1, 10), max_size=5), max_size=8))
def test_events_that_come_again_have_no_effect(tmp_path: Path, batches: list[list[int]]) -> None:
    replica = Replica(tmp_path / f"{new_id()}.db", NETWORK)
    highest = 0
    for batch in batches:
        # At least once, in order: a batch never leaves a gap above the cursor.
        replica.apply([said(seq) for seq in sorted(batch) if seq <= highest + 1])
        highest = max([highest, *(s for s in batch if s == highest + 1)])
    assert replica.cursor == highest
    assert sorted(i.seq for i in replica.interactions()) == list(range(1, highest + 1))
    replica.close()


def test_half_a_batch_is_never_seen(replica: Replica) -> None:
    broken = InteractionCreated(
        seq=2,
        interaction_id=new_id(),
        text=None,  # type: ignore[arg-type]
        speaker_id=None,
        client_id=None,
        timestamp=datetime.now(UTC),
        processing_status="completed",
    )
    with pytest.raises(Exception, match="NOT NULL"):
        replica.apply([said(1), broken])
    assert replica.cursor == 0
    assert replica.interactions() == []


def test_listening_is_remembered_for_a_start_without_a_hub(tmp_path: Path) -> None:
    replica = Replica(tmp_path / "replica.db", NETWORK)
    assert replica.switches == Switches(network=True, client=True)
    replica.set_switches(Switches(network=True, client=False))
    replica.set_pending("client", False)
    replica.apply([SettingsChanged(seq=1, listening=False, language="en")])
    replica.close()
    replica = Replica(tmp_path / "replica.db", NETWORK)
    assert replica.switches == Switches(network=False, client=False)
    assert replica.pending("client") is False
    replica.set_pending("client", None)
    assert replica.pending("client") is None
    replica.close()


def test_another_networks_copy_is_emptied(tmp_path: Path) -> None:
    replica = Replica(tmp_path / "replica.db", NETWORK)
    replica.apply([said(1), ClientChanged(seq=2, client_id="a", name="a", listening=True)])
    replica.close()
    replica = Replica(tmp_path / "replica.db", "net_" + "1" * 32)
    assert replica.cursor == 0
    assert replica.interactions() == []
    replica.close()


ANN = "0b1c2d3e-4f5a-4b6c-8d7e-9f0a1b2c3d05"


def rows(replica: Replica, table: str) -> list[tuple[object, ...]]:
    return replica._db.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall()  # noqa: S608


def change(seq: int, deed: Deed) -> Change:
    return Change(client_seq=seq, made_at_us=1, deed=deed)


def test_conversations_come_grow_and_go(replica: Replica) -> None:
    talk = msgspec.structs.replace(said(1, "hello"), conversation_id=TALK)
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    context = ContextUpdated(
        seq=2, conversation_id=TALK, title="hello", participants=[ANN], last_interaction_at=noon
    )
    replica.apply([talk, context])
    assert rows(replica, "conversations") == [(TALK, "hello", f'["{ANN}"]', noon.isoformat())]
    assert replica.interactions()[0].conversation_id == TALK
    replica.apply([PersonDeleted(seq=3, person_id=ANN)])
    assert rows(replica, "conversations") == [(TALK, "hello", "[]", noon.isoformat())]
    replica.apply([ConversationDeleted(seq=4, conversation_id=TALK)])
    assert rows(replica, "conversations") == []
    assert replica.interactions()[0].conversation_id is None


def test_a_copy_with_tables_of_another_version_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    replica = Replica(path, NETWORK)
    replica.set_switches(Switches(network=False, client=True))
    replica.apply([said(1, "hello")])
    replica._db.execute("ALTER TABLE interactions DROP COLUMN conversation_id")
    replica._db.execute("PRAGMA user_version = 0")
    replica.close()
    replica = Replica(path, NETWORK)
    assert (replica.cursor, replica.interactions()) == (0, [])
    assert not replica.switches.network  # what the hub does not tell again stays
    replica.apply([said(1, "hello")])
    assert replica.interactions() == [said(1, "hello")]


def test_people_and_reminders_come_change_and_go(replica: Replica) -> None:
    due = datetime(2026, 3, 1, tzinfo=UTC)
    remind = ReminderChanged(
        seq=3,
        reminder_id=ANN,
        title="call",
        description=None,
        due_time=due,
        priority="low",
        status="pending",
    )
    replica.apply(
        [
            PersonChanged(seq=1, person_id=ANN, name=None, index=2),
            PersonChanged(seq=2, person_id=ANN, name="Ann", index=2),
            remind,
        ]
    )
    assert rows(replica, "persons") == [(ANN, "Ann", 2)]
    assert rows(replica, "reminders") == [
        (ANN, "call", None, due.isoformat(), "low", "pending", None)
    ]
    replica.apply([PersonDeleted(seq=4, person_id=ANN), ReminderDeleted(seq=5, reminder_id=ANN)])
    assert rows(replica, "persons") == rows(replica, "reminders") == []


def test_what_was_done_comes_changes_and_goes_with_what_was_said(replica: Replica) -> None:
    done = ActionExecuted(
        seq=2,
        action_id=new_id(),
        action_type="create_reminder",
        status="completed",
        interaction_id=ANN,
        title="call",
        error_message=None,
    )
    replica.apply([done])
    assert rows(replica, "actions") == [
        (done.action_id, "create_reminder", "completed", ANN, "call", None)
    ]
    replica.apply([msgspec.structs.replace(done, seq=3, status="undone")])
    assert rows(replica, "actions") == [
        (done.action_id, "create_reminder", "undone", ANN, "call", None)
    ]
    replica.apply([ActionDeleted(seq=4, action_id=done.action_id)])
    assert rows(replica, "actions") == []
    replica.apply([msgspec.structs.replace(done, seq=5)])
    replica.apply([InteractionDeleted(seq=6, interaction_id=ANN)])
    assert rows(replica, "actions") == []


def test_what_somebody_said_stays_without_who_is_gone(replica: Replica) -> None:
    spoken = said(3)
    replica.apply(
        [
            ClientChanged(seq=1, client_id="kitchen", name="Kitchen", listening=True),
            PersonChanged(seq=2, person_id=ANN, name="Ann", index=2),
            InteractionCreated(
                **{f: getattr(spoken, f) for f in spoken.__struct_fields__} | {"speaker_id": ANN}
            ),
        ]
    )
    (kept,) = replica.interactions()
    assert (kept.client_id, kept.speaker_id) == ("kitchen", ANN)
    replica.apply([ClientRemoved(seq=4, client_id="kitchen"), PersonDeleted(seq=5, person_id=ANN)])
    (kept,) = replica.interactions()
    assert (kept.client_id, kept.speaker_id, kept.text) == (None, None, "hello")


def test_a_snapshot_takes_the_place_of_the_copy_at_once_and_as_a_whole(tmp_path: Path) -> None:
    replica = Replica(tmp_path / "replica.db", NETWORK)
    replica.apply([said(1, "old"), said(2, "gone")])
    new: list[Row] = [
        said(1, "new"),
        PersonChanged(seq=9, person_id=ANN, name="Ann", index=1),
        SettingsChanged(seq=9, listening=False, language="de"),
    ]
    assert replica.apply([ResyncRequired(cursor=9), Snapshot(rows=new[:1], last=False)]) == 2
    assert [i.text for i in replica.interactions()] == ["gone", "old"]
    replica.close()  # the connection broke; then the hub begins anew
    replica = Replica(tmp_path / "replica.db", NETWORK)
    assert replica.cursor == 2
    replica.apply([ResyncRequired(cursor=9), Snapshot(rows=new[:2], last=False)])
    assert replica.apply([Snapshot(rows=new[2:], last=True), said(9, "before"), said(10)]) == 10
    assert [i.text for i in replica.interactions()] == ["hello", "new"]
    assert rows(replica, "persons") == [(ANN, "Ann", 1)]
    assert not replica.switches.network
    assert rows(replica, "snapshot") == []
    replica.close()


def test_what_a_person_did_here_is_kept_until_the_hub_has_answered(tmp_path: Path) -> None:
    replica = Replica(tmp_path / "replica.db", NETWORK)
    done = ActionExecuted(
        seq=2,
        action_id=new_id(),
        action_type="create_reminder",
        status="completed",
        interaction_id=said(1).interaction_id,
        title="call",
        error_message=None,
    )
    replica.apply([said(1), said(2), msgspec.structs.replace(done, seq=3)])
    naming = change(7, NamePerson(person_id=ANN, name="Ann"))
    deleting = change(8, DeleteInteraction(interaction_id=said(1).interaction_id))
    replica.keep_change(naming)
    replica.keep_change(deleting)
    assert [i.seq for i in replica.interactions()] == [2]  # gone here at once
    assert rows(replica, "actions") == []
    replica.close()
    replica = Replica(tmp_path / "replica.db", NETWORK)
    assert replica.changes() == [naming, deleting]
    assert replica.last_change == 8
    # The hub may tell of it once more before it has heard that it is deleted.
    replica.apply(
        [
            said(4),
            InteractionCreated(
                **{f: getattr(said(1), f) for f in said(1).__struct_fields__} | {"seq": 5}
            ),
            msgspec.structs.replace(done, seq=6),
        ]
    )
    assert [i.seq for i in replica.interactions()] == [4, 2]
    assert rows(replica, "actions") == []
    replica.apply(
        [
            ChangeRefused(client_seq=7, code="NOT_FOUND", message="Nobody."),
            ChangeApplied(client_seq=8),
            InteractionDeleted(seq=7, interaction_id=said(1).interaction_id),
        ]
    )
    assert replica.changes() == []
    assert replica.refused == "a person's name: Nobody."
    assert replica.last_change == 8  # no number is given twice
    replica.clear()
    replica.keep_change(naming)
    replica.clear()  # the log's copy goes, what was done here stays
    assert replica.changes() == [naming]
    replica.close()
    replica = Replica(tmp_path / "replica.db", "net_" + "1" * 32)
    assert replica.changes() == []  # it was done in another network
    replica.close()


@pytest.mark.parametrize("how", ["event", "here", "snapshot"])
def test_of_what_is_deleted_no_byte_is_left(tmp_path: Path, how: str) -> None:
    replica = Replica(tmp_path / "replica.db", NETWORK)
    secret, other = "the deleted sentence", "what stays"
    replica.apply([said(1, secret)])
    replica.apply([said(2, other)])

    def bytes_on_disk() -> bytes:
        return b"".join(path.read_bytes() for path in sorted(tmp_path.iterdir()))

    assert secret.encode() in bytes_on_disk()
    gone = said(1).interaction_id
    if how == "event":
        replica.apply([InteractionDeleted(seq=3, interaction_id=gone)])
    elif how == "here":
        replica.keep_change(change(7, DeleteInteraction(interaction_id=gone)))
    else:
        replica.apply([ResyncRequired(cursor=9), Snapshot(rows=[said(2, other)], last=True)])
    assert secret.encode() not in bytes_on_disk()
    assert other.encode() in bytes_on_disk()
    replica.close()
