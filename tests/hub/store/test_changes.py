"""What people did on devices is done once, and of two that contradict each other one stays."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from hub.store.database import Database
from hub.store.errors import NotFoundError
from hub.store.household import Household
from hub.store.household_kinds import PERSONS, REMINDERS
from hub.store.records import NetworkInfo
from hub.store.store import Store
from shared.ids import new_id
from shared.wire.events import (
    ContextUpdated,
    ConversationDeleted,
    InteractionCreated,
    InteractionDeleted,
    PersonChanged,
    ReminderChanged,
)
from shared.wire.network import CompleteReminder, DeleteInteraction, NamePerson
from tests.hub.store.making import WoundClock, election, furnish, interaction

HOUR = timedelta(hours=1)


def now_of(clock: WoundClock) -> datetime:
    return datetime.fromtimestamp(clock.now_us / 1e6, UTC)


async def test_an_interaction_is_deleted_once_and_whoever_says_so_again_hears_the_same(
    store: Store, home: NetworkInfo, clock: WoundClock
) -> None:
    said, context = await store.record_interaction(interaction(), election(home.network_id))
    assert isinstance(said, InteractionCreated)
    assert isinstance(context, ContextUpdated)
    deed = DeleteInteraction(interaction_id=said.interaction_id)
    first = await store.apply_change(home.network_id, "kitchen", 7, now_of(clock), deed)
    assert first.events == (
        InteractionDeleted(seq=said.seq + 2, interaction_id=said.interaction_id),
        ConversationDeleted(seq=said.seq + 3, conversation_id=context.conversation_id),
    )
    assert first.refusal is None
    assert await store.interaction(home.network_id, said.interaction_id) is None
    again = await store.apply_change(home.network_id, "kitchen", 7, now_of(clock), deed)
    assert (again.events, again.refusal) == ((), None)
    # Another device's deletion of the same is no error either, and nothing happens.
    other = await store.apply_change(home.network_id, "hall", 7, now_of(clock), deed)
    assert (other.events, other.refusal) == ((), None)
    assert await store.last_seq(home.network_id) == said.seq + 3


async def test_a_refusal_is_remembered_too(
    store: Store, home: NetworkInfo, clock: WoundClock
) -> None:
    deed = NamePerson(person_id=new_id(), name="Zoë")
    for _ in range(2):
        outcome = await store.apply_change(home.network_id, "kitchen", 8, now_of(clock), deed)
        assert (outcome.events, outcome.refusal) == ((), "NOT_FOUND")
        assert outcome.why


async def test_a_device_that_is_not_there_changes_nothing(
    store: Store, home: NetworkInfo, clock: WoundClock
) -> None:
    deed = DeleteInteraction(interaction_id=new_id())
    with pytest.raises(NotFoundError):
        await store.apply_change(home.network_id, "cellar", 1, now_of(clock), deed)


async def test_of_two_names_the_one_that_was_given_later_stays(
    any_database: Database, clock: WoundClock
) -> None:
    store = Store(any_database, clock)
    home = await furnish(store)
    household = Household(any_database, clock)
    network_id, noon = home.network_id, now_of(clock)
    person, _ = await household.add_person(network_id, "Somebody")

    async def name(client: str, seq: int, name: str, given: datetime) -> str | None:
        deed = NamePerson(person_id=person.person_id, name=name)
        outcome = await store.apply_change(network_id, client, seq, given, deed)
        shown = await household.one(PERSONS, network_id, person.person_id)
        expected = (person.person_id, shown.name)
        assert [(e.person_id, e.name) for e in outcome.events if isinstance(e, PersonChanged)] in (
            [expected],
            [],
        )
        return shown.name

    clock.now_us += round(3 * HOUR.total_seconds() * 1e6)
    assert await name("kitchen", 1, "Zoë", noon + 2 * HOUR) == "Zoë"
    # Given before, on a device that was away; and after that, on one that was away for longer.
    assert await name("hall", 1, "Zora", noon + HOUR) == "Zoë"
    assert await name("hall", 2, "Zo", noon + 2.5 * HOUR) == "Zo"
    # A clock that is ahead gives no name that stays for ever.
    assert await name("kitchen", 2, "Zuzu", noon + 1000 * HOUR) == "Zuzu"
    clock.now_us += 1_000_000
    assert await name("hall", 3, "Zita", now_of(clock)) == "Zita"


async def test_a_reminder_is_done_unless_it_was_cancelled(
    any_database: Database, clock: WoundClock
) -> None:
    store = Store(any_database, clock)
    home = await furnish(store)
    household = Household(any_database, clock)
    network_id = home.network_id
    values = {"due_time": now_of(clock), "priority": "low", "status": "pending"}
    call, _ = await household.add(REMINDERS, network_id, {"title": "call Ann"} | values)
    other, _ = await household.add(REMINDERS, network_id, {"title": "water"} | values)
    await household.change(REMINDERS, network_id, other.reminder_id, {"status": "cancelled"}, None)

    done = CompleteReminder(reminder_id=call.reminder_id)
    outcome = await store.apply_change(network_id, "kitchen", 1, now_of(clock), done)
    (event,) = outcome.events
    assert isinstance(event, ReminderChanged)
    assert (event.title, event.status) == ("call Ann", "completed")
    again = await store.apply_change(network_id, "hall", 1, now_of(clock), done)
    assert (again.events, again.refusal) == ((), None)
    late = CompleteReminder(reminder_id=other.reminder_id)
    outcome = await store.apply_change(network_id, "kitchen", 2, now_of(clock), late)
    assert outcome.refusal == "OUTDATED_CHANGE"
    assert (await household.one(REMINDERS, network_id, other.reminder_id)).status == "cancelled"
