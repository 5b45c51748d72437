"""Reminders are told when they come due: once, to the device nearest whoever they are for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hub.store.accounts import Accounts
from hub.store.database import Database
from hub.store.household import Household
from hub.store.household_kinds import PERSONS, REMINDERS
from hub.store.records import NetworkInfo
from hub.store.reminders import OVERDUE_AFTER, DueReminders
from hub.store.scope import Scope
from hub.store.store import Store
from hub.store.tables import Interaction
from hub.store.voice_deeds import VoiceDeeds
from shared.wire.events import ContextUpdated, Event, ReminderChanged, ReminderDue
from tests.hub.store.making import SPOKEN_AT, WoundClock, election, furnish, interaction
from tests.hub.store.server import Server

MINUTE = timedelta(minutes=1)
DUE = SPOKEN_AT + timedelta(hours=1)


class House:
    """A database with one network, whose devices are connected as a test says."""

    def __init__(self, database: Database) -> None:
        self.database, self.clock = database, WoundClock()
        self.store = Store(database, self.clock)
        self.household = Household(database, self.clock)
        self.due = DueReminders(database)
        self.home: NetworkInfo

    async def remind(self, title: str = "call Ann", due: datetime = DUE, **more: Any) -> str:
        values = {"title": title, "due_time": due, "priority": "medium", "status": "pending"}
        made, _ = await self.household.add(REMINDERS, self.home.network_id, values | more)
        return made.reminder_id

    async def change(self, reminder_id: str, **values: Any) -> str:
        changed, _ = await self.household.change(
            REMINDERS, self.home.network_id, reminder_id, values, None
        )
        return changed.status

    async def tell(self, now: datetime, *speaking: str) -> list[Event]:
        return list(await self.due.tell(self.home.network_id, now, dict.fromkeys(speaking, True)))

    async def online(self, *names: str) -> None:
        for name in names:
            await self.store.client_connected(self.home.network_id, name, "1", 0)

    async def say(self, name: str, after: timedelta, person_id: str | None = None) -> None:
        said = replace(interaction(client_id=name), timestamp=SPOKEN_AT + after)
        await self.store.record_interaction(said, election(self.home.network_id))
        async with self.database.transaction(Scope(self.home.network_id)) as session:
            row = await session.get_one(Interaction, said.interaction_id)
            row.speaker_id = person_id

    async def announced_to(self, person_id: str | None = None, *speaking: str) -> str | None:
        await self.remind(person_id=person_id)
        (told,) = await self.tell(DUE, *speaking)
        assert isinstance(told, ReminderDue)
        return told.announce_to


@pytest.fixture
async def house(any_database: Database) -> House:
    house = House(any_database)
    house.home = await furnish(house.store)
    return house


async def test_what_is_due_is_told_once_and_nothing_before(house: House) -> None:
    reminder_id = await house.remind()
    assert await house.tell(DUE - timedelta(microseconds=1)) == []
    (told,) = await house.tell(DUE)
    assert told == ReminderDue(
        seq=told.seq,
        reminder_id=reminder_id,
        title="call Ann",
        description=None,
        due_time=DUE,
        priority="medium",
        status="pending",
        person_id=None,
        announce_to=None,
    )
    assert await house.tell(DUE + MINUTE) == []
    assert await house.store.events_after(house.home.network_id, told.seq - 1) == (told,)


@pytest.mark.parametrize("status", ["completed", "cancelled", "overdue"])
async def test_what_was_dealt_with_is_not_told(house: House, status: str) -> None:
    await house.remind(status=status)
    assert await house.tell(DUE) == []


async def test_what_has_been_due_for_weeks_is_overdue_and_nobody_is_called(house: House) -> None:
    await house.remind(due=DUE - timedelta(days=8))
    (told,) = await house.tell(DUE)
    assert isinstance(told, ReminderChanged)
    assert told.status == "overdue"
    assert await house.tell(DUE + MINUTE) == []


async def test_what_came_due_while_no_hub_was_there_is_told_and_then_overdue(house: House) -> None:
    await house.remind("older", DUE - OVERDUE_AFTER + MINUTE)
    await house.remind("newer", DUE - MINUTE)
    told = await house.tell(DUE)
    assert [one.title for one in told if isinstance(one, ReminderDue)] == ["older", "newer"]
    assert await house.tell(DUE + OVERDUE_AFTER - MINUTE) == []
    late = await house.tell(DUE + OVERDUE_AFTER)
    assert [one.status for one in late if isinstance(one, ReminderChanged)] == ["overdue"] * 2
    assert await house.tell(DUE + 2 * OVERDUE_AFTER) == []


async def test_what_is_found_an_hour_late_is_overdue_and_nobody_says_it(house: House) -> None:
    await house.online("hall")
    reminder_id = await house.remind(due=DUE - OVERDUE_AFTER)
    (late,) = await house.tell(DUE, "hall")
    assert isinstance(late, ReminderChanged)
    assert (late.reminder_id, late.status) == (reminder_id, "overdue")
    assert await house.tell(DUE + OVERDUE_AFTER, "hall") == []
    # A device that was away is told the same.
    assert (await house.store.events_after(house.home.network_id, late.seq - 1))[0] == late
    assert await house.change(reminder_id, due_time=DUE + MINUTE) == "pending"
    (told,) = await house.tell(DUE + MINUTE, "hall")
    assert isinstance(told, ReminderDue)
    assert told.announce_to == "hall"


async def test_what_was_told_and_is_moved_far_back_is_overdue_at_once(house: House) -> None:
    reminder_id = await house.remind()
    await house.tell(DUE)
    await house.change(reminder_id, due_time=DUE - timedelta(days=1))
    (late,) = await house.tell(DUE + MINUTE)
    assert isinstance(late, ReminderChanged)
    assert late.status == "overdue"


async def test_what_is_put_off_is_told_again(house: House) -> None:
    reminder_id = await house.remind()
    await house.tell(DUE)
    await house.change(reminder_id, due_time=DUE + MINUTE)
    assert await house.tell(DUE) == []
    assert len(await house.tell(DUE + MINUTE)) == 1
    (overdue,) = await house.tell(DUE + MINUTE + OVERDUE_AFTER)
    assert isinstance(overdue, ReminderChanged)
    tomorrow = DUE + timedelta(days=1)
    assert await house.change(reminder_id, title="call Bob") == "overdue"
    assert await house.change(reminder_id, due_time=tomorrow) == "pending"
    assert len(await house.tell(tomorrow)) == 1


async def test_who_was_away_hears_of_a_reminder_as_it_is_now(house: House) -> None:
    reminder_id = await house.remind()
    (told,) = await house.tell(DUE)
    await house.change(reminder_id, status="completed")
    due_line, *_ = await house.store.events_after(house.home.network_id, told.seq - 1)
    assert isinstance(due_line, ReminderChanged)
    assert due_line.status == "completed"


async def test_the_device_that_heard_the_person_last_announces_it(house: House) -> None:
    ann, _ = await house.household.add_person(house.home.network_id, "Ann")
    await house.online("kitchen", "hall")
    await house.say("hall", 0 * MINUTE, ann.person_id)
    await house.say("kitchen", MINUTE)
    assert await house.announced_to(ann.person_id) == "hall"
    assert await house.announced_to() == "kitchen"  # nobody's: where somebody spoke last


async def test_where_the_nearest_is_away_the_next_that_heard_anybody_announces_it(
    house: House,
) -> None:
    ann, _ = await house.household.add_person(house.home.network_id, "Ann")
    await house.say("hall", 0 * MINUTE)
    await house.say("kitchen", MINUTE, ann.person_id)
    assert await house.announced_to(ann.person_id) is None  # nobody is there: all, when they are
    await house.online("hall")
    assert await house.announced_to(ann.person_id) == "hall"


async def test_devices_that_cannot_speak_are_passed_over_where_another_can(house: House) -> None:
    ann, _ = await house.household.add_person(house.home.network_id, "Ann")
    await house.online("kitchen", "hall")
    await house.say("hall", 0 * MINUTE)
    await house.say("kitchen", MINUTE, ann.person_id)
    assert await house.announced_to(ann.person_id, "kitchen", "hall") == "kitchen"
    assert await house.announced_to(ann.person_id, "hall") == "hall"
    assert await house.announced_to(None, "hall") == "hall"
    assert await house.announced_to(ann.person_id) == "kitchen"  # none can: as if all could
    assert await house.announced_to(ann.person_id, "attic") == "kitchen"  # that one is away


async def test_where_nobody_was_heard_yet_one_device_announces_it(house: House) -> None:
    await house.online("kitchen", "hall")
    assert await house.announced_to() == "hall"  # the first by name
    assert await house.announced_to(None, "kitchen") == "kitchen"


async def test_who_is_here_is_asked_whatever_another_hub_has_noted(house: House) -> None:
    await house.online("kitchen", "hall")
    await house.store.all_clients_offline()  # as another hub does when it starts
    await house.remind()
    (told,) = await house.due.tell(house.home.network_id, DUE, {"kitchen": False})
    assert isinstance(told, ReminderDue)
    assert told.announce_to == "kitchen"
    assert house.due.shared == (house.database.engine == "postgresql")


async def test_a_reminder_outlives_its_person_and_the_device_that_announced_it(
    house: House,
) -> None:
    network_id = house.home.network_id
    ann, _ = await house.household.add_person(network_id, "Ann")
    await house.online("hall")
    await house.say("hall", 0 * MINUTE, ann.person_id)
    assert await house.announced_to(ann.person_id) == "hall"
    seq = await house.store.last_seq(network_id)
    await house.household.delete(PERSONS, network_id, ann.person_id)
    await Accounts(house.database, house.clock).remove_client(network_id, "hall")
    due, *_ = await house.store.events_after(network_id, seq - 1)
    assert isinstance(due, ReminderDue)
    assert (due.person_id, due.announce_to) == (None, None)


async def test_where_two_persons_are_one_the_reminder_is_theirs(house: House) -> None:
    network_id = house.home.network_id
    ann, _ = await house.household.add_person(network_id, "Ann")
    twin, _ = await house.household.add_person(network_id, "Person 2")
    reminder_id = await house.remind(person_id=twin.person_id)
    await house.say("hall", 0 * MINUTE, twin.person_id)
    deeds = VoiceDeeds(house.database, house.clock)
    _, told = await deeds.merge(network_id, ann.person_id, twin.person_id)
    (moved,) = [one for one in told if isinstance(one, ReminderChanged)]
    assert (moved.reminder_id, moved.person_id) == (reminder_id, ann.person_id)
    (talk,) = [one for one in told if isinstance(one, ContextUpdated)]
    assert talk.participants == [ann.person_id]


async def test_another_networks_reminders_are_told_to_that_one(house: House) -> None:
    await house.remind()
    other = await furnish(house.store)
    assert await house.due.tell(other.network_id, DUE, {}) == ()


async def test_where_something_happened_is_asked_of_all_networks_at_once(house: House) -> None:
    other = await furnish(house.store)
    ids = [house.home.network_id, other.network_id]
    seqs = {one: await house.store.last_seq(one) for one in ids}
    assert await house.due.seqs() == await house.due.seqs(ids) == seqs
    assert await house.due.seqs(ids[1:]) == {ids[1]: seqs[ids[1]]}
    assert await house.due.seqs([]) == {}
    await house.store.set_network_status(other.network_id, "suspended")
    assert await house.due.seqs() == await house.due.seqs(ids) == {ids[0]: seqs[ids[0]]}


async def test_when_something_is_to_be_told_next_is_known(house: House) -> None:
    network_id = house.home.network_id
    other = await furnish(house.store)
    assert await house.due.next_at(network_id) is None
    first = await house.remind()
    await house.remind(due=DUE + 2 * OVERDUE_AFTER)
    await house.remind(due=DUE - MINUTE, status="completed")
    assert await house.due.next_at(network_id) == DUE
    assert await house.due.next_at(other.network_id) is None
    await house.tell(DUE + MINUTE)  # it is overdue an hour later
    assert await house.due.next_at(network_id) == DUE + MINUTE + OVERDUE_AFTER
    await house.change(first, due_time=DUE + 2 * MINUTE)
    assert await house.due.next_at(network_id) == DUE + 2 * MINUTE
    await house.tell(DUE + 2 * MINUTE)
    await house.tell(DUE + 2 * MINUTE + OVERDUE_AFTER)
    assert await house.due.next_at(network_id) == DUE + 2 * OVERDUE_AFTER
    await house.tell(DUE + 9 * OVERDUE_AFTER)  # too late
    assert await house.due.next_at(network_id) is None


@pytest.fixture(params=["sqlite", "postgres"])
async def two_hubs(
    request: pytest.FixtureRequest, server: Server, path: Path
) -> AsyncIterator[tuple[Database, Database]]:
    """One database, opened by two hubs."""
    where: Path | str = path
    if request.param == "postgres":
        where = server.hub(request.getfixturevalue("postgres_name"))
    one, other = await Database.open(where), await Database.open(where)
    yield one, other
    await one.close()
    await other.close()


async def test_of_two_hubs_that_look_at_once_one_tells(
    two_hubs: tuple[Database, Database],
) -> None:
    house = House(two_hubs[0])
    house.home = await furnish(house.store)
    for number in range(5):
        await house.remind(f"{number}")
    hubs = [DueReminders(database) for database in two_hubs]
    told = await asyncio.gather(*(hub.tell(house.home.network_id, DUE, {}) for hub in hubs * 3))
    assert sorted(one.title for some in told for one in some if isinstance(one, ReminderDue)) == [
        *"01234"
    ]
