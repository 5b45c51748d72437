"""What was asked for is whoever's who asked, also where that turns out later."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from hub.actions.intents import CreateReminder
from hub.store.archive import Archive
from hub.store.database import Database
from hub.store.household_kinds import PERSONS, REMINDERS
from hub.store.records import Asked
from shared.wire.events import Event, ReminderChanged
from tests.hub.speakers.people import sentence
from tests.hub.store.making import SPOKEN_AT, WoundClock
from tests.hub.store.test_voice_deeds import Deeds, told_in_order

ZONE = ZoneInfo("Europe/Berlin")


class Asking(Deeds):
    """A house in which somebody wants to be reminded."""

    async def asks(self, seed: int, number: int, person: str | None = None) -> str:
        """Somebody asks for a reminder; the id of what was said."""
        intent = CreateReminder(
            title=f"reminder {number}", at=SPOKEN_AT + timedelta(hours=1), person=person
        )
        said, _ = await self.hears(sentence(seed, number), asked=Asked(intent, ZONE))
        return said.interaction_id

    async def whose(self) -> list[str | None]:
        """Of the reminders, in the order in which they were asked for."""
        page = await self.household.page(REMINDERS, self.network_id, (), 50, None)
        return [one.person_id for one in sorted(page.items, key=lambda one: one.title)]

    async def reminder(self) -> str:
        page = await self.household.page(REMINDERS, self.network_id, (), 50, None)
        return page.items[0].reminder_id


@pytest.fixture
async def house(any_database: Database, clock: WoundClock) -> Asking:
    house = Asking(any_database, clock)
    await house.open()
    return house


def changed(told: Sequence[Event]) -> list[str | None]:
    """Whose reminders are now of which devices are told."""
    return [event.person_id for event in told if isinstance(event, ReminderChanged)]


async def test_a_stranger_who_becomes_somebody_has_the_reminders_of_before(house: Asking) -> None:
    await house.asks(1, 0)
    await house.asks(1, 1)
    assert await house.whose() == [None, None]
    _, told = await house.hears(sentence(1, 2))
    (stranger,) = await house.persons()
    assert await house.whose() == [stranger.id] * 2
    assert changed(told) == [stranger.id] * 2
    await told_in_order(house, told)


async def test_who_is_said_to_have_asked_has_the_reminder(house: Asking) -> None:
    ann, ben = await house.known("Ann"), await house.known("Ben")
    await house.enrolled(ann, 1)
    said = await house.asks(1, 0)
    await house.asks(1, 1)
    assert await house.whose() == [ann, ann]
    told = await house.deeds.set_speaker(house.network_id, said, ben)
    assert await house.whose() == [ben, ann]
    assert changed(told) == [ben]
    await told_in_order(house, told)
    assert changed(await house.deeds.set_speaker(house.network_id, said, ben)) == []
    assert changed(await house.deeds.set_speaker(house.network_id, said, None)) == [None]
    assert await house.whose() == [None, ann]


async def test_what_is_split_off_and_merged_takes_its_reminders_along(house: Asking) -> None:
    said = [await house.asks(1, number) for number in range(4)]
    (one,) = await house.persons()
    new, told = await house.deeds.split(house.network_id, one.id, said[:2], None, "Ann")
    assert await house.whose() == [new.person_id] * 2 + [one.id] * 2
    assert changed(told) == [new.person_id] * 2
    _, told = await house.deeds.merge(house.network_id, new.person_id, one.id)
    assert await house.whose() == [new.person_id] * 4
    assert changed(told) == [new.person_id] * 2
    await told_in_order(house, told)


async def test_a_nameless_person_who_enrols_keeps_the_reminders(house: Asking) -> None:
    for number in range(5):
        await house.asks(1, number)
    ann = await house.known("Ann")
    done, told = await house.enrolled(ann, 1)
    assert len(done.merged) == 1
    assert await house.whose() == [ann] * 5
    assert changed(told) == [ann] * 5


async def test_what_a_person_said_of_a_reminder_stays(house: Asking) -> None:
    ann, ben = await house.known("Ann"), await house.known("Ben")
    await house.enrolled(ann, 1)
    said = await house.asks(1, 0)
    for whose in (ben, None, ann):
        values: dict[str, Any] = {"person_id": whose}
        await house.household.change(
            REMINDERS, house.network_id, await house.reminder(), values, None
        )
        await house.deeds.set_speaker(house.network_id, said, ben if whose != ben else None)
        assert await house.whose() == [whose]


async def test_another_change_leaves_it_the_speakers(house: Asking) -> None:
    ben = await house.known("Ben")
    said = await house.asks(1, 0)
    values = {"title": "call Ann", "person_id": None}  # it is sent back as it was read
    await house.household.change(REMINDERS, house.network_id, await house.reminder(), values, None)
    await house.deeds.set_speaker(house.network_id, said, ben)
    assert await house.whose() == [ben]


@pytest.mark.parametrize("names", [["Ann"], [], ["Ann", "ANN"]], ids=["one", "nobody", "several"])
async def test_what_is_for_another_is_theirs_if_they_are_known_and_not_the_speakers(
    house: Asking, names: list[str]
) -> None:
    known = [await house.known(name) for name in names]
    ben = await house.known("Ben")
    await house.enrolled(ben, 2)
    said = await house.asks(2, 0, person="ann")
    expected = known[0] if len(known) == 1 else None
    assert await house.whose() == [expected]
    await house.deeds.set_speaker(house.network_id, said, None)
    assert await house.whose() == [expected]


async def test_it_outlives_the_words_and_the_person(house: Asking) -> None:
    ann, ben = await house.known("Ann"), await house.known("Ben")
    await house.enrolled(ann, 1)
    said = [await house.asks(1, number) for number in range(2)]
    archive = Archive(house.database, house.clock)
    await archive.delete_interaction(house.network_id, said[0])
    assert await house.whose() == [ann, ann]
    await house.household.delete(PERSONS, house.network_id, ann)
    assert await house.whose() == [None, None]
    await house.deeds.set_speaker(house.network_id, said[1], ben)
    assert await house.whose() == [None, ben]
