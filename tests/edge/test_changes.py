"""What people do on a device is said to a hub once it is on disk, and not before."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from pathlib import Path

import pytest

from edge.changes import Changes
from edge.replica import Replica
from shared.errors import StoreError
from shared.ids import new_id
from shared.wire.fields import Message
from shared.wire.network import Change, CompleteReminder

NETWORK = "net_" + "0" * 32


async def test_what_cannot_be_kept_is_not_sent_on_a_connection_that_is_made_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replica = Replica(tmp_path / "replica.db", NETWORK)
    changes, sent = Changes(replica, lambda: 1), list[Message]()
    writing, full = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def keep(_: Change) -> None:
        loop.call_soon_threadsafe(writing.set)
        full.wait()
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(replica, "keep_change", keep)
    deed = CompleteReminder(reminder_id=new_id())
    doing = asyncio.ensure_future(changes.do(deed, sent.extend, 0.0))
    await writing.wait()
    told = changes.waiting  # what a new connection is told
    full.set()
    with pytest.raises(StoreError, match="cannot be kept"):
        await doing
    assert told == changes.waiting == sent == []
    replica.close()


async def test_what_is_kept_is_sent_and_waits_for_its_answer(tmp_path: Path) -> None:
    replica = Replica(tmp_path / "replica.db", NETWORK)
    changes, sent = Changes(replica, lambda: 1), list[Message]()
    assert not await changes.do(CompleteReminder(reminder_id=new_id()), sent.extend, 0.0)
    assert changes.waiting == sent == replica.changes()
    replica.close()
