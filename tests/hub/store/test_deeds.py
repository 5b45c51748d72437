"""What is asked for is done with the interaction in which it is: once, on record, and told."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest

from hub.actions.intents import CreateReminder, Move
from hub.actions.parser import parse
from hub.store.archive import Archive
from hub.store.database import Database
from hub.store.household import Household
from hub.store.household_details import ActionDetails, EventDetails, ReminderDetails
from hub.store.household_kinds import ACTIONS, EVENTS, REMINDERS
from hub.store.records import Asked, NetworkInfo
from hub.store.store import Store
from shared.wire.events import (
    ActionDeleted,
    ActionExecuted,
    ContextUpdated,
    Event,
    InteractionCreated,
    InteractionDeleted,
    ReminderChanged,
)
from tests.hub.store.making import WoundClock, again, candidate, election, furnish, interaction

ZONE = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 3, 11, 9, tzinfo=UTC)  # a wednesday, 10:00 in Berlin
UTTERANCE = "0b0d9c1e-1b0a-4f0e-9a39-6d8a5b3f2e10"


@dataclass
class Home:
    """A network in which people speak."""

    database: Database
    clock: WoundClock
    store: Store
    household: Household
    network: NetworkInfo

    async def say(
        self,
        text: str,
        *,
        device: str = "kitchen",
        after_s: float = 1,
        late: timedelta = timedelta(),
    ) -> tuple[Event, ...]:
        """Somebody says something, so long after what was said last.

        Gives what devices hear, but for the conversation.
        """
        self.clock.now_us += round(after_s * 1_000_000)
        said_at = self.now - late
        intent = parse(text, said_at, ZONE)
        record = replace(
            interaction(text, device),
            timestamp=said_at,
            asked=None if intent is None else Asked(intent, ZONE),
        )
        told = await self.store.record_interaction(record, election(self.network.network_id))
        return tuple(event for event in told if not isinstance(event, ContextUpdated))

    @property
    def now(self) -> datetime:
        return datetime.fromtimestamp(self.clock.now_us / 1e6, UTC)

    async def actions(self) -> list[ActionDetails]:
        page = await self.household.page(ACTIONS, self.network.network_id, (), 50, None)
        return list(page.items)

    async def reminders(self) -> list[ReminderDetails]:
        page = await self.household.page(REMINDERS, self.network.network_id, (), 50, None)
        return list(page.items)

    async def events(self) -> list[EventDetails]:
        page = await self.household.page(EVENTS, self.network.network_id, (), 50, None)
        return list(page.items)


@pytest.fixture
async def home(any_database: Database) -> Home:
    clock = WoundClock(round(NOW.timestamp() * 1e6) - 1_000_000)
    store = Store(any_database, clock)
    return Home(any_database, clock, store, Household(any_database, clock), await furnish(store))


def last_action(told: tuple[Event, ...]) -> ActionExecuted:
    return [event for event in told if isinstance(event, ActionExecuted)][-1]


async def test_a_reminder_is_made_noted_and_told(home: Home) -> None:
    told = await home.say("remind me tomorrow at three to call Ann")
    created, changed, executed = told
    assert isinstance(created, InteractionCreated)
    assert isinstance(changed, ReminderChanged)
    (action,), (reminder,) = await home.actions(), await home.reminders()
    due = datetime(2026, 3, 12, 14, tzinfo=UTC)
    assert (reminder.title, reminder.due_time, reminder.status) == ("call Ann", due, "pending")
    assert executed == ActionExecuted(
        seq=created.seq + 2,
        action_id=action.action_id,
        action_type="create_reminder",
        status="completed",
        interaction_id=created.interaction_id,
        title="call Ann",
        error_message=None,
    )
    assert action.result == {"reminder_id": reminder.reminder_id, "title": "call Ann"}
    assert action.action_data["title"] == "call Ann"
    assert action.action_data["extractor"] == "rules"
    assert action.completed_at == home.now
    logged = await home.store.events_after(home.network.network_id, created.seq - 1)
    assert logged[:-1] == told
    assert isinstance(logged[-1], ContextUpdated)


async def test_an_event_is_put_into_the_calendar(home: Home) -> None:
    told = await home.say("put dentist in the calendar on Friday at 9:30 for an hour")
    (event,) = await home.events()
    start = datetime(2026, 3, 13, 8, 30, tzinfo=UTC)
    assert (event.title, event.start_time) == ("dentist", start)
    assert event.end_time == start + timedelta(hours=1)
    assert last_action(told).action_type == "create_event"
    (action,) = await home.actions()
    assert action.result == {"event_id": event.event_id, "title": "dentist"}


async def test_what_is_offered_again_is_done_once(home: Home) -> None:
    intent = parse("remind me in two hours to eat", NOW, ZONE)
    assert intent is not None
    said = replace(interaction("remind me in two hours to eat"), asked=Asked(intent, ZONE))
    record = election(home.network.network_id, candidate(UTTERANCE))
    told = await home.store.record_interaction(said, record)
    repeated = await home.store.record_interaction(
        replace(said, interaction_id=interaction().interaction_id), again(record)
    )
    assert repeated == told[:1]
    assert (len(await home.actions()), len(await home.reminders())) == (1, 1)


async def test_what_cannot_be_done_is_said_plainly(home: Home) -> None:
    for text, why in (
        ("remind me today at 9 am to call the plumber", "That time has passed."),
        ("put the recycling in the calendar", "Nobody said when."),
        ("remind me when I get home to feed the dog", "That cannot be done."),
        ("cancel the reminder to feed the dog", "There is no such reminder or event."),
        ("cancel all my alarms", "That cannot be done."),
    ):
        executed = last_action(await home.say(text))
        assert (executed.status, executed.error_message) == ("failed", why)
    assert (await home.reminders(), await home.events()) == ([], [])


async def test_a_repetition_is_made_once_and_that_is_said(home: Home) -> None:
    await home.say("remind me every monday to take out the trash")
    (action,) = await home.actions()
    assert action.status == "completed"
    assert action.result is not None
    assert action.result["note"] == "It is not repeated: only the first one was made."
    assert action.action_data["repeats"] == "every monday"


async def test_for_whom_it_is_stays_with_the_reminder(home: Home) -> None:
    await home.say("remind Ann to take out the trash at six")
    (reminder,) = await home.reminders()
    assert reminder.description == "For ann."


async def test_that_which_was_made_last_is_taken_back(home: Home) -> None:
    await home.say("remind me at five to feed the cat")
    await home.say("remind me at six to feed the dog", after_s=10)
    undone = await home.say("cancel that", after_s=10)
    assert {r.title: r.status for r in await home.reminders()} == {
        "feed the cat": "pending",
        "feed the dog": "cancelled",
    }
    kinds = [(type(e).__name__, getattr(e, "status", "")) for e in undone[1:]]
    assert kinds == [
        ("ReminderChanged", "cancelled"),
        ("ActionExecuted", "undone"),
        ("ActionExecuted", "completed"),
    ]
    await home.say("never mind", after_s=10)  # and the one before
    assert {r.status for r in await home.reminders()} == {"cancelled"}


async def test_everything_can_be_taken_back(home: Home) -> None:
    await home.say("remind me at five to feed the cat")
    await home.say("put dentist in the calendar on Friday at 9:30")
    (dentist,), (cat,) = await home.events(), await home.reminders()
    for text in (
        "cancel the dentist appointment",
        "move the dentist to monday at four",
        "push the dentist back by an hour",
        "mark feed the cat as done",
        "move feed the cat to six",
        "set the priority of feed the cat to urgent",
        "cancel the reminder to feed the cat",
    ):
        done = last_action(await home.say(text, after_s=400))
        assert done.status == "completed", (text, done.error_message)
        changed = (await home.events(), await home.reminders())
        assert changed != ([dentist], [cat]), text
        assert last_action(await home.say("undo that")).status == "completed"
        (event,), (reminder,) = await home.events(), await home.reminders()
        assert (event.event_id, event.title, event.start_time, event.end_time) == (
            dentist.event_id, dentist.title, dentist.start_time, dentist.end_time,
        ), text  # fmt: skip
        assert (reminder.due_time, reminder.status, reminder.priority) == (
            cat.due_time, cat.status, cat.priority,
        ), text  # fmt: skip


@pytest.mark.parametrize(
    ("device", "after_s"), [("hall", 10), ("kitchen", 301)], ids=["elsewhere", "too late"]
)
async def test_of_what_others_did_or_long_ago_nothing_is_taken_back(
    home: Home, device: str, after_s: float
) -> None:
    await home.say("remind me at five to feed the cat")
    told = await home.say("cancel that", device=device, after_s=after_s)
    assert [type(event) for event in told] == [InteractionCreated]
    assert [r.status for r in await home.reminders()] == ["pending"]


async def test_what_may_not_be_meant_for_mira_leaves_no_action(home: Home) -> None:
    for text in (
        "never mind",
        "cancel the dentist",
        "move lunch to friday at ten",
        "make it urgent",
    ):
        assert len(await home.say(text)) == 1
    assert await home.actions() == []


async def test_a_thing_is_found_by_its_words_its_day_and_its_time(home: Home) -> None:
    await home.say("put lunch with Sam in the calendar tomorrow at noon")
    await home.say("put lunch with Sam in the calendar on friday at one")
    await home.say("set an alarm for 6 am")
    await home.say("set an alarm for 7 am")
    await home.say("cancel friday's lunch with Sam")
    assert [e.start_time.day for e in await home.events()] == [12]
    await home.say("cancel my 7 am alarm")
    hours = {r.due_time.hour: r.status for r in await home.reminders()}
    assert hours == {5: "pending", 6: "cancelled"}
    moved = last_action(await home.say("move lunch with sam to one pm"))
    assert (moved.status, moved.title) == ("completed", "lunch with Sam")
    assert [e.start_time.hour for e in await home.events()] == [12]


async def test_a_reminder_that_was_due_just_now_is_that(home: Home) -> None:
    await home.say("remind me in ten minutes to check the soup")
    await home.say("snooze", after_s=620)
    (reminder,) = await home.reminders()
    assert reminder.due_time == datetime(2026, 3, 11, 9, 20, tzinfo=UTC)
    await home.say("mark that as done", after_s=700)
    assert [r.status for r in await home.reminders()] == ["completed"]


async def test_a_reminder_that_is_moved_is_not_overdue_any_more(home: Home) -> None:
    await home.say("remind me in ten minutes to check the soup")
    (reminder,) = await home.reminders()
    await home.household.change(
        REMINDERS, home.network.network_id, reminder.reminder_id, {"status": "overdue"}, None
    )
    await home.say("move the reminder about the soup to six pm")
    (reminder,) = await home.reminders()
    assert (reminder.status, reminder.due_time.hour) == ("pending", 17)


async def test_nothing_is_moved_into_the_past(home: Home) -> None:
    await home.say("put dentist in the calendar tomorrow at 9:30")
    refused = last_action(await home.say("bring the dentist appointment forward by three days"))
    assert (refused.status, refused.error_message) == ("failed", "That time has passed.")
    assert [e.start_time.day for e in await home.events()] == [12]


async def test_of_either_half_of_the_day_the_one_that_is_to_come(home: Home) -> None:
    await home.say("remind me at eleven to eat")
    await home.say("make it seven thirty")
    assert [r.due_time.hour for r in await home.reminders()] == [18]
    await home.say("remind me tomorrow at eleven to drink")
    await home.say("make it seven thirty")
    assert [r.due_time.hour for r in await home.reminders()] == [18, 6]


async def test_days_are_days_when_clocks_are_put_forward(home: Home) -> None:
    await home.say("put dentist in the calendar on march 28 at 9:30")
    await home.say("push the dentist appointment back by a day")
    (event,) = await home.events()
    assert event.start_time.astimezone(ZONE).isoformat() == "2026-03-29T09:30:00+02:00"


async def test_whole_days_stay_whole_when_clocks_are_put_forward_or_back(home: Home) -> None:
    await home.say("put the school fair in the calendar on march 28 all day")
    for said, first, behind in (
        ("push the school fair back by a day", "03-29T00:00:00+01:00", "03-30T00:00:00+02:00"),
        ("move the school fair to october 25", "10-25T00:00:00+02:00", "10-26T00:00:00+01:00"),
    ):
        await home.say(said)
        (event,) = await home.events()
        times = (event.start_time, event.end_time)
        assert [t and t.astimezone(ZONE).isoformat()[5:] for t in times] == [first, behind]


async def test_what_was_said_hours_ago_counts_from_then(home: Home) -> None:
    late = timedelta(hours=3)
    await home.say("remind me in five hours to eat", late=late)
    await home.say("remind me in twenty minutes to take the pizza out", late=late, after_s=0)
    pizza, eat = await home.reminders()
    assert eat.due_time == home.now + timedelta(hours=2)
    # Due already: it is made all the same, and told of at once.
    assert pizza.due_time == home.now - late + timedelta(minutes=20)
    assert pizza.status == "pending"
    action = next(a for a in await home.actions() if "pizza" in a.action_data["title"])
    assert action.result is not None
    assert action.result["note"] == "It was due already when the hub heard of it."


async def test_what_was_due_days_ago_is_not_made(home: Home) -> None:
    refused = last_action(
        await home.say("remind me in twenty minutes to take the pizza out", late=timedelta(days=2))
    )
    assert refused.status == "failed"
    assert await home.reminders() == []


async def test_that_means_what_was_said_before_it_though_both_come_late(home: Home) -> None:
    late = timedelta(hours=3)
    await home.say("remind me in five hours to eat", late=late)
    await home.say("remind me at five to feed the cat")
    await home.say("cancel that", late=late, after_s=30)
    assert {r.title: r.status for r in await home.reminders()} == {
        "eat": "cancelled",
        "feed the cat": "pending",
    }


async def test_another_network_is_another_world(home: Home) -> None:
    await home.say("remind me at five to feed the cat")
    other = Home(home.database, home.clock, home.store, home.household, await furnish(home.store))
    assert len(await other.say("cancel that")) == 1
    refused = last_action(await other.say("cancel the reminder to feed the cat"))
    assert refused.status == "failed"
    assert [r.status for r in await home.reminders()] == ["pending"]


async def test_an_impossible_time_is_refused_and_the_interaction_kept(home: Home) -> None:
    never = CreateReminder(title="x", at=datetime.max.replace(tzinfo=ZoneInfo("Etc/GMT+12")))
    said = replace(interaction("x"), asked=Asked(never, ZONE))
    told = await home.store.record_interaction(said, election(home.network.network_id))
    assert last_action(told[:-1]).status == "failed"
    assert await home.store.interaction(home.network.network_id, said.interaction_id) is not None


async def test_an_action_goes_with_its_interaction_and_what_it_made_stays(home: Home) -> None:
    created, _, executed = await home.say("remind me at five to feed the cat")
    assert isinstance(created, InteractionCreated)
    assert isinstance(executed, ActionExecuted)
    archive = Archive(home.database, home.clock)
    network_id = home.network.network_id
    seq = await home.store.last_seq(network_id)
    told = await archive.delete_interaction(network_id, created.interaction_id)
    assert told[:2] == (
        InteractionDeleted(seq=seq + 1, interaction_id=created.interaction_id),
        ActionDeleted(seq=seq + 2, action_id=executed.action_id),
    )
    assert await home.actions() == []
    assert [one.title for one in await home.reminders()] == ["feed the cat"]
    logged = await home.store.events_after(network_id, 0)
    assert not [event for event in logged if isinstance(event, ActionExecuted)]


async def test_what_is_off_the_record_is_not_taken_back(home: Home) -> None:
    created, *_ = await home.say("remind me at five to feed the cat")
    assert isinstance(created, InteractionCreated)
    archive = Archive(home.database, home.clock)
    await archive.delete_interaction(home.network.network_id, created.interaction_id)
    await home.say("never mind")
    assert [one.status for one in await home.reminders()] == ["pending"]
    assert await home.actions() == []
    await home.say("cancel the reminder to feed the cat")  # by its own name
    assert [one.status for one in await home.reminders()] == ["cancelled"]
    again, *_ = await home.say("never mind")
    assert isinstance(again, InteractionCreated)
    assert [one.status for one in await home.reminders()] == ["pending"]
    await archive.delete_interaction(home.network.network_id, again.interaction_id)
    await home.say("never mind")  # what was undone stays so, whatever became of its undoing
    assert [one.status for one in await home.reminders()] == ["pending"]


async def test_what_was_done_and_whose_action_is_deleted_is_not_done_again(home: Home) -> None:
    text = "remind me at five to feed the cat"
    created, _, executed = await home.say(text)
    assert isinstance(created, InteractionCreated)
    assert isinstance(executed, ActionExecuted)
    network_id, archive = home.network.network_id, Archive(home.database, home.clock)
    (gone,) = await home.household.delete(ACTIONS, network_id, executed.action_id)
    assert isinstance(gone, ActionDeleted)
    intent = parse(text, home.now, ZONE)
    assert intent is not None
    again = await archive.carry_out(network_id, created.interaction_id, Asked(intent, ZONE))
    assert again == ()
    assert len(await home.reminders()) == 1
    await home.say("never mind")
    assert [one.status for one in await home.reminders()] == ["pending"]


async def test_a_snapshot_has_what_was_done(home: Home) -> None:
    *_, executed = await home.say("remind me at five to feed the cat")
    assert isinstance(executed, ActionExecuted)
    rows, _ = await home.store.snapshot(home.network.network_id, 99, "4:", 500)
    assert rows == (msgspec.structs.replace(executed, seq=99),)


async def test_what_would_move_beyond_the_calendar_is_refused_and_the_interaction_kept(
    home: Home,
) -> None:
    last = datetime(9999, 12, 20, tzinfo=UTC)
    network_id = home.network.network_id
    await home.household.add(EVENTS, network_id, {"title": "doomsday", "start_time": last})
    asked = Asked(Move(target="doomsday", shift_min=30 * 1440), ZONE)
    said = replace(interaction("move doomsday back by a month"), timestamp=home.now, asked=asked)
    await home.store.record_interaction(said, election(network_id))
    (action,), (event,) = await home.actions(), await home.events()
    assert (action.status, action.error_message) == ("failed", "A time is too early or too late.")
    assert (event.start_time, event.version) == (last, 1)
