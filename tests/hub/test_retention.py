"""What is too old is forgotten, in this network and no other, and the devices are told."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

import hub.store.retention
from hub.retention import forget_old
from hub.store.retention import Retention, cutoff
from hub.store.settings import NetworkSettings
from shared.wire.events import InteractionDeleted
from tests.hub.api.conftest import home, neighbours, site
from tests.hub.api.site import Household, Site
from tests.hub.store.conftest import (
    any_database,
    clock,
    database,
    path,
    postgres_database,
    postgres_name,
    template,
)
from tests.hub.store.making import election, interaction

__all__ = (
    "any_database",
    "clock",
    "database",
    "home",
    "neighbours",
    "path",
    "postgres_database",
    "postgres_name",
    "site",
    "template",
)

DAY = timedelta(days=1)


async def say(site: Site, home: Household, text: str, at: datetime) -> None:
    said = replace(interaction(text), timestamp=at)
    chosen = election(home.network.network_id, started_at_us=round(at.timestamp() * 1e6))
    await site.store.record_interaction(said, chosen)


async def texts(site: Site, home: Household) -> list[str]:
    listed = await site.ask("GET", f"{home.base}/interactions", home.token)
    return [one["text"] for one in listed.body["interactions"]]


def now_of(site: Site) -> datetime:
    return datetime.fromtimestamp(site.clock.now_us / 1e6, UTC)


def test_by_default_everything_is_kept() -> None:
    now = datetime(2026, 1, 31, tzinfo=UTC)
    assert cutoff(NetworkSettings(), now) is None
    assert cutoff(NetworkSettings(retention_days=30), now) == datetime(2026, 1, 1, tzinfo=UTC)


async def test_what_is_older_than_a_network_wants_is_forgotten_on_its_devices_too(
    site: Site, home: Household, neighbours: Household, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub.store.retention, "AT_ONCE", 2)
    monkeypatch.setattr(hub.retention, "AT_ONCE", 2)
    now = now_of(site)
    for household in (home, neighbours):
        for days in range(1, 8):
            await say(site, household, f"{days} days ago", now - days * DAY)
    await site.ask("PUT", home.base, home.token, json={"settings": {"retention_days": 3}})
    device = await site.device(home, "kitchen")
    retention = Retention(site.database)
    await forget_old(retention, site.networks, now + timedelta(minutes=1))
    kept = await texts(site, home)
    assert [text for text in kept if "days" in text] == ["1 days ago", "2 days ago"]
    assert len([text for text in await texts(site, neighbours) if "days" in text]) == 7
    gone = [await device.expect(InteractionDeleted) for _ in range(5)]
    assert [event.seq for event in gone] == sorted(event.seq for event in gone)
    before = await site.store.recent_elections(
        home.network.network_id, 0, round((now - 3 * DAY).timestamp() * 1e6)
    )
    assert before == ()
    await forget_old(retention, site.networks, now + timedelta(minutes=1))
    assert await texts(site, home) == kept
