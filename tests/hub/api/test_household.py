"""People, conversations, calendar and reminders: made, changed, found, and forgotten whole."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlmodel import select

from hub.reading import A_TIME
from hub.store.household_kinds import ACTIONS, CONVERSATIONS
from hub.store.reminders import DueReminders
from hub.store.scope import Scope
from hub.store.tables import Conversation, Interaction, Person, VoiceCentroid
from shared.ids import new_id
from shared.wire.events import CalendarChanged, CalendarDeleted, ReminderDue
from tests.hub.api.site import Household, Site
from tests.hub.store.making import SPOKEN_AT, election, interaction

TIME = datetime(2026, 12, 1, 15, 0, tzinfo=UTC)
NEW: dict[str, dict[str, Any]] = {
    "persons": {"name": "Ann"},
    "calendar": {
        "title": "Dentist",
        "start_time": "2026-12-01T16:00:00+01:00",
        "end_time": "2026-12-01T17:00:00+01:00",
        "location": "Main Street",
        "attendees": ["Ann"],
        "reminder_settings": {"minutes_before": 30},
    },
    "reminders": {
        "title": "Call Ann",
        "due_time": "2026-12-01T15:00:00Z",
        "description": "about Friday",
        "priority": "high",
    },
}
IDS = {"persons": "person_id", "calendar": "event_id", "reminders": "reminder_id"}
CHANGES: dict[str, dict[str, Any]] = {
    "persons": {"name": None},
    "calendar": {"end_time": None, "title": "Dentist, again"},
    "reminders": {"status": "completed", "description": None},
}
every_kind = pytest.mark.parametrize("kind", NEW)


async def add(site: Site, home: Household, kind: str, **changes: Any) -> dict[str, Any]:
    made = await site.ask("POST", f"{home.base}/{kind}", home.token, json=NEW[kind] | changes)
    assert made.status == 201, made
    assert made.headers["ETag"] == '"1"'
    body: dict[str, Any] = made.body
    return body


async def listed(
    site: Site, home: Household, kind: str, query: str = "", after: str = ""
) -> list[dict[str, Any]]:
    """All of a list, read in parts."""
    name = {"calendar": "events"}.get(kind, kind)
    found: list[dict[str, Any]] = []
    cursor = f"&cursor={after}" if after else ""
    while True:
        part = await site.ask(
            "GET", f"{home.base}/{kind}?limit=2{query}{cursor}", home.clients["kitchen"]
        )
        assert part.status == 200, part
        found += part.body[name]
        if part.body["next_cursor"] is None:
            return found
        cursor = f"&cursor={part.body['next_cursor']}"


def titles(found: Iterable[dict[str, Any]]) -> list[str]:
    return [one["title"] for one in found]


@every_kind
async def test_what_was_made_is_shown_changed_and_deleted(
    site: Site, home: Household, kind: str
) -> None:
    made = await add(site, home, kind)
    path, device = f"{home.base}/{kind}/{made[IDS[kind]]}", home.clients["kitchen"]
    shown = await site.ask("GET", path, device)
    assert (shown.body, shown.headers["ETag"]) == (made, '"1"')
    for name, value in NEW[kind].items():
        if name.endswith("_time"):
            assert datetime.fromisoformat(made[name]) == datetime.fromisoformat(value)
        else:
            assert made[name] == value
    changed = await site.ask("PUT", path, device, json=CHANGES[kind])
    assert (changed.status, changed.headers["ETag"]) == (200, '"2"')
    assert {name: changed.body[name] for name in CHANGES[kind]} == CHANGES[kind]
    assert {n: v for n, v in changed.body.items() if n not in {*CHANGES[kind], "version"}} == {
        n: v for n, v in made.items() if n not in {*CHANGES[kind], "version"}
    }
    assert (await site.ask("DELETE", path, device)).status == 204
    gone = await site.ask("GET", path, device)
    assert (gone.status, gone.code) == (404, f"INVALID_{IDS[kind].upper()}")


@every_kind
async def test_of_two_changes_at_once_the_second_is_told(
    site: Site, home: Household, kind: str
) -> None:
    made = await add(site, home, kind)
    path, match = f"{home.base}/{kind}/{made[IDS[kind]]}", {"If-Match": '"1"'}
    both = await asyncio.gather(
        *(site.ask("PUT", path, home.token, json=CHANGES[kind], **match) for _ in range(2))
    )
    assert sorted(answer.status for answer in both) == [200, 412]
    assert {answer.code for answer in both if answer.status == 412} == {"VERSION_CONFLICT"}


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("calendar", {"start_time": "2026-12-01T16:00:00"}),
        ("calendar", {"end_time": "2026-12-01T15:59:59+01:00"}),
        ("calendar", {"title": ""}),
        ("calendar", {"title": "   "}),
        ("reminders", {"title": "\t\n"}),
        ("calendar", {"title": "x" * 257}),
        ("calendar", {"attendees": [1]}),
        ("calendar", {"attendees": ["x"] * 101}),
        ("calendar", {"reminder_settings": {"deep": {"er": 1}}}),
        ("calendar", {"reminder_settings": {"text": "x" * 257}}),
        ("calendar", {"reminder_settings": {"number": 2**53 + 1}}),
        ("calendar", {"start_time": None}),
        ("calendar", {"start_time": "0001-01-01T00:00:00+05:00", "end_time": None}),
        ("calendar", {"end_time": "9999-12-31T23:59:59-14:00"}),
        ("calendar", {"location": "a\0b"}),
        ("reminders", {"due_time": "9999-12-31T23:59:59Z"}),
        ("reminders", {"due_time": "tomorrow"}),
        ("reminders", {"priority": "higher"}),
        ("reminders", {"status": "done"}),
        ("reminders", {"status": "overdue"}),
        ("reminders", {"description": "x" * 4097}),
        ("reminders", {"title": "a\0b"}),
        ("reminders", {"unknown": 1}),
        ("persons", {"name": ""}),
        ("persons", {"name": "  "}),
        ("persons", {"index": 1}),
    ],
)
async def test_what_cannot_be_is_refused_when_it_is_made_and_when_it_is_changed(
    site: Site, home: Household, kind: str, changes: dict[str, Any]
) -> None:
    made = await site.ask("POST", f"{home.base}/{kind}", home.token, json=NEW[kind] | changes)
    assert (made.status, made.code) == (400, "INVALID_REQUEST")
    there = await add(site, home, kind)
    path = f"{home.base}/{kind}/{there[IDS[kind]]}"
    changed = await site.ask("PUT", path, home.token, json=changes)
    assert (changed.status, changed.code) == (400, "INVALID_REQUEST")
    assert (await site.ask("GET", path, home.token)).body == there


async def test_an_event_cannot_be_moved_behind_its_own_end(site: Site, home: Household) -> None:
    made = await add(site, home, "calendar")
    path = f"{home.base}/calendar/{made['event_id']}"
    late = {"start_time": "2026-12-02T00:00:00Z"}
    assert (await site.ask("PUT", path, home.token, json=late)).code == "INVALID_REQUEST"
    both = late | {"end_time": "2026-12-02T01:00:00Z"}
    assert (await site.ask("PUT", path, home.token, json=both)).status == 200


@pytest.mark.parametrize(("kind", "time"), [("calendar", "start_time"), ("reminders", "due_time")])
async def test_lists_are_in_order_whole_and_chosen_by_time(
    site: Site, home: Household, kind: str, time: str
) -> None:
    numbers = [5, 1, 4, 1, 3, 2]
    for number in numbers:
        when = (TIME + timedelta(days=number)).isoformat()
        end = {"end_time": None} if kind == "calendar" else {}
        await add(site, home, kind, title=f"{number}", **{time: when}, **end)
    found = titles(await listed(site, home, kind))
    assert [title for title in found if title.isdigit()] == sorted(map(str, numbers))
    between = "&start_date=2026-12-03T15:00:00Z&end_date=2026-12-05T15:00:00Z"
    assert titles(await listed(site, home, kind, between)) == ["2", "3"]


async def test_reminders_are_chosen_by_their_status(site: Site, home: Household) -> None:
    done = await add(site, home, "reminders", title="done", status="completed")
    found = await listed(site, home, "reminders", "&status=completed")
    assert [one["reminder_id"] for one in found] == [done["reminder_id"]]


async def test_an_overdue_reminder_may_be_sent_back_as_it_was_read_and_is_told_when_put_off(
    site: Site, home: Household
) -> None:
    made = await add(site, home, "reminders")
    path, due = f"{home.base}/reminders/{made['reminder_id']}", DueReminders(site.database)
    network_id = home.network.network_id
    await due.tell(network_id, TIME + timedelta(hours=2), {})
    read = (await site.ask("GET", path, home.token)).body
    assert read["status"] == "overdue"
    whole = {name: read[name] for name in NEW["reminders"]} | {"status": "overdue"}
    named = await site.ask("PUT", path, home.token, json=whole | {"title": "Call Ben"})
    assert (named.status, named.body["status"], named.body["title"]) == (200, "overdue", "Call Ben")
    later = whole | {"due_time": (TIME + timedelta(days=1)).isoformat()}
    moved = await site.ask("PUT", path, home.token, json=later)
    assert (moved.status, moved.body["status"]) == (200, "pending")
    told = await due.tell(network_id, TIME + timedelta(days=1), {})
    assert [event.reminder_id for event in told if isinstance(event, ReminderDue)] == [
        made["reminder_id"]
    ]


async def test_a_list_that_grows_meanwhile_loses_and_doubles_nothing(
    site: Site, home: Household
) -> None:
    for number in range(4):
        await site.household_data.add(
            CONVERSATIONS,
            home.network.network_id,
            {"title": f"{number}", "last_interaction_at": SPOKEN_AT + timedelta(hours=1 + number)},
        )
    path = f"{home.base}/conversations?limit=2"
    first = await site.ask("GET", path, home.token)
    await site.household_data.add(
        CONVERSATIONS,
        home.network.network_id,
        {"title": "new", "last_interaction_at": SPOKEN_AT + timedelta(days=1)},
    )
    rest = await listed(site, home, "conversations", after=first.body["next_cursor"])
    assert titles(first.body["conversations"]) == ["3", "2"]
    # What has no time yet comes last.
    assert titles(rest) == ["1", "0", "said in home", "talk of home"]


@pytest.mark.parametrize(
    ("query", "allowed"),
    [
        ("actions?status=x", "completed, failed, pending, undone"),
        ("reminders?status=x", "cancelled, completed, overdue, pending"),
        ("clients/kitchen/config?format=x", "json, toml"),
    ],
)
async def test_what_no_row_can_be_is_refused_with_what_there_is(
    site: Site, home: Household, query: str, allowed: str
) -> None:
    answer = await site.ask("GET", f"{home.base}/{query}", home.token)
    assert (answer.status, answer.code) == (400, "INVALID_REQUEST")
    message = answer.body["error"]["message"]
    assert message.startswith("A parameter cannot be used: Invalid enum value 'x' (at ")
    assert message.endswith(f"). Allowed: {allowed}.")


@pytest.mark.parametrize("what", ["calendar", "reminders"])
async def test_a_number_is_no_time(site: Site, home: Household, what: str) -> None:
    for name in ("start_date", "end_date"):
        answer = await site.ask("GET", f"{home.base}/{what}?{name}=2020", home.token)
        assert (answer.status, answer.code) == (400, "INVALID_REQUEST")
        assert answer.body["error"]["message"].endswith(A_TIME)


async def test_actions_are_found_by_what_they_came_of(site: Site, home: Household) -> None:
    await site.household_data.add(
        ACTIONS, home.network.network_id, {"action_type": "timer", "status": "completed"}
    )
    for query, kinds in (
        ("", {"lights", "timer"}),
        ("&status=completed", {"timer"}),
        (f"&interaction_id={home.interaction_id}", {"lights"}),
        (f"&interaction_id={new_id()}", set()),
    ):
        found = await listed(site, home, "actions", query)
        assert {one["action_type"] for one in found} == kinds
    # With what an action came of it goes.
    await site.ask("DELETE", f"{home.base}/interactions/{home.interaction_id}", home.token)
    action = await site.ask("GET", f"{home.base}/actions/{home.action_id}", home.token)
    assert (action.status, action.code) == (404, "INVALID_ACTION_ID")


async def test_an_action_is_deleted_by_itself_and_what_it_came_of_stays(
    site: Site, home: Household
) -> None:
    path = f"{home.base}/actions/{home.action_id}"
    assert (await site.ask("DELETE", path, home.clients["kitchen"])).status == 204
    assert (await site.ask("DELETE", path, home.token)).code == "INVALID_ACTION_ID"
    said = f"{home.base}/interactions/{home.interaction_id}"
    assert (await site.ask("GET", said, home.token)).status == 200


@pytest.mark.parametrize("kind", ["persons", "calendar", "reminders", "actions"])
async def test_what_is_added_meanwhile_moves_no_part(
    site: Site, home: Household, kind: str
) -> None:
    """Of one moment, too: then ids keep the order, and a new one may fall before or behind."""

    async def more(name: str) -> str:
        if kind == "actions":
            made, _ = await site.household_data.add(
                ACTIONS, home.network.network_id, {"action_type": name}
            )
            return made.action_id
        title = "name" if kind == "persons" else "title"
        added: str = (await add(site, home, kind, **{title: name}))[IDS[kind]]
        return added

    name, key = {"calendar": "events"}.get(kind, kind), (IDS | {"actions": "action_id"})[kind]
    before = {await more(f"before {number}") for number in range(6)}
    seen: list[str] = []
    cursor = ""
    while True:
        part = await site.ask("GET", f"{home.base}/{kind}?limit=2{cursor}", home.token)
        seen += [one[key] for one in part.body[name]]
        if part.body["next_cursor"] is None:
            break
        if len(seen) < 6:
            await more(f"after {len(seen)}")
        cursor = f"&cursor={part.body['next_cursor']}"
    assert len(seen) == len(set(seen))
    assert before <= set(seen)


@pytest.mark.parametrize("kind", ["conversations", "persons", "actions", "calendar", "reminders"])
@pytest.mark.parametrize("query", ["limit=0", "limit=501", "cursor=bm90IGEgY3Vyc29y", "colour=red"])
async def test_a_question_that_makes_no_sense_is_refused(
    site: Site, home: Household, kind: str, query: str
) -> None:
    answer = await site.ask("GET", f"{home.base}/{kind}?{query}", home.token)
    assert answer.status == 400
    assert answer.code in ("INVALID_REQUEST", "INVALID_CURSOR")


@pytest.mark.parametrize("kind", ["calendar", "reminders", "interactions"])
@pytest.mark.parametrize(
    "time", ["2026-12-01T16:00:00", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00%2B05:00"]
)
async def test_a_time_that_cannot_be_told_in_every_zone_chooses_nothing(
    site: Site, home: Household, kind: str, time: str
) -> None:
    for name in ("start_date", "end_date"):
        answer = await site.ask("GET", f"{home.base}/{kind}?{name}={time}", home.token)
        assert (answer.status, answer.code) == (400, "INVALID_REQUEST")


async def test_persons_get_numbers_of_their_own_however_many_are_added_at_once(
    site: Site, home: Household
) -> None:
    made = await asyncio.gather(*(add(site, home, "persons", name=f"P{n}") for n in range(12)))
    # The household has one already.
    assert sorted(one["index"] for one in made) == list(range(2, 14))


async def test_people_who_are_deleted_at_once_are_all_gone_from_their_conversation(
    site: Site, home: Household
) -> None:
    people = [(await add(site, home, "persons", name=f"P{n}"))["person_id"] for n in range(6)]
    async with site.database.transaction(Scope(home.network.network_id)) as session:
        talk = await session.get_one(Conversation, home.conversation_id)
        talk.participant_ids = [*people, home.person_id]
    path = f"{home.base}/conversations/{home.conversation_id}"
    before = await site.ask("GET", path, home.token)
    gone = await asyncio.gather(
        *(site.ask("DELETE", f"{home.base}/persons/{one}", home.token) for one in people)
    )
    assert {answer.status for answer in gone} == {204}
    after = await site.ask("GET", path, home.token)
    assert after.body["participant_ids"] == [home.person_id]
    # It is not what it was, and whoever changes it must know.
    assert after.body["version"] == before.body["version"] + 6


async def test_a_voice_that_was_learned_in_two_ways_counts_its_speech_once(
    site: Site, home: Household
) -> None:
    key = home.network.network_id
    async with site.database.transaction(Scope(key)) as session:
        for space, weight in (("old", 30.0), ("new", 12.5), ("new", 10.0)):
            session.add(
                VoiceCentroid(
                    id=new_id(),
                    network_id=key,
                    person_id=home.person_id,
                    space=space,
                    vector=[0.5],
                    weight=weight,
                    updated_at=SPOKEN_AT,
                )
            )
    path = f"{home.base}/persons/{home.person_id}"
    renamed = await site.ask("PUT", path, home.token, json={"name": "Bo"})
    assert (renamed.body["voice_known"], renamed.body["voice_learned_s"]) == (True, 30.0)
    quiet = await add(site, home, "persons")
    assert (quiet["voice_known"], quiet["voice_learned_s"]) == (False, 0.0)
    found = {one["person_id"]: one for one in await listed(site, home, "persons")}
    assert found == {home.person_id: renamed.body, quiet["person_id"]: quiet}


async def test_a_deleted_person_is_gone_from_everywhere_and_what_they_said_stays(
    site: Site, home: Household, neighbours: Household
) -> None:
    key = home.network.network_id
    async with site.database.transaction(Scope(key)) as session:
        said = (await session.exec(select(Interaction))).one()
        said.speaker_id, said.voice_embedding = home.person_id, [0.5]
        person = (await session.exec(select(Person))).one()
        person.voice_embedding = [0.5]
        talk = await session.get_one(Conversation, home.conversation_id)
        talk.participant_ids = [home.person_id, neighbours.person_id]
        session.add(
            VoiceCentroid(
                id=new_id(),
                network_id=key,
                person_id=home.person_id,
                space="ge2e",
                vector=[0.5],
                weight=3.0,
                updated_at=SPOKEN_AT,
            )
        )
    path = f"{home.base}/persons/{home.person_id}"
    shown = await site.ask("GET", path, home.token)
    assert (shown.body["voice_known"], shown.body["voice_learned_s"]) == (True, 3.0)
    assert "0.5" not in str(shown.body)
    assert (await site.ask("DELETE", path, home.token)).status == 204
    async with site.database.session(Scope(key)) as session:
        assert (await session.exec(select(VoiceCentroid))).all() == []
        said = (await session.exec(select(Interaction))).one()
        assert (said.speaker_id, said.voice_embedding) == (None, None)
        assert said.text == "said in home"
        talk = await session.get_one(Conversation, home.conversation_id)
        assert talk.participant_ids == [neighbours.person_id]


async def test_a_deleted_conversation_leaves_what_was_said(site: Site, home: Household) -> None:
    async with site.database.transaction(Scope(home.network.network_id)) as session:
        said = (await session.exec(select(Interaction))).one()
        said.conversation_id = home.conversation_id
    path = f"{home.base}/conversations/{home.conversation_id}"
    renamed = await site.ask("PUT", path, home.token, json={"title": "Tea"}, **{"If-Match": '"1"'})
    assert (renamed.body["title"], renamed.headers["ETag"]) == ("Tea", '"2"')
    stale = await site.ask("PUT", path, home.token, json={"title": "x"}, **{"If-Match": '"1"'})
    assert (stale.status, stale.code) == (412, "VERSION_CONFLICT")
    nonsense: tuple[dict[str, Any], ...] = ({"title": "x" * 257}, {"title": 1}, {"version": 9})
    for refused in nonsense:
        answer = await site.ask("PUT", path, home.token, json=refused)
        assert (answer.status, answer.code) == (400, "INVALID_REQUEST")
    unnamed = await site.ask("PUT", path, home.token, json={"title": None})
    assert unnamed.body["title"] == "said in home"  # its first words
    assert (await site.ask("DELETE", path, home.token)).status == 204
    found = await site.ask("GET", f"{home.base}/interactions/{home.interaction_id}", home.token)
    assert (found.body["text"], found.body["conversation_id"]) == ("said in home", None)


async def test_a_conversation_is_shown_with_what_was_said_in_it_in_parts(
    site: Site, home: Household, neighbours: Household
) -> None:
    for minute in (1, 2, 600):
        said = replace(
            interaction(f"minute {minute}"), timestamp=SPOKEN_AT + timedelta(minutes=minute)
        )
        await site.store.record_interaction(said, election(home.network.network_id))
    _, talk, *_ = await listed(site, home, "conversations")
    assert talk["title"] == "said in home"
    path = f"{home.base}/conversations/{talk['conversation_id']}"
    first = (await site.ask("GET", f"{path}?limit=2", home.token)).body
    rest = (await site.ask("GET", f"{path}?cursor={first['next_cursor']}", home.token)).body
    texts = [one["text"] for one in (*first["interactions"], *rest["interactions"])]
    assert texts == ["minute 2", "minute 1", "said in home"]
    assert {name: first[name] for name in talk} == talk
    chosen = f"&conversation_id={talk['conversation_id']}"
    assert len(await listed(site, home, "interactions", chosen)) == 3
    foreign = await site.ask("GET", neighbours.base + path[len(home.base) :], neighbours.token)
    assert (foreign.status, foreign.code) == (404, "INVALID_CONVERSATION_ID")


async def test_a_reminder_is_somebodys_of_the_household_and_nobody_elses(
    site: Site, home: Household, neighbours: Household
) -> None:
    path = f"{home.base}/reminders"
    for nobody in (neighbours.person_id, new_id()):
        body = NEW["reminders"] | {"person_id": nobody}
        refused = await site.ask("POST", path, home.token, json=body)
        assert (refused.status, refused.code) == (400, "INVALID_REQUEST")
    body = NEW["reminders"] | {"person_id": home.person_id}
    made = (await site.ask("POST", path, home.token, json=body)).body
    assert made["person_id"] == home.person_id
    theirs = await listed(site, home, "reminders", f"&person_id={home.person_id}")
    assert [one["reminder_id"] for one in theirs] == [made["reminder_id"]]
    person = f"{home.base}/persons/{home.person_id}"
    assert (await site.ask("DELETE", person, home.token)).status == 204
    left = await site.ask("GET", f"{path}/{made['reminder_id']}", home.token)
    assert (left.body["title"], left.body["person_id"]) == ("Call Ann", None)


async def test_devices_hear_of_the_calendar(site: Site, home: Household) -> None:
    seq = await site.store.last_seq(home.network.network_id)
    event = await add(site, home, "calendar")
    (told,) = await site.store.events_after(home.network.network_id, seq)
    assert isinstance(told, CalendarChanged)
    assert (told.event_id, told.title, told.start_time) == (event["event_id"], "Dentist", TIME)
    path = f"{home.base}/calendar/{event['event_id']}"
    assert (await site.ask("DELETE", path, home.token)).status == 204
    (_, gone) = await site.store.events_after(home.network.network_id, seq)
    assert gone == CalendarDeleted(seq=seq + 2, event_id=event["event_id"])
