"""The calendar as other programs get it: by an address with a secret that opens nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import icalendar
import pytest

from hub.store.household_kinds import EVENTS, REMINDERS
from tests.hub.api.site import Household, Site
from tests.hub.store.making import SPOKEN_AT


async def fetch(site: Site, url: str, **headers: str) -> tuple[int, bytes, Mapping[str, str]]:
    path = url[url.index("/api/") :]
    async with site.client.get(path, headers=headers) as answer:
        return answer.status, await answer.read(), answer.headers


@pytest.fixture
async def url(site: Site, home: Household) -> str:
    site.clock.now_us = round(SPOKEN_AT.timestamp() * 1e6)
    answer = await site.ask("POST", f"{home.base}/calendar-feed", home.token)
    assert answer.status == 201
    found: str = answer.body["url"]
    assert found.endswith(f"/calendar.ics?token={answer.body['feed_token']}")
    return found


def titles(data: bytes) -> list[str]:
    return sorted(str(one["SUMMARY"]) for one in icalendar.Calendar.from_ical(data).walk("VEVENT"))


async def test_a_program_that_knows_the_address_reads_the_calendar(
    site: Site, home: Household, url: str
) -> None:
    status, data, headers = await fetch(site, url)
    assert status == 200
    assert headers["Content-Type"] == "text/calendar; charset=utf-8"
    assert titles(data) == ["party of home", "task of home"]
    assert b"X-WR-CALNAME:home" in data
    assert b"next door" not in data


async def test_what_is_done_cancelled_or_long_ago_is_not_in_it(
    site: Site, home: Household, url: str
) -> None:
    key, reminder = home.network.network_id, {"priority": "low", "due_time": SPOKEN_AT}
    for status in ("overdue", "completed", "cancelled"):
        values = reminder | {"title": status, "status": status}
        await site.household_data.add(REMINDERS, key, values)
    old = SPOKEN_AT - timedelta(days=91)
    await site.household_data.add(EVENTS, key, {"title": "old", "start_time": old})
    _, data, _ = await fetch(site, url)
    assert titles(data) == ["overdue", "party of home", "task of home"]


async def test_it_is_sent_again_only_when_it_has_changed(
    site: Site, home: Household, url: str
) -> None:
    _, _, headers = await fetch(site, url)
    status, data, again = await fetch(site, url, **{"If-None-Match": headers["ETag"]})
    assert (status, data, again["ETag"]) == (304, b"", headers["ETag"])
    site.clock.now_us += 3_600_000_000
    path = f"{home.base}/reminders/{home.reminder_id}"
    await site.ask("PUT", path, home.token, json={"title": "new"})
    status, data, changed = await fetch(site, url, **{"If-None-Match": headers["ETag"]})
    assert (status, titles(data)) == (200, ["new", "party of home"])
    assert changed["ETag"] != headers["ETag"]


async def test_a_program_may_look_first_whether_it_is_there(
    site: Site, home: Household, url: str
) -> None:
    path = url[url.index("/api/") :]
    _, data, got = await fetch(site, url)
    async with site.client.head(path) as answer:
        assert (answer.status, await answer.read()) == (200, b"")
        assert answer.headers["Content-Length"] == str(len(data))
        assert [answer.headers[name] for name in ("ETag", "Content-Type")] == [
            got[name] for name in ("ETag", "Content-Type")
        ]
    async with site.client.head(path, headers={"If-None-Match": got["ETag"]}) as answer:
        assert answer.status == 304
    async with site.client.head(path[:-1]) as answer:
        assert answer.status == 401


async def test_a_whole_day_of_the_network_is_a_date(site: Site, home: Household, url: str) -> None:
    settings = {"settings": {"time_zone": "Europe/Berlin"}}
    await site.ask("PUT", home.base, home.token, json=settings)
    day = {"start_time": "2026-12-05T23:00:00Z", "end_time": "2026-12-06T23:00:00Z"}
    made = {"title": "St Nicholas"} | day
    assert (await site.ask("POST", f"{home.base}/calendar", home.token, json=made)).status == 201
    _, data, _ = await fetch(site, url)
    assert b"\r\nDTSTART;VALUE=DATE:20261206\r\nDTEND;VALUE=DATE:20261207\r\n" in data


async def test_a_new_address_ends_the_one_before_and_all_can_be_ended(
    site: Site, home: Household, url: str
) -> None:
    made = await site.ask("POST", f"{home.base}/calendar-feed", home.token)
    assert [(await fetch(site, one))[0] for one in (url, made.body["url"])] == [401, 200]
    gone = await site.ask("DELETE", f"{home.base}/calendar-feed", home.token)
    assert gone.status == 204
    assert (await fetch(site, made.body["url"]))[0] == 401


async def test_the_secret_opens_nothing_else_and_nothing_else_opens_the_file(
    site: Site, home: Household, url: str
) -> None:
    path, _, secret = url.partition("?token=")
    for other in (home.token, home.clients["kitchen"], home.registration):
        status, data, _ = await fetch(site, f"{path}?token={other}")
        assert (status, b"BEGIN" in data) == (403, False)
    assert (await fetch(site, path, Authorization=f"Bearer {secret}"))[0] == 401
    for foreign in ("", "/interactions", "/calendar", "/ws"):
        assert (await site.ask("GET", home.base + foreign, secret)).status == 403
    assert (await fetch(site, f"{url}&token={home.token}"))[0] == 400
