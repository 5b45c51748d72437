"""Reminders are looked for again and again, and devices hear of those that are due."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest

from hub.networks import Networks
from hub.reminders import LEFT, LOOK_S, LOOKS_AT_ALL, RETURN_S, keep_reminders
from hub.store.errors import NotFoundError
from hub.store.reminders import DueReminders
from shared.errors import StoreError
from shared.wire.events import Event, ReminderDue
from tests.flows.home import now_us
from tests.hub.memory import MemoryHub, open_hub

pytestmark = pytest.mark.looptime

REMINDER = "1c2d3e4f-5a6b-4c7d-9e8f-0a1b2c3d4e06"


class Due:
    """Stands in for the store: one reminder of one network, due at a time."""

    def __init__(self, network_id: str, after_s: float) -> None:
        self.network_id = network_id
        self.at = datetime.fromtimestamp(now_us() / 1e6, UTC) + timedelta(seconds=after_s)
        self.told_at: datetime | None = None
        self.failure: StoreError | None = None
        self.shared = False
        self.present: dict[str, bool] = {}  # as asked last
        self.newest = {"deleted meanwhile": 1, "fails": 1, network_id: 1}
        self.looked_up: Counter[str] = Counter()  # when the next is due, by network
        self.asked = 0  # how often, where something happened

    async def seqs(self, network_ids: Sequence[str] | None = None) -> dict[str, int]:
        if self.failure is not None:
            raise self.failure
        self.asked += 1
        return {one: self.newest[one] for one in network_ids or self.newest}

    async def next_at(self, network_id: str) -> datetime | None:
        self.looked_up[network_id] += 1
        if network_id == "fails":
            raise StoreError("A page of the index is damaged.")
        if network_id != self.network_id:
            return datetime.fromtimestamp(0, UTC)
        return self.at if self.told_at is None else None

    async def tell(
        self, network_id: str, now: datetime, present: Mapping[str, bool]
    ) -> tuple[Event, ...]:
        if network_id != self.network_id:
            raise NotFoundError("There is no such network.")
        self.present = dict(present)
        if self.told_at is not None or now < self.at:
            return ()
        self.told_at = now
        self.newest[network_id] += 1
        return (
            ReminderDue(
                seq=2,  # that of the device is the first
                reminder_id=REMINDER,
                title="call the secret friend",
                description=None,
                due_time=self.at,
                priority="high",
                status="pending",
                person_id=None,
                announce_to="kitchen",
            ),
        )

    @property
    def late_s(self) -> float:
        assert self.told_at is not None
        return (self.told_at - self.at).total_seconds()


@asynccontextmanager
async def looking(
    hub: MemoryHub, due: Due, networks: Networks | None = None
) -> AsyncIterator[None]:
    task = asyncio.ensure_future(
        keep_reminders(cast("DueReminders", due), networks or hub.networks, now_us)
    )
    yield
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_devices_hear_of_it_within_seconds(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with open_hub() as hub:
        due = Due(hub.network.network_id, 100)
        async with looking(hub, due):
            await asyncio.sleep(95)
            kitchen = await hub.device("kitchen")
            await kitchen.read_for(10)
        assert 0 <= due.late_s <= LOOK_S
        assert len([one for one in kitchen.said if isinstance(one, ReminderDue)]) == 1
    assert "secret friend" not in caplog.text


async def test_devices_that_said_that_they_speak_are_known_while_they_are_connected() -> None:
    async with open_hub() as hub:
        due = Due(hub.network.network_id, RETURN_S + 1)
        async with looking(hub, due):
            hall = await hub.device("hall")
            kitchen = await hub.connect(await hub.token("kitchen"))
            await kitchen.greet(capabilities=["microphone", "announcements"])
            observer = await hub.observer("announcements")
            await asyncio.gather(
                *(one.read_for(RETURN_S + 2 * LOOK_S) for one in (hall, kitchen, observer))
            )
            assert due.present == {"hall": False, "kitchen": True}
            await kitchen.channel.close()
            due.told_at = None
            due.newest[due.network_id] += 1
            await asyncio.sleep(2 * LOOK_S)
            assert due.present == {"hall": False}


async def test_a_hub_that_starts_gives_devices_time_to_be_back() -> None:
    async with open_hub() as hub:
        due = Due(hub.network.network_id, -3600)
        started = datetime.fromtimestamp(now_us() / 1e6, UTC)
        async with looking(hub, due):
            await asyncio.sleep(RETURN_S + 1)
        assert due.told_at is not None
        assert (due.told_at - started).total_seconds() == pytest.approx(RETURN_S)


async def test_a_network_of_which_nobody_is_here_is_looked_at_now_and_then() -> None:
    async with open_hub() as hub:
        due = Due(hub.network.network_id, RETURN_S + LOOK_S + 1)
        async with looking(hub, due):
            await asyncio.sleep(RETURN_S + LOOK_S * (LOOKS_AT_ALL + 1))
        assert LOOK_S < due.late_s <= LOOK_S * LOOKS_AT_ALL
        assert due.asked == 2  # and in between, nothing at all


async def test_a_hub_whose_devices_are_silent_asks_little(caplog: pytest.LogCaptureFixture) -> None:
    async with open_hub() as hub:
        due = Due(hub.network.network_id, 600)
        del due.newest["fails"], due.newest["deleted meanwhile"]
        async with looking(hub, due):
            kitchen = await hub.device("kitchen")
            await kitchen.read_for(500)
            assert due.looked_up == {due.network_id: 1}
            due.newest[due.network_id] += 1  # something was said
            due.at -= timedelta(seconds=50)  # and what is due next is due earlier
            await kitchen.read_for(90)
            assert due.looked_up[due.network_id] == 4  # that, when it is due, and behind it
        assert 0 <= due.late_s <= LOOK_S


async def test_one_network_that_fails_keeps_up_no_other(caplog: pytest.LogCaptureFixture) -> None:
    async with open_hub() as hub:
        due = Due(hub.network.network_id, RETURN_S - 1)
        async with looking(hub, due):
            await asyncio.sleep(RETURN_S + 1)
        assert due.late_s == pytest.approx(1)
        assert [*due.newest].index("fails") < [*due.newest].index(due.network_id)
    messages = [record.message for record in caplog.records if "due reminders" in record.message]
    assert len(messages) == 1
    assert "damaged" in messages[0]


async def test_a_store_that_fails_is_asked_again(caplog: pytest.LogCaptureFixture) -> None:
    async with open_hub() as hub:
        due = Due(hub.network.network_id, 0)
        due.failure = StoreError("The disk is full.")
        async with looking(hub, due):
            await asyncio.sleep(RETURN_S + 3 * LOOK_S)
            due.failure = None
            await asyncio.sleep(LOOK_S)
        assert due.told_at is not None
    levels = [record.levelname for record in caplog.records if "due reminders" in record.message]
    assert levels[0] == "WARNING"


async def test_a_hub_where_nothing_speaks_leaves_what_is_due_to_another() -> None:
    async with open_hub() as hub, open_hub() as other:
        due = Due(hub.network.network_id, 100)
        due.shared = True
        del due.newest["fails"], due.newest["deleted meanwhile"]
        quiet, loud = await hub.device("kitchen"), await other.connect(await other.token("hall"))
        await loud.greet(capabilities=["microphone", "announcements"])
        networks = cast("Networks", SameNetwork(other.networks, due.network_id))
        await asyncio.sleep(LOOK_S / 2)
        async with looking(hub, due), looking(other, due, networks):
            await asyncio.gather(*(one.read_for(110) for one in (quiet, loud)))
        assert due.present == {"hall": True}
        assert 0 <= due.late_s <= LOOK_S


async def test_where_nothing_speaks_at_any_hub_it_is_told_all_the_same() -> None:
    async with open_hub() as hub:
        due = Due(hub.network.network_id, 100)
        due.shared = True
        async with looking(hub, due):
            kitchen = await hub.device("kitchen")
            await kitchen.read_for(110)
        assert LEFT.total_seconds() <= due.late_s <= LEFT.total_seconds() + LOOK_S
        assert [one for one in kitchen.said if isinstance(one, ReminderDue)]


class SameNetwork:
    """The networks of a hub, of which the only one goes by another's id."""

    def __init__(self, networks: Networks, network_id: str) -> None:
        self._networks, self._network_id = networks, network_id

    @property
    def open_networks(self) -> tuple[str, ...]:
        return (self._network_id,)

    def present(self, _: str) -> dict[str, bool]:
        return self._networks.present(self._networks.open_networks[0])

    def publish(self, _: str, *events: Event) -> None:
        self._networks.publish(self._networks.open_networks[0], *events)
