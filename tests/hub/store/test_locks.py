"""Whoever tells devices locks the network before any row of it, so that no two wait for each other.

An interaction holds the network, and then changes conversations, voices, reminders and devices.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event as sql_event

from hub.store.accounts import Accounts, DeviceChange
from hub.store.archive import Archive
from hub.store.database import Database
from hub.store.household import Household
from hub.store.household_kinds import CONVERSATIONS, PERSONS, REMINDERS
from hub.store.reminders import DueReminders
from hub.store.retention import Retention
from hub.store.settings import NetworkSettings
from hub.store.store import Store
from hub.store.voice_deeds import VoiceDeeds
from shared.wire.network import DeleteInteraction
from tests.hub.store.making import WoundClock, election, furnish, interaction

LOCKING = re.compile(
    r"^(?:UPDATE|DELETE FROM) (\w+)|FROM (\w+).* FOR (?:NO KEY )?UPDATE", re.DOTALL
)


class Home:
    """A network with something of everything."""

    def __init__(self, database: Database, clock: WoundClock) -> None:
        self.store, self.household = Store(database, clock), Household(database, clock)
        self.accounts, self.archive = Accounts(database, clock), Archive(database, clock)
        self.voices, self.due = VoiceDeeds(database, clock), DueReminders(database)
        self.retention = Retention(database)
        self.now = datetime.fromtimestamp(clock() / 1e6, UTC)

    async def open(self) -> Home:
        self.id = (await furnish(self.store)).network_id
        said = interaction()
        self.said, self.spoken_at = said.interaction_id, said.timestamp
        await self.store.record_interaction(said, election(self.id))
        known = await self.store.interaction(self.id, self.said)
        self.conversation = (known and known.conversation_id) or ""
        self.ann, self.ben = [
            (await self.household.add_person(self.id, name))[0].person_id for name in ("Ann", "Ben")
        ]
        values = {"title": "tea", "due_time": self.now, "priority": "low", "status": "pending"}
        self.reminder = (await self.household.add(REMINDERS, self.id, values))[0].reminder_id
        return self


DEEDS: dict[str, Callable[[Home], Awaitable[Any]]] = {
    "an interaction": lambda h: h.store.record_interaction(interaction(), election(h.id)),
    "a device's switch": lambda h: h.store.set_client_listening(h.id, "hall", False),
    "a device": lambda h: h.accounts.change_client(h.id, "hall", DeviceChange(name="h"), None),
    "a device's removal": lambda h: h.accounts.remove_client(h.id, "hall"),
    "the network's switch": lambda h: h.store.set_network_listening(h.id, False),
    "settings": lambda h: h.store.change_settings(h.id, NetworkSettings()),
    "a deletion": lambda h: h.archive.delete_interaction(h.id, h.said),
    "a device's deletion": lambda h: h.store.apply_change(
        h.id, "hall", 1, h.now, DeleteInteraction(interaction_id=h.said)
    ),
    "other words": lambda h: h.archive.recognised_again(h.id, h.said, "tea", {}),
    "retention": lambda h: h.retention.forget(h.id, h.spoken_at + timedelta(1), h.now),
    "a title": lambda h: h.household.change(
        CONVERSATIONS, h.id, h.conversation, {"title": "tea"}, None
    ),
    "a conversation's end": lambda h: h.household.delete(CONVERSATIONS, h.id, h.conversation),
    "a person's end": lambda h: h.household.delete(PERSONS, h.id, h.ann),
    "a reminder's end": lambda h: h.household.delete(REMINDERS, h.id, h.reminder),
    "a reminder that is due": lambda h: h.due.tell(h.id, h.now, {}),
    "a speaker": lambda h: h.voices.set_speaker(h.id, h.said, h.ann),
    "a merge": lambda h: h.voices.merge(h.id, h.ann, h.ben),
    "a voice's end": lambda h: h.voices.forget(h.id, h.ann),
    "all voices' end": lambda h: h.voices.forget_all(h.id),
}


@pytest.mark.parametrize("what", DEEDS)
async def test_the_network_is_locked_first(
    postgres_database: Database, clock: WoundClock, what: str
) -> None:
    home = await Home(postgres_database, clock).open()
    locked: list[str] = []

    def note(_: Any, __: Any, statement: str, *___: Any) -> None:
        if found := LOCKING.search(statement):
            locked.append(found[1] or found[2])

    sql_event.listen(postgres_database._engine.sync_engine, "before_cursor_execute", note)
    await DEEDS[what](home)
    assert locked[0] == "networks"
    assert len(locked) > 1
