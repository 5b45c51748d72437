"""Voices over the API: read aloud, put right, forgotten; every device is told."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from hub.speakers.desk import Encoder
from hub.store.settings import NetworkSettings
from shared.audio import pcm_to_bytes
from shared.errors import WeightsError
from shared.ids import new_id
from shared.wire.events import InteractionCreated, PersonDeleted
from tests.hub.api.site import Answer, Household, Site
from tests.voice import say

READ = pcm_to_bytes(say("ba ba ba ba ba ba ba ba ba ba"))
SHORT = pcm_to_bytes(say("ba ba"))


async def enrol(site: Site, home: Household, query: str = "", **more: Any) -> Answer:
    path = f"{home.base}/persons/{home.person_id}/enrol{query}"
    given = {"token": home.clients["kitchen"], "data": READ} | more
    return await site.ask("POST", path, **given)


def read(words: int, word: str = "ba") -> bytes:
    """A recording of so many words, which say whose voice it is."""
    return pcm_to_bytes(say(" ".join([word] * words)))


async def person(site: Site, home: Household) -> dict[str, Any]:
    shown = await site.ask("GET", f"{home.base}/persons/{home.person_id}", home.token)
    body: dict[str, Any] = shown.body
    return body


async def test_three_sentences_make_a_voice_known_and_it_is_shown_to_nobody(
    site: Site, home: Household
) -> None:
    answers = [await enrol(site, home, data=read(words)) for words in (10, 11, 12)]
    assert [answer.status for answer in answers] == [200] * 3
    assert [answer.body["sentences"] for answer in answers] == [1, 2, 3]
    first, last = answers[0].body, answers[2].body
    assert (first["sure"], first["likeness"], first["nearest_other"]) == ("low", None, None)
    assert last["sure"] == "good"
    assert last["likeness"] > 0.9
    shown = await person(site, home)
    assert shown["voice_known"]
    assert shown["voice_learned_s"] > 4.8
    assert last["person"] == shown
    assert "[" not in str(last["person"])
    again = await enrol(site, home, "?anew=true")
    assert again.body["sentences"] == 1


async def test_what_cannot_be_a_sentence_is_refused_and_changes_nothing(
    site: Site, home: Household
) -> None:
    short = await enrol(site, home, data=SHORT)
    assert (short.status, short.code) == (400, "TOO_LITTLE_SPEECH")
    silent = await enrol(site, home, data=bytes(64_000))
    assert (silent.status, silent.code) == (400, "INVALID_AUDIO")
    noise = np.random.default_rng(0).normal(0, 3000, 64_000).astype(np.int16)
    noisy = await enrol(site, home, data=pcm_to_bytes(noise))
    assert (noisy.status, noisy.code) == (400, "TOO_NOISY")
    odd = await enrol(site, home, "?louder=true")
    assert odd.status == 400
    assert not (await person(site, home))["voice_known"]


async def test_somebody_elses_sentence_is_refused_and_one_sent_again_does_not_count(
    site: Site, home: Household
) -> None:
    await enrol(site, home)
    known = await person(site, home)
    other = await enrol(site, home, data=read(10, "ka"))
    assert (other.status, other.code) == (409, "UNLIKE_VOICE")
    again = await enrol(site, home)
    assert (again.status, again.body["sentences"]) == (200, 1)
    assert (await person(site, home))["voice_learned_s"] == known["voice_learned_s"]
    anew = await enrol(site, home, "?anew=true", data=read(10, "ka"))
    assert (anew.status, anew.body["sentences"]) == (200, 1)


async def test_where_no_voices_are_wanted_or_none_can_be_told_it_is_said(
    site: Site, home: Household, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> Encoder:
        raise WeightsError("voice-ge2e is not here.", "mira-hub models pull voice-ge2e")

    with monkeypatch.context() as patch:
        patch.setattr(site.speakers, "_load", missing)
        answer = await enrol(site, home)
    assert (answer.status, answer.code) == (503, "VOICES_UNAVAILABLE")
    await site.store.change_settings(home.network.network_id, NetworkSettings(voices=False))
    answer = await enrol(site, home)
    assert (answer.status, answer.code) == (409, "VOICES_OFF")


async def test_an_inactive_network_takes_no_sentence(site: Site, home: Household) -> None:
    await site.store.set_network_status(home.network.network_id, "inactive")
    assert (await enrol(site, home)).status == 403


@pytest.mark.parametrize("whose", ["device", "network"])
async def test_a_device_that_is_not_to_listen_enrols_nobody_and_the_network_may(
    site: Site, home: Household, whose: str
) -> None:
    network_id, now = home.network.network_id, datetime.now(UTC)
    if whose == "device":
        await site.store.set_client_listening(network_id, "kitchen", False, now)
    else:
        await site.store.set_network_listening(network_id, False, now)
    answer = await enrol(site, home)
    assert (answer.status, answer.code) == (403, "FORBIDDEN")
    assert answer.body["error"]["message"].startswith("Listening is switched off. Switch it on")
    other = await enrol(site, home, token=home.clients["hall"], data=read(11))
    assert other.status == (200 if whose == "device" else 403)
    assert (await enrol(site, home, token=home.token, data=read(12))).status == 200


async def test_a_deleted_voice_is_unknown_and_the_person_stays(site: Site, home: Household) -> None:
    await enrol(site, home)
    voice = f"{home.base}/persons/{home.person_id}/voice"
    assert (await site.ask("DELETE", voice, home.clients["kitchen"])).status == 204
    assert not (await person(site, home))["voice_known"]
    await enrol(site, home)
    everybody = f"{home.base}/voices"
    assert (await site.ask("DELETE", everybody, home.clients["kitchen"])).status == 403
    assert (await site.ask("DELETE", everybody, home.token)).status == 204
    shown = await person(site, home)
    assert (shown["voice_known"], shown["name"]) == (False, "one of home")


async def test_who_spoke_is_said_merged_and_split_by_hand_and_devices_are_told(
    site: Site, home: Household
) -> None:
    device = await site.device(home, "kitchen")
    said = f"{home.base}/interactions/{home.interaction_id}"
    put = await site.ask("PATCH", said, home.token, json={"speaker_id": home.person_id})
    assert put.body["speaker_id"] == home.person_id
    assert put.body["processing_metadata"]["speaker"] == {"outcome": "by_hand"}
    made = await site.ask("POST", f"{home.base}/persons", home.token, json={"name": "Ben"})
    ben = made.body["person_id"]
    path = f"{home.base}/persons/{ben}/merge"
    merged = await site.ask("POST", path, home.token, json={"person_id": home.person_id})
    assert (merged.status, merged.body["name"]) == (200, "Ben")
    assert (await site.ask("GET", said, home.token)).body["speaker_id"] == ben
    split = f"{home.base}/persons/{ben}/split"
    body = {"interaction_ids": [home.interaction_id], "name": "Cid"}
    new = await site.ask("POST", split, home.token, json=body)
    assert new.body["name"] == "Cid"
    assert (await site.ask("GET", said, home.token)).body["speaker_id"] == new.body["person_id"]
    both = {**body, "person_id": new_id()}
    assert (await site.ask("POST", split, home.token, json=both)).status == 400
    cleared = await site.ask("PATCH", said, home.token, json={"speaker_id": None})
    assert cleared.body["speaker_id"] is None
    nothing = await site.ask("PATCH", said, home.token, json={})
    assert nothing.body == cleared.body
    async with asyncio.timeout(10):
        while not isinstance(message := await device.receive(), PersonDeleted):
            pass
        assert message.person_id == home.person_id
        while not isinstance(message := await device.receive(), InteractionCreated):
            pass
        assert message.interaction_id == home.interaction_id


@pytest.mark.parametrize("deed", ["merge", "split", "speaker"])
async def test_another_networks_people_are_nobody_here(
    site: Site, home: Household, neighbours: Household, deed: str
) -> None:
    people = f"{home.base}/persons/{home.person_id}"
    said = f"{home.base}/interactions/{home.interaction_id}"
    await site.ask("PATCH", said, home.token, json={"speaker_id": home.person_id})
    answers = []
    for other in (neighbours.person_id, new_id()):
        body: dict[str, Any] = {"person_id": other}
        match deed:
            case "merge":
                answer = await site.ask("POST", f"{people}/merge", home.token, json=body)
            case "split":
                body["interaction_ids"] = [home.interaction_id]
                answer = await site.ask("POST", f"{people}/split", home.token, json=body)
            case _:
                answer = await site.ask("PATCH", said, home.token, json={"speaker_id": other})
        answers.append((answer.status, answer.code, answer.body["error"]["message"]))
    assert answers[0] == answers[1]
    assert answers[0][0] == 404
    theirs = await site.ask(
        "GET", f"{neighbours.base}/persons/{neighbours.person_id}", neighbours.token
    )
    assert theirs.status == 200
    body = {"interaction_ids": [neighbours.interaction_id]}
    assert (await site.ask("POST", f"{people}/split", home.token, json=body)).status == 404
