"""Every call, from the first day to the last: what it answers, and what it says of its end."""

from __future__ import annotations

from typing import Any

import pytest

from hub.legacy.app import PREFIX
from hub.legacy.routes import CALLS
from hub.store.database import Database
from tests.hub.api.site import Answer
from tests.hub.legacy.site import PREFLIGHT, LegacySite, audio, detail, open_legacy_site
from tests.hub.legacy.test_access import ORDERED, ask
from tests.hub.store.making import WoundClock

ENDS = "Mon, 12 Feb 2024 22:13:20 GMT"
"""Ninety days after what `WoundClock` begins with."""
LISTS = {"/interactions/", "/conversations/all", "/persons/all"}
DAYS = (0, 29.9, 30, 90, 90.9, 91)


def check(answer: Answer, day: float, guide: str) -> None:
    """What holds for every answer."""
    headers = answer.headers
    assert headers["Deprecation"] == "@1700000000"
    assert headers["Sunset"] == ENDS
    assert headers["Link"] == f'<{guide}>; rel="deprecation", <{guide}>; rel="sunset"'
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert "Deprecation" in headers["Access-Control-Expose-Headers"]
    assert headers["Cache-Control"] == "no-store"
    if isinstance(answer.body, dict):
        assert ("deprecation" in answer.body) is (day >= 30)


def notice(day: float, network: str, guide: str) -> dict[str, Any]:
    end = "ended" if day >= 91 else "ends"
    return {
        "warning": f"The legacy API is deprecated and {end} on 2024-02-12: use the new endpoints.",
        "deprecation_date": "2024-02-12T22:13:20+00:00",
        "migration_guide": guide,
        "new_endpoints": {
            "interactions": f"/api/v1/networks/{network}/interactions",
            "audio": f"/api/v1/networks/{network}/audio",
        },
    }


@pytest.mark.parametrize("prefix", ["", PREFIX], ids=["own port", "prefix"])
@pytest.mark.parametrize("day", DAYS)
async def test_every_call_on_every_day(site: LegacySite, day: float, prefix: str) -> None:
    await site.enter("kitchen")
    site.wind_to_day(day)
    host = {"Host": "hub.home:8000"}
    guide = f"http://hub.home:8000{prefix}/guide"
    told = notice(day, site.home.network.public_id, guide)
    for method, path, _ in ORDERED:
        answer = await ask(site, method, path, site.home, "", prefix, **host)
        check(answer, day, guide)
        if day >= 91:
            assert answer.status == 410, path
            assert (set(answer.body), answer.body["deprecation"]) == (
                {"detail", "deprecation"},
                told,
            )
        else:
            assert answer.status == 200, path
            assert isinstance(answer.body, list) is (path in LISTS)
            if day >= 30 and path not in LISTS:
                assert answer.body["deprecation"] == told
        allowed = await site.call(
            "OPTIONS", prefix + site.home.path(path), headers=PREFLIGHT | host
        )
        assert allowed.status == 200  # else a browser's page would never see the 410
        check(allowed, day, guide)
        assert method in allowed.headers["Access-Control-Allow-Methods"]
        assert allowed.headers["Access-Control-Allow-Headers"] == "content-type"


@pytest.mark.parametrize("day", DAYS)
async def test_every_error_on_every_day(site: LegacySite, day: float) -> None:
    await site.enter("kitchen")
    site.wind_to_day(day)
    await site.call("PATCH", "/service/disable")
    host = {"Host": "hub.home:8000"}
    for method, path, status in (
        ("GET", "/no/such/path", 404),
        ("PUT", "/service/enable", 405),
        ("GET", "/interactions/nonsense", 404),
        ("GET", "/interactions/?limit=x", 400),
        ("POST", "/interactions/register", 503),
    ):
        answer = await site.call(method, path, headers=host)
        assert answer.status == (status if day < 91 else 410), path
        assert detail(answer)
        check(answer, day, "http://hub.home:8000/guide")
    answer = await site.call("GET", "/", "wrong", headers=host)
    assert answer.status == (401 if day < 91 else 410)
    check(answer, day, "http://hub.home:8000/guide")
    assert site.home.network.public_id not in str(answer.body)
    if day >= 30:
        assert answer.body["deprecation"] == notice(
            day, "{network_id}", "http://hub.home:8000/guide"
        )


async def test_null_stays_null_when_warnings_come(site: LegacySite) -> None:
    site.wind_to_day(40)
    listed = await site.call("GET", "/interactions/")
    assert isinstance(listed.body, list)
    assert "deprecation" not in str(listed.body)
    told = await site.call("GET", f"/conversations/{site.home.conversation_id}")
    assert told.body["deprecation"]["new_endpoints"]
    assert told.body["interactions"] == []


async def test_the_date_comes_from_what_was_recorded_and_not_from_the_hubs_start(
    database: Database, clock: WoundClock
) -> None:
    for day, status in ((10, 200), (89, 200), (92, 410)):
        clock.now_us = WoundClock().now_us
        async with open_legacy_site(database, clock, network=None) as site:
            if day == 10:
                first = site.home.network.network_id
            else:
                await site.accounts.delete_network(site.home.network.network_id)
                assert (await site.house._moves.every())[0].network_id == first
            site.wind_to_day(day)
            assert (await site.call("GET", "/")).status == status


async def test_the_guide_is_a_page_of_the_hubs_own_for_anybody(guarded: LegacySite) -> None:
    for day in (0, 91):
        guarded.wind_to_day(day)
        for prefix in ("", PREFIX):
            page = await guarded.call("GET", f"{prefix}/guide")
            assert page.status == 200
            assert page.headers["Content-Type"].startswith("text/plain")
            assert "mira-hub pair" in page.body
            assert "Deprecation" in page.headers
            assert guarded.home.network.public_id not in page.body


async def test_a_configured_guide_takes_its_place(database: Database, clock: WoundClock) -> None:
    guide = "https://home.example.org/moving"
    async with open_legacy_site(database, clock, guide_url=guide) as site:
        site.wind_to_day(31)
        answer = await site.call("GET", "/")
        check(answer, 31, guide)
        assert answer.body["deprecation"]["migration_guide"] == guide


async def test_a_host_that_is_none_gets_into_no_header(site: LegacySite) -> None:
    answer = await site.call("GET", "/", headers={"Host": 'x">; rel="evil'})
    assert answer.status == 200
    assert "evil" not in answer.headers["Link"]


async def test_before_anything_was_moved_every_call_says_so(
    database: Database, clock: WoundClock
) -> None:
    async with open_legacy_site(database, clock, moved=False) as site:
        for method, path, _ in CALLS:
            answer = await ask(site, method, path, site.home, site.home.token)
            assert answer.status == 503
            assert "No legacy data was moved" in detail(answer)
            assert "Deprecation" not in answer.headers
            assert answer.headers["Access-Control-Allow-Origin"] == "*"


async def test_a_browser_may_send_what_it_asks_for_and_nothing_odd_comes_back(
    site: LegacySite,
) -> None:
    odd = PREFLIGHT | {"Access-Control-Request-Headers": "a: b; é"}
    answer = await site.call("OPTIONS", "/interactions/register", headers=odd)
    assert answer.headers["Access-Control-Allow-Headers"] == "Authorization, Content-Type"
    answer = await site.call(
        "POST", "/interactions/register", data=audio(None), headers={"Origin": "http://evil.test"}
    )
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
