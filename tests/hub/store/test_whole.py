"""A call to the store ends by itself, however its caller ends."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from hub.store.database import Database
from hub.store.store import Store
from tests.hub.store.making import WoundClock, furnish


async def test_cancelled_callers_leave_the_database_to_the_others(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever it is cancelled, the next writer has its turn and finds the change whole."""
    monkeypatch.setattr("hub.store.sqlite.BUSY_TIMEOUT_S", 0)
    database = await Database.open(path)
    store = Store(database, WoundClock())
    ours, theirs = [await furnish(store) for _ in range(2)]
    for patience in range(60):
        change = asyncio.create_task(
            store.set_client_listening(ours.network_id, "kitchen", listening=bool(patience % 2))
        )
        for _ in range(patience):
            await asyncio.sleep(0)
        await asyncio.sleep(patience / 20_000)  # some of it is spent on the driver's thread
        change.cancel()
        await asyncio.gather(change, return_exceptions=True)
        await store.set_network_listening(theirs.network_id, listening=True)
    await database.close()
    database = await Database.open(path)
    events = await Store(database, WoundClock()).events_after(ours.network_id, 0)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    await database.close()


async def test_closing_waits_for_what_is_going_on(path: Path) -> None:
    database = await Database.open(path)
    store = Store(database, WoundClock())
    home = await furnish(store)
    change = asyncio.create_task(store.set_network_listening(home.network_id, listening=False))
    await asyncio.sleep(0)
    change.cancel()
    await database.close()
    database = await Database.open(path)
    assert not (await Store(database, WoundClock()).network(home.network_id)).settings.listening
    await database.close()
