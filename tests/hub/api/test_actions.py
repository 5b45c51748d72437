"""What is said at a microphone is done, and shown; words that close microphones close them."""

from __future__ import annotations

from typing import Any

import pytest

from hub.recognition.fake import FakeRecogniser
from shared.audio import pcm_to_bytes
from tests.hub.api.site import Household, Site
from tests.voice import say


async def speak(site: Site, home: Household, words: str) -> dict[str, Any]:
    """Somebody says something; the election that it led to."""
    site.desk.recogniser = FakeRecogniser(lambda _: words)
    sent = await site.ask(
        "POST", f"{home.base}/audio", home.clients["kitchen"], data=pcm_to_bytes(say("ba de fi go"))
    )
    assert sent.status == 200
    path = f"{home.base}/elections/{sent.body['election_id']}"
    election: dict[str, Any] = (await site.ask("GET", path, home.token)).body
    site.clock.now_us += 60_000_000
    return election


async def listed(site: Site, home: Household, what: str, query: str = "") -> list[dict[str, Any]]:
    answer = await site.ask("GET", f"{home.base}/{what}{query}", home.token)
    found: list[dict[str, Any]] = answer.body[what]
    return found


async def test_what_is_asked_for_is_done_and_shown(site: Site, home: Household) -> None:
    before = {one["reminder_id"] for one in await listed(site, home, "reminders")}
    election = await speak(site, home, "remind me in two hours to call Ann")
    (reminder,) = (
        one for one in await listed(site, home, "reminders") if one["reminder_id"] not in before
    )
    assert (reminder["title"], reminder["status"]) == ("call Ann", "pending")
    query = f"?interaction_id={election['interaction_id']}"
    (action,) = await listed(site, home, "actions", query)
    assert (action["action_type"], action["status"]) == ("create_reminder", "completed")
    assert action["result"]["reminder_id"] == reminder["reminder_id"]
    await speak(site, home, "cancel that")
    path = f"{home.base}/reminders/{reminder['reminder_id']}"
    assert (await site.ask("GET", path, home.token)).body["status"] == "cancelled"


async def test_a_network_may_want_no_actions(site: Site, home: Household) -> None:
    settings = {"actions": False}
    await site.ask("PUT", home.base, home.token, json={"settings": settings})
    election = await speak(site, home, "remind me in two hours to call Ann")
    query = f"?interaction_id={election['interaction_id']}"
    assert await listed(site, home, "actions", query) == []


async def test_what_is_processed_again_is_done_once(site: Site, home: Household) -> None:
    settings = {"keep_audio_hours": 1}
    await site.ask("PUT", home.base, home.token, json={"settings": settings})
    election = await speak(site, home, "remember in two ours to call Ann")
    path = f"{home.base}/interactions/{election['interaction_id']}"
    site.desk.recogniser = FakeRecogniser(lambda _: "remind me in two hours to call Ann")
    for _ in range(2):
        assert (await site.ask("POST", f"{path}/process", home.token)).status == 200
        query = f"?interaction_id={election['interaction_id']}"
        (action,) = await listed(site, home, "actions", query)
        assert action["status"] == "completed"


@pytest.mark.parametrize(
    ("effect", "network", "kitchen"), [("network_off", False, True), ("device_off", True, False)]
)
async def test_a_control_phrase_closes_microphones_and_leaves_nothing(
    site: Site, home: Household, effect: str, network: bool, kitchen: bool
) -> None:
    settings = {"control_phrases": {"ruhe bitte": effect}}
    await site.ask("PUT", home.base, home.token, json={"settings": settings})
    before = await listed(site, home, "interactions")
    assert (await speak(site, home, "mira stop"))["interaction_id"] is not None  # not here
    election = await speak(site, home, "Ruhe, bitte!")
    assert election["interaction_id"] is None
    assert len(await listed(site, home, "interactions")) == len(before) + 1
    shown = (await site.ask("GET", home.base, home.token)).body
    assert shown["settings"]["listening"] is network
    device = await site.store.client(home.network.network_id, "kitchen")
    assert device.listening is kitchen
    again = await site.ask(
        "POST", f"{home.base}/audio", home.clients["kitchen"], data=pcm_to_bytes(say("ba"))
    )
    assert again.status == 403  # no microphone is open
