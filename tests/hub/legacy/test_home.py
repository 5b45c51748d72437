"""Which network legacy calls act on, and what is said of it at the start and on the health page."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.legacy.home import NoHomeError, chosen
from hub.store.database import Database
from hub.store.moves import Move
from tests.hub.api.site import Household
from tests.hub.legacy.site import LegacySite, detail, open_legacy_site
from tests.hub.store.making import WoundClock

STARTED = datetime(2026, 11, 27, tzinfo=UTC)


def move(name: str) -> Move:
    return Move(f"uuid of {name}", name, name, f"/old/{name}.db", STARTED)


names = st.lists(st.sampled_from("abcdef"), unique=True)


@given(names, st.none() | st.sampled_from("abcdef"))
def test_the_one_that_is_named_or_the_only_one(moved: list[str], wanted: str | None) -> None:
    moves = [move(name) for name in moved]
    if wanted in moved:
        assert chosen(moves, wanted).public_id == wanted
    elif wanted is None and len(moves) == 1:
        assert chosen(moves, wanted) is moves[0]
    else:
        with pytest.raises(NoHomeError):
            chosen(moves, wanted)


def errors(caplog: pytest.LogCaptureFixture, level: int) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.levelno == level]


async def second(site: LegacySite) -> Household:
    other = await site.household("other")
    await site.move_into(other)
    return other


async def test_where_data_moved_into_several_networks_one_has_to_be_named(
    database: Database, clock: WoundClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_legacy_site(database, clock) as site:
        other = await second(site)
        for _ in range(2):
            answer = await site.call("GET", "/")
            assert answer.status == 503
            assert "several networks" in detail(answer)
        assert len(errors(caplog, logging.ERROR)) == 1  # once, however often somebody asks
        named = site.house.config.__class__(access="lan", network=other.network.public_id)
        object.__setattr__(site.house, "config", named)
        answer = await site.call("GET", "/")
        assert answer.body["recent_interactions"] == [other.interaction_id]
        nowhere = site.house.config.__class__(access="lan", network="net_" + "0" * 32)
        object.__setattr__(site.house, "config", nowhere)
        site.house._found = None
        assert "configured" in detail(await site.call("GET", "/"))


@pytest.mark.parametrize(
    ("access", "day", "level", "words"),
    [
        ("lan", 0, logging.WARNING, ("without a token", "until 2024-02-12")),
        ("lan", 95, logging.WARNING, ("has ended",)),
        ("token", 0, logging.INFO, ("a token", "until 2024-02-12")),
    ],
)
async def test_what_is_open_is_said_at_the_start(
    database: Database,
    clock: WoundClock,
    caplog: pytest.LogCaptureFixture,
    access: str,
    day: int,
    level: int,
    words: tuple[str, ...],
) -> None:
    caplog.set_level(logging.INFO)
    async with open_legacy_site(database, clock, access) as site:  # type: ignore[arg-type]
        site.wind_to_day(day)
        caplog.clear()
        await site.house.announce()
        (said,) = errors(caplog, level)
        assert all(word in said for word in words)


async def test_that_it_is_open_is_said_before_anything_was_moved(
    database: Database, clock: WoundClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_legacy_site(database, clock, moved=False) as site:
        await site.house.announce()
        (said,) = errors(caplog, logging.WARNING)
        assert "without a token" in said
        health = (await site.ask("GET", "/api/v1/health")).body["legacy"]
        assert (health["access"], health["stage"]) == ("lan", None)
        assert "without a token" in health["warning"]


async def test_health_says_what_is_open_and_until_when_and_names_nobody(
    site: LegacySite,
) -> None:
    for day, stage, open_ in ((0, "served", True), (45, "warned", True), (91, "gone", False)):
        site.wind_to_day(day)
        answer = await site.ask("GET", "/api/v1/health")
        assert answer.body["legacy"] == {
            "access": "lan",
            "stage": stage,
            "sunset": "2024-02-12T22:13:20Z",
            "warning": answer.body["legacy"]["warning"] if open_ else None,
        }
        assert site.home.network.public_id not in str(answer.body)


async def test_a_move_that_was_rolled_back_ends_the_legacy_api(site: LegacySite) -> None:
    await site.accounts.delete_network(site.home.network.network_id)
    site.house._found = None  # some seconds later
    assert (await site.call("GET", "/")).status == 503
