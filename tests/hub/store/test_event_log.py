"""Logs that were made short tell the same: whoever replays one ends with what a snapshot says.

A state machine lives through it on a real database, with real copies of devices that fall behind,
catch up by parts, break off in the middle of a snapshot, and are away for longer than the log is
kept.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    rule,
)

from edge.replica import Replica
from hub.actions.intents import CreateReminder
from hub.store.accounts import Accounts
from hub.store.archive import Archive
from hub.store.database import Database
from hub.store.errors import CursorExpiredError, NotFoundError
from hub.store.event_log import EventLogs
from hub.store.household import Household
from hub.store.household_kinds import CONVERSATIONS, EVENTS, PERSONS, REMINDERS
from hub.store.records import Asked, NetworkInfo
from hub.store.reminders import DueReminders
from hub.store.store import Store
from hub.store.voice_deeds import VoiceDeeds
from shared.wire.events import ResyncRequired, Snapshot
from shared.wire.network import DeleteInteraction, NamePerson
from tests.hub.store.making import WoundClock, election, furnish, interaction

T = TypeVar("T")

KEPT = timedelta(days=30)
DAY_US = 24 * 3600 * 1_000_000


def rows_of(replica: Replica) -> dict[str, list[Any]]:
    """All that a copy says of the network, but for the numbers of events."""
    return {
        table: replica._db.execute(
            f"SELECT * FROM {table} ORDER BY 1"  # noqa: S608 - our own names
            if table != "interactions"
            else "SELECT interaction_id, text, speaker_id, client_id, timestamp,"
            " processing_status, conversation_id FROM interactions ORDER BY 1"
        ).fetchall()
        for table in (
            "interactions",
            "conversations",
            "clients",
            "persons",
            "reminders",
            "calendar",
            "actions",
        )
    } | {"settings": [replica.switches.network, replica._state("language") or "en"]}


async def read_some(store: Store, network_id: str, replica: Replica, limit: int) -> bool:
    """A part of what a device is owed goes into its copy; whether there is more.

    What is cut off is made up by a snapshot, as the hub's sessions do it.
    """
    try:
        events = await store.events_after(network_id, replica.cursor, limit)
    except CursorExpiredError as expired:
        replica.apply([ResyncRequired(cursor=expired.newest)])
        position: str | None = ""
        while position is not None:
            rows, position = await store.snapshot(network_id, expired.newest, position, limit)
            replica.apply([Snapshot(rows=list(rows), last=position is None)])
        return True
    replica.apply(events)
    return len(events) == limit


class Histories(RuleBasedStateMachine):
    """Whatever happens, and however the log was shortened, all copies end alike."""

    template: Path

    interactions = Bundle[str]("interactions")
    persons = Bundle[str]("persons")
    reminders = Bundle[str]("reminders")
    clients = Bundle[str]("clients")
    appointments = Bundle[str]("appointments")

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = TemporaryDirectory()
        path = Path(shutil.copy(self.template, self.folder.name))
        self.database = self.runner.run(Database.open(path))
        self.clock = WoundClock()
        self.store = Store(self.database, self.clock)
        self.household = Household(self.database, self.clock)
        self.logs = EventLogs(self.database)
        self.home: NetworkInfo
        self.replicas: dict[str, Replica] = {}
        self.sessions: dict[str, str] = {}
        self.changes = 0

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        self.clock.now_us += 1000
        return self.runner.run(work)

    @property
    def now(self) -> datetime:
        return datetime.fromtimestamp(self.clock.now_us / 1e6, UTC)

    @initialize()
    def furnish(self) -> None:
        self.home = self.do(furnish(self.store))
        for name in ("kitchen", "hall", "cellar"):
            self.copy(name)

    def copy(self, name: str) -> Replica:
        """A device's copy, empty."""
        path = Path(self.folder.name) / f"{name}-{len(self.replicas)}.db"
        self.replicas[name] = Replica(path, self.home.public_id)
        return self.replicas[name]

    @rule(target=interactions, text=st.sampled_from(["hello", "", "käse"]))
    def speak(self, text: str) -> str:
        said = replace(interaction(text), timestamp=self.now)
        chosen = election(self.home.network_id, started_at_us=self.clock.now_us)
        self.do(self.store.record_interaction(said, chosen))
        return said.interaction_id

    @rule(target=interactions, title=st.sampled_from(["call", "water"]))
    def ask(self, title: str) -> str:
        intent = CreateReminder(title=title, at=self.now)
        said = replace(
            interaction(title), timestamp=self.now, asked=Asked(intent, ZoneInfo("Europe/Berlin"))
        )
        chosen = election(self.home.network_id, started_at_us=self.clock.now_us)
        self.do(self.store.record_interaction(said, chosen))
        return said.interaction_id

    @rule(interaction_id=interactions, person_id=persons)
    def say_who_spoke(self, interaction_id: str, person_id: str) -> None:
        deeds = VoiceDeeds(self.database, self.clock)
        with suppress(NotFoundError):  # deleted at a device
            self.do(deeds.set_speaker(self.home.network_id, interaction_id, person_id))

    @rule(one=consumes(persons), other=persons)
    def merge(self, one: str, other: str) -> None:
        deeds = VoiceDeeds(self.database, self.clock)
        with suppress(NotFoundError):  # they are one
            self.do(deeds.merge(self.home.network_id, other, one))

    @rule(interaction_id=consumes(interactions))
    def delete(self, interaction_id: str) -> None:
        archive = Archive(self.database, self.clock)
        self.do(archive.delete_interaction(self.home.network_id, interaction_id))

    @rule(interaction_id=interactions)
    def recognise_again(self, interaction_id: str) -> None:
        archive = Archive(self.database, self.clock)
        self.do(archive.recognised_again(self.home.network_id, interaction_id, "again", {}))

    @rule(minutes=st.integers(1, 9))
    def speak_later_than_said(self, minutes: int) -> None:
        said = replace(interaction("late"), timestamp=self.now - timedelta(minutes=minutes))
        chosen = election(self.home.network_id, started_at_us=self.clock.now_us)
        self.do(self.store.record_interaction(said, chosen))

    @rule(minutes=st.integers(1, 9))
    def be_silent(self, minutes: int) -> None:
        self.clock.now_us += minutes * 60_000_000

    @rule(interaction_id=interactions, title=st.sampled_from(["Tea", None]))
    def name_conversation(self, interaction_id: str, title: str | None) -> None:
        network_id = self.home.network_id
        said = self.do(self.store.interaction(network_id, interaction_id))
        if said is not None and said.conversation_id is not None:
            values = {"title": title}
            self.do(
                self.household.change(CONVERSATIONS, network_id, said.conversation_id, values, None)
            )

    @rule(interaction_id=interactions)
    def forget_conversation(self, interaction_id: str) -> None:
        network_id = self.home.network_id
        said = self.do(self.store.interaction(network_id, interaction_id))
        if said is not None and said.conversation_id is not None:
            self.do(self.household.delete(CONVERSATIONS, network_id, said.conversation_id))

    @rule(target=persons, name=st.sampled_from(["Ann", "Zoë"]))
    def meet(self, name: str) -> str:
        return self.do(self.household.add_person(self.home.network_id, name))[0].person_id

    @rule(person_id=persons, name=st.sampled_from(["Bob", "Cleo"]))
    def name(self, person_id: str, name: str) -> None:
        network_id = self.home.network_id
        self.do(self.household.change(PERSONS, network_id, person_id, {"name": name}, None))

    @rule(person_id=consumes(persons))
    def forget_person(self, person_id: str) -> None:
        self.do(self.household.delete(PERSONS, self.home.network_id, person_id))

    @rule(target=reminders, title=st.sampled_from(["call", "water"]))
    def remind(self, title: str) -> str:
        values = {"due_time": self.now, "priority": "low", "status": "pending", "title": title}
        return self.do(self.household.add(REMINDERS, self.home.network_id, values))[0].reminder_id

    @rule()
    def tell_due(self) -> None:
        self.do(DueReminders(self.database).tell(self.home.network_id, self.now, {}))

    @rule(reminder_id=reminders, minutes=st.integers(0, 90))
    def put_off(self, reminder_id: str, minutes: int) -> None:
        values = {"due_time": self.now + timedelta(minutes=minutes)}
        network_id = self.home.network_id
        self.do(self.household.change(REMINDERS, network_id, reminder_id, values, None))

    @rule(target=appointments, title=st.sampled_from(["dentist", "party"]))
    def appoint(self, title: str) -> str:
        values = {"start_time": self.now, "title": title, "attendees": ["Ann"]}
        return self.do(self.household.add(EVENTS, self.home.network_id, values))[0].event_id

    @rule(event_id=consumes(appointments))
    def call_off(self, event_id: str) -> None:
        self.do(self.household.delete(EVENTS, self.home.network_id, event_id))

    @rule(reminder_id=consumes(reminders))
    def forget_reminder(self, reminder_id: str) -> None:
        self.do(self.household.delete(REMINDERS, self.home.network_id, reminder_id))

    @rule(target=clients, listening=st.booleans())
    def add_client(self, listening: bool) -> str:
        network_id = self.home.network_id
        client, _, _ = self.do(self.store.add_client(network_id, "attic"))
        self.do(self.store.set_client_listening(network_id, client.client_id, listening))
        return client.client_id

    @rule(client_id=consumes(clients))
    def remove_client(self, client_id: str) -> None:
        accounts = Accounts(self.database, self.clock)
        self.do(accounts.remove_client(self.home.network_id, client_id))

    @rule(client_id=clients, text=st.sampled_from(["from the attic"]))
    def speak_at(self, client_id: str, text: str) -> None:
        said = replace(interaction(text), timestamp=self.now, client_id=client_id)
        chosen = election(self.home.network_id, started_at_us=self.clock.now_us)
        self.do(self.store.record_interaction(said, chosen))

    @rule(listening=st.booleans())
    def switch(self, listening: bool) -> None:
        self.do(self.store.set_network_listening(self.home.network_id, listening))

    @rule(interaction_id=consumes(interactions), name=st.sampled_from(["kitchen", "hall"]))
    def delete_at_a_device(self, interaction_id: str, name: str) -> None:
        self.changes += 1
        deed = DeleteInteraction(interaction_id=interaction_id)
        for _ in range(2):  # the first answer is lost
            self.do(
                self.store.apply_change(self.home.network_id, name, self.changes, self.now, deed)
            )

    @rule(person_id=persons, name=st.sampled_from(["kitchen", "hall"]))
    def name_at_a_device(self, person_id: str, name: str) -> None:
        self.changes += 1
        deed = NamePerson(person_id=person_id, name=f"named {self.changes}")
        self.do(self.store.apply_change(self.home.network_id, name, self.changes, self.now, deed))

    @rule(name=st.sampled_from(["kitchen", "hall", "cellar"]), limit=st.integers(1, 7))
    def read(self, name: str, limit: int) -> None:
        self.do(read_some(self.store, self.home.network_id, self.replicas[name], limit))

    @rule(name=st.sampled_from(["kitchen", "hall"]))
    def connect(self, name: str) -> None:
        """It is here from now on, and says how far it is: not before what was cut off."""
        network_id = self.home.network_id
        self.do(read_some(self.store, network_id, self.replicas[name], 7))
        cursor = self.replicas[name].cursor
        if name in self.sessions:
            self.do(
                self.store.client_disconnected(network_id, name, self.sessions.pop(name), cursor)
            )
        self.sessions[name] = self.do(self.store.client_connected(network_id, name, "1", cursor))

    @rule(name=st.sampled_from(["kitchen", "hall"]))
    def disconnect(self, name: str) -> None:
        if session := self.sessions.pop(name, None):
            cursor = self.replicas[name].cursor
            network_id = self.home.network_id
            self.do(self.store.client_disconnected(network_id, name, session, cursor))

    @rule(name=st.sampled_from(["kitchen", "hall"]))
    def breaks_off(self, name: str) -> None:
        """A snapshot whose end does not come changes nothing."""
        replica = self.replicas[name]
        before, cursor = rows_of(replica), replica.cursor
        replica.apply([ResyncRequired(cursor=cursor + 1000), Snapshot(rows=[], last=False)])
        assert (rows_of(replica), replica.cursor) == (before, cursor)

    @rule()
    def compact(self) -> None:
        self.do(self.logs.compact(self.home.network_id))

    @rule(days=st.sampled_from([1, 20, 31]))
    def cut_off(self, days: int) -> None:
        self.clock.now_us += days * DAY_US
        acked = {session: self.replicas[name].cursor for name, session in self.sessions.items()}
        self.do(self.store.note_acks(self.home.network_id, acked))
        self.do(self.logs.cut_off(self.home.network_id, KEPT, self.now))

    @invariant()
    def whoever_is_here_is_never_cut_off(self) -> None:
        for name in self.sessions:
            # Raises CursorExpiredError otherwise.
            cursor = self.replicas[name].cursor
            self.runner.run(self.store.events_after(self.home.network_id, cursor, 1))

    def teardown(self) -> None:
        try:
            if self.replicas:
                self.all_copies_end_alike()
        finally:
            for replica in self.replicas.values():
                replica.close()
            self.runner.run(self.database.close())
            self.runner.close()
            self.folder.cleanup()

    def all_copies_end_alike(self) -> None:
        for number, replica in enumerate(list(self.replicas.values())):
            while self.do(read_some(self.store, self.home.network_id, replica, number + 2)):
                pass
        fresh = self.copy("fresh")
        newest = self.do(self.store.last_seq(self.home.network_id))
        fresh.apply([ResyncRequired(cursor=newest)])
        position: str | None = ""
        parts = []
        while position is not None:
            rows, position = self.do(self.store.snapshot(self.home.network_id, newest, position, 3))
            parts.append(list(rows))
        fresh.apply([Snapshot(rows=part, last=part is parts[-1]) for part in parts])
        expected = rows_of(fresh)
        for name, replica in self.replicas.items():
            assert rows_of(replica) == expected, name
            assert replica.cursor == newest


