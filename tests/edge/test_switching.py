"""Whether a device listens, where what it should remember cannot be written."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from edge.changes import Changes
from edge.replica import Replica, Scope, Switches
from edge.switching import Switching
from shared.ids import new_network_id

NETWORK = new_network_id()


class FullDisk:
    """Stands before a replica and refuses writes while it is full."""

    def __init__(self, replica: Replica, monkeypatch: pytest.MonkeyPatch) -> None:
        self.full = True
        keep, keep_pending = replica.set_switches, replica.set_pending

        def set_switches(switches: Switches) -> None:
            self._refuse()
            keep(switches)

        def set_pending(scope: Scope, listening: bool | None, made_at_us: int = 0) -> None:
            self._refuse()
            keep_pending(scope, listening, made_at_us)

        monkeypatch.setattr(replica, "set_switches", set_switches)
        monkeypatch.setattr(replica, "set_pending", set_pending)

    def _refuse(self) -> None:
        if self.full:
            raise sqlite3.OperationalError("database or disk is full")


def test_a_choice_that_cannot_be_kept_is_obeyed_and_said_and_kept_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replica = Replica(tmp_path / "replica.db", NETWORK)
    disk = FullDisk(replica, monkeypatch)
    switching = Switching("kitchen", replica, Changes(replica, lambda: 1_000_000))
    switching.choose(False, "client")
    assert not switching.listening
    unremembered = [switching.unremembered]
    disk.full = False
    switching.choose(False, "network")  # whatever is written next
    unremembered.append(switching.unremembered)
    assert unremembered == [True, False]
    replica.close()
    again = Replica(tmp_path / "replica.db", NETWORK)
    restarted = Switching("kitchen", again, Changes(again, lambda: 2_000_000))
    assert not restarted.listening
    assert not restarted.confirmed("client")
    again.close()
