"""What was said, by the API: in parts, searched, deleted everywhere."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from urllib.parse import quote

import pytest
from sqlalchemy import text

from hub.store.database import Database
from shared.ids import new_id
from shared.wire.events import InteractionDeleted
from tests.hub.api.site import Household, Site
from tests.hub.store.making import SPOKEN_AT, election, interaction, raw


async def say(site: Site, home: Household, words: str, minute: int, client: str = "kitchen") -> str:
    """Something more is said; its id."""
    said = replace(interaction(words, client), timestamp=SPOKEN_AT + timedelta(minutes=minute))
    await site.store.record_interaction(said, election(home.network.network_id))
    return said.interaction_id


async def texts(site: Site, home: Household, query: str = "") -> list[str]:
    """Of a list, all parts of it."""
    found: list[str] = []
    cursor = ""
    while True:
        page = await site.ask("GET", f"{home.base}/interactions?{query}{cursor}", home.token)
        assert page.status == 200, page
        found += [each["text"] for each in page.body["interactions"]]
        if page.body["next_cursor"] is None:
            return found
        cursor = f"&cursor={page.body['next_cursor']}"


async def test_an_interaction_is_shown_with_all_that_is_known_of_it(
    site: Site, home: Household
) -> None:
    shown = await site.ask(
        "GET", f"{home.base}/interactions/{home.interaction_id}", home.clients["hall"]
    )
    assert shown.status == 200
    assert shown.body["text"] == "said in home"
    assert shown.body["client_id"] == "kitchen"
    assert shown.body["timestamp"] == "2026-03-01T12:00:00.250000Z"
    assert shown.body["audio_duration_s"] == 3.0
    assert shown.body["processing_status"] == "completed"


async def test_the_parts_of_a_list_are_the_list_whatever_their_size(
    site: Site, home: Household, any_database: Database
) -> None:
    for number in range(7):  # three moments, and so several at one of them
        await say(site, home, f"number {number}", number // 3)
    async with raw(any_database) as session, session.begin():
        # As a legacy system left them.
        connection = await session.connection()
        if connection.dialect.name == "postgresql":
            setting = text("SELECT set_config('mira.network_id', :id, true)")
            await connection.execute(setting, {"id": home.network.network_id})
        await connection.execute(
            text("UPDATE interactions SET timestamp = NULL WHERE text IN ('number 1', 'number 5')")
        )
    whole = await texts(site, home, "limit=500")
    assert len(whole) == 8
    assert set(whole[-2:]) == {"number 1", "number 5"}
    assert whole[0] == "number 6"
    for limit in (1, 2, 3, 8):
        assert await texts(site, home, f"limit={limit}") == whole


async def test_what_is_said_meanwhile_does_not_move_the_parts(site: Site, home: Household) -> None:
    for number in range(4):
        await say(site, home, f"number {number}", number + 1)
    path = f"{home.base}/interactions?limit=2"
    first = (await site.ask("GET", path, home.token)).body
    await say(site, home, "later", 60)
    second = (await site.ask("GET", f"{path}&cursor={first['next_cursor']}", home.token)).body
    seen = [each["text"] for each in first["interactions"] + second["interactions"]]
    assert seen == ["number 3", "number 2", "number 1", "number 0"]


async def test_a_list_can_be_searched(site: Site, home: Household) -> None:
    await say(site, home, "Turn on the LIGHT", 10)
    await say(site, home, "100% light_hearted", 20, client="hall")
    await say(site, home, "Goodnight", 30)
    assert await texts(site, home, "text=light") == ["100% light_hearted", "Turn on the LIGHT"]
    assert await texts(site, home, "text=%25") == ["100% light_hearted"]
    assert await texts(site, home, "text=t_h") == ["100% light_hearted"]
    assert await texts(site, home, "client_id=hall") == ["100% light_hearted"]
    assert await texts(site, home, "client_id=nobody") == []
    assert await texts(site, home, f"speaker_id={new_id()}") == []
    start = quote((SPOKEN_AT + timedelta(minutes=10)).isoformat())
    end = quote((SPOKEN_AT + timedelta(minutes=30)).isoformat())
    assert await texts(site, home, f"start_date={start}&end_date={end}") == [
        "100% light_hearted",
        "Turn on the LIGHT",
    ]
    assert await texts(site, home, f"start_date={start}&text=night&limit=1") == ["Goodnight"]


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=501",
        "limit=ten",
        "limit=1&limit=2",
        "cursor=!",
        "cursor=bm90IGEgY3Vyc29y",
        "cursor=WyIyMDI2LTAzLTAxVDEyOjAwOjAwWiIsICJ4Il0",
        "client_id=%00",
        "speaker_id=somebody",
        "start_date=2026-03-01T12:00:00",
        "start_date=yesterday",
        "start_date=2020",
        "end_date=1700000000.5",
        "end_date=null",
        "colour=red",
    ],
)
async def test_a_question_that_makes_no_sense_is_refused(
    site: Site, home: Household, query: str
) -> None:
    answer = await site.ask("GET", f"{home.base}/interactions?{query}", home.token)
    assert answer.status == 400
    assert answer.code in ("INVALID_REQUEST", "INVALID_CURSOR")


async def test_a_word_is_looked_for_whatever_it_means_elsewhere(
    site: Site, home: Household
) -> None:
    for word in ("null", "true", "5"):
        assert await texts(site, home, f"text={word}") == []


async def test_a_deleted_interaction_is_gone_from_the_hub_and_every_device(
    site: Site, home: Household
) -> None:
    device = await site.device(home, "kitchen")
    path = f"{home.base}/interactions/{home.interaction_id}"
    assert (await site.ask("DELETE", path, home.clients["hall"])).status == 204
    assert (await device.expect(InteractionDeleted)).interaction_id == home.interaction_id
    for method in ("GET", "DELETE"):
        again = await site.ask(method, path, home.token)
        assert (again.status, again.code) == (404, "INVALID_INTERACTION_ID")
    assert await texts(site, home) == []
    # A device that was away gets the deletion in the place of what was said.
    late = await site.device(home, "hall")
    assert (await late.expect(InteractionDeleted)).interaction_id == home.interaction_id


async def test_a_person_can_ask_why_this_microphone(site: Site, home: Household) -> None:
    path = f"{home.base}/elections/{home.election_id}"
    why = (await site.ask("GET", path, home.token)).body
    assert why["reason"] == "the best score by 22 points"
    assert (why["margin"], why["decodes"]) == (22.25, 1)
    assert why["interaction_id"] == home.interaction_id
    (heard,) = why["candidates"]
    assert (heard["client_id"], heard["score"], heard["outcome"]) == ("kitchen", 62.5, "elected")
    assert heard["features"] == {"snr": 18.5, "envelope_variance": 0.75}
    await site.ask("DELETE", f"{home.base}/interactions/{home.interaction_id}", home.token)
    assert (await site.ask("GET", path, home.token)).body["interaction_id"] is None
