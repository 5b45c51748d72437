"""An interaction is recognised anew, where its recording was kept; and for how long it is."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import select

from hub.retention import forget_old
from hub.store.retention import Retention
from hub.store.scope import Scope
from hub.store.tables import Recording
from shared.audio import pcm_to_bytes
from shared.ids import new_id
from shared.wire.events import InteractionCreated
from tests.hub.api.site import Answer, Household, Site
from tests.voice import say

SENTENCE = "ba de fi go"


async def set_keeping(site: Site, home: Household, hours: int) -> None:
    answer = await site.ask(
        "PUT", home.base, home.token, json={"settings": {"keep_audio_hours": hours}}
    )
    assert answer.status == 200


async def say_at(site: Site, home: Household, status: str = "completed") -> str:
    """Something is said, and stored; its path."""
    sent = await site.ask(
        "POST", f"{home.base}/audio", home.clients["kitchen"], data=pcm_to_bytes(say(SENTENCE))
    )
    assert (sent.status, sent.body["status"]) == (200, status)
    election = await site.ask(
        "GET", f"{home.base}/elections/{sent.body['election_id']}", home.token
    )
    return f"{home.base}/interactions/{election.body['interaction_id']}"


async def process(site: Site, home: Household, path: str) -> Answer:
    return await site.ask("POST", f"{path}/process", home.clients["hall"])


async def kept(site: Site, home: Household) -> int:
    """How many recordings there are, but the one that every household has."""
    async with site.database.session(Scope(home.network.network_id)) as session:
        found = await session.exec(
            select(Recording.interaction_id).where(
                Recording.network_id == home.network.network_id,
                Recording.interaction_id != home.interaction_id,
            )
        )
        return len(found.all())


def hear(site: Site, words: str) -> None:
    """What the recogniser understands from now on."""
    site.desk.recogniser._text_of = lambda _: words


async def pass_time(site: Site, hours: float) -> None:
    """Has the hub look at what is too old, some hours from now."""
    now = datetime.fromtimestamp(site.clock.now_us / 1e6, UTC) + timedelta(hours=hours)
    await forget_old(Retention(site.database), site.networks, now)


async def test_a_better_recogniser_gives_a_better_text_and_devices_are_told(
    site: Site, home: Household
) -> None:
    await set_keeping(site, home, 1)
    path = await say_at(site, home)
    device = await site.device(home, "hall")
    hear(site, "something else altogether")
    answer = await process(site, home, path)
    assert answer.status == 200
    assert answer.body["text"] == "something else altogether"
    assert (await site.ask("GET", path, home.token)).body == answer.body
    told = await device.expect(InteractionCreated)
    while told.text != answer.body["text"]:
        told = await device.expect(InteractionCreated)
    assert told.interaction_id == answer.body["interaction_id"]
    assert told.client_id == "kitchen"


async def test_without_a_recording_there_is_nothing_to_recognise(
    site: Site, home: Household
) -> None:
    path = await say_at(site, home)
    assert await kept(site, home) == 0
    answer = await process(site, home, path)
    assert (answer.status, answer.code) == (409, "NO_RECORDING")
    unknown = await process(site, home, f"{home.base}/interactions/{new_id()}")
    assert (unknown.status, unknown.code) == (404, "INVALID_INTERACTION_ID")


async def test_what_the_recogniser_failed_on_is_kept_and_understood_later(
    site: Site, home: Household
) -> None:
    site.desk.recogniser.fail_next(ValueError("out of memory"))
    path = await say_at(site, home, "failed")
    shown = await site.ask("GET", path, home.token)
    assert (shown.body["text"], shown.body["processing_status"]) == ("", "failed")
    await pass_time(site, 23)
    answer = await process(site, home, path)
    assert answer.status == 200
    assert (answer.body["text"], answer.body["processing_status"]) == (SENTENCE, "completed")
    assert "error" not in answer.body["processing_metadata"]
    assert "election_id" in answer.body["processing_metadata"]
    await pass_time(site, 23)
    assert await kept(site, home) == 0  # it was recognised


async def test_of_what_is_never_recognised_the_recording_goes_after_a_day(
    site: Site, home: Household
) -> None:
    site.desk.recogniser.fail_next(ValueError("out of memory"))
    await say_at(site, home, "failed")
    await pass_time(site, 23)
    assert await kept(site, home) == 1
    await pass_time(site, 25)
    assert await kept(site, home) == 0


@pytest.mark.parametrize(("hours", "left"), [(47, 1), (49, 0)])
async def test_a_recording_is_kept_as_long_as_the_network_says(
    site: Site, home: Household, neighbours: Household, hours: int, left: int
) -> None:
    await set_keeping(site, home, 48)
    await say_at(site, home)
    await say_at(site, neighbours)  # who keep none
    assert (await kept(site, home), await kept(site, neighbours)) == (1, 0)
    await pass_time(site, hours)
    assert await kept(site, home) == left


async def test_a_recording_goes_with_its_interaction(site: Site, home: Household) -> None:
    await set_keeping(site, home, 48)
    path = await say_at(site, home)
    assert (await site.ask("DELETE", path, home.token)).status == 204
    assert await kept(site, home) == 0


async def test_a_recording_goes_with_its_network(site: Site, home: Household) -> None:
    await set_keeping(site, home, 48)
    await say_at(site, home)
    assert (await site.ask("DELETE", home.base, home.token)).status == 204
    assert await kept(site, home) == 0


async def test_what_is_not_understood_again_leaves_all_as_it_was(
    site: Site, home: Household
) -> None:
    await set_keeping(site, home, 1)
    path = await say_at(site, home)
    before = await site.ask("GET", path, home.token)
    hear(site, "")
    answer = await process(site, home, path)
    assert (answer.status, answer.code) == (409, "NOTHING_UNDERSTOOD")
    site.desk.recogniser.fail_next(ValueError("out of memory"))
    answer = await process(site, home, path)
    assert (answer.status, answer.code) == (500, "AUDIO_PROCESSING_FAILED")
    assert (await site.ask("GET", path, home.token)).body == before.body


async def test_for_a_network_that_is_not_active_nothing_is_recognised(
    site: Site, home: Household
) -> None:
    await set_keeping(site, home, 1)
    path = await say_at(site, home)
    await site.ask("PUT", home.base, home.token, json={"status": "inactive"})
    answer = await process(site, home, path)
    assert (answer.status, answer.code) == (403, "FORBIDDEN")


async def test_a_network_has_one_recording_at_the_desk(site: Site, home: Household) -> None:
    await set_keeping(site, home, 1)
    path = await say_at(site, home)
    answers = await asyncio.gather(*(process(site, home, path) for _ in range(5)))
    assert sorted(answer.status for answer in answers) == [200, 429, 429, 429, 429]
    assert {answer.headers.get("Retry-After") for answer in answers} == {None, "1"}
    assert (await process(site, home, path)).status == 200