def test_however_the_log_is_shortened_all_copies_end_alike(template: Path) -> None:
    class WithTemplate(Histories):
        pass

    WithTemplate.template = template
    machine = WithTemplate.TestCase
    machine.settings = settings(
        max_examples=25, stateful_step_count=30, deadline=None, phases=[Phase.generate]
    )
    machine().runTest()


async def test_of_lines_about_one_row_the_newest_stays(
    any_database: Database, clock: WoundClock
) -> None:
    store, logs = Store(any_database, clock), EventLogs(any_database)
    home = await furnish(store)
    for listening in (False, True, False):
        await store.set_client_listening(home.network_id, "hall", listening)
    assert await logs.compact(home.network_id) == 3
    events = await store.events_after(home.network_id, 0)
    assert [event.seq for event in events] == [1, 5]
    assert await store.last_seq(home.network_id) == 5
    assert await logs.compact(home.network_id) == 0


async def test_what_is_older_than_kept_is_cut_off_unless_a_device_that_was_here_lacks_it(
    any_database: Database, clock: WoundClock
) -> None:
    store, logs = Store(any_database, clock), EventLogs(any_database)
    home = await furnish(store)
    network_id = home.network_id
    for _ in range(5):
        await store.set_network_listening(network_id, listening=True)

    def now() -> datetime:
        return datetime.fromtimestamp(clock.now_us / 1e6, UTC)

    assert await logs.cut_off(network_id, KEPT, now()) == 0  # all of it is new
    clock.now_us += 31 * DAY_US
    session = await store.client_connected(network_id, "hall", "1", 2)
    assert await logs.cut_off(network_id, KEPT, now()) == 2
    assert [e.seq for e in await store.events_after(network_id, 2)] == [3, 4, 5, 6, 7]
    with pytest.raises(CursorExpiredError) as expired:
        await store.events_after(network_id, 1)
    assert expired.value.newest == 7
    await store.client_disconnected(network_id, "hall", session, 3)
    clock.now_us += 29 * DAY_US  # it was here within the time
    assert await logs.cut_off(network_id, KEPT, now()) == 1
    clock.now_us += 2 * DAY_US  # and now it was not
    assert await logs.cut_off(network_id, KEPT, now()) == 4
    assert await store.events_after(network_id, 7) == ()
    with pytest.raises(CursorExpiredError):
        await store.events_after(network_id, 6)
    # What happens from now on follows as before.
    event = await store.set_network_listening(network_id, listening=False)
    assert event.seq == 8
    assert await store.events_after(network_id, 7) == (event,)


