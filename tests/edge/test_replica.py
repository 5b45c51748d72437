"""The device's own copy of the network."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.replica import Replica, Switches
from shared.ids import new_id
from shared.wire.events import ClientChanged, InteractionCreated, SettingsChanged

NETWORK = "net_" + "0" * 32


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