@pytest.mark.parametrize("compacted", [False, True])
async def test_a_device_that_was_away_says_what_is_due_whatever_else_changed_of_it(
    any_database: Database, clock: WoundClock, tmp_path: Path, *, compacted: bool
) -> None:
    store, logs = Store(any_database, clock), EventLogs(any_database)
    household, due = Household(any_database, clock), DueReminders(any_database)
    home = await furnish(store)
    network_id = home.network_id
    now = datetime.fromtimestamp(clock.now_us / 1e6, UTC)
    values = {"due_time": now, "priority": "low", "status": "pending", "title": "water"}
    made, _ = await household.add(REMINDERS, network_id, values)
    replica = Replica(tmp_path / "copy.db", home.public_id)
    while await read_some(store, network_id, replica, 10):  # then it is away
        pass
    await due.tell(network_id, now, {})
    await household.change(REMINDERS, network_id, made.reminder_id, {"title": "water it"}, None)
    if compacted:
        await logs.compact(network_id)
    await read_some(store, network_id, replica, 10)
    assert [one.title for one in replica.announcements("hall")] == ["water it"]
    replica.close()


async def test_that_a_reminder_was_due_is_no_news_once_it_is_dealt_with(
    any_database: Database, clock: WoundClock
) -> None:
    store, logs = Store(any_database, clock), EventLogs(any_database)
    household, due = Household(any_database, clock), DueReminders(any_database)
    network_id = (await furnish(store)).network_id
    now = datetime.fromtimestamp(clock.now_us / 1e6, UTC)
    values = {"due_time": now, "priority": "low", "status": "pending", "title": "water"}
    made, _ = await household.add(REMINDERS, network_id, values)
    await due.tell(network_id, now, {})
    later = {"due_time": now + timedelta(minutes=5)}
    await household.change(REMINDERS, network_id, made.reminder_id, later, None)
    assert await logs.compact(network_id) == 2
    await due.tell(network_id, now + timedelta(minutes=5), {})
    await household.change(REMINDERS, network_id, made.reminder_id, {"status": "completed"}, None)
    await logs.compact(network_id)
    events = await store.events_after(network_id, 0)
    assert [type(one).__name__ for one in events] == ["ClientChanged"] * 2 + ["ReminderChanged"]
