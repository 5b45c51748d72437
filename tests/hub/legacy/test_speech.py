"""Recordings of old clients compete as any do, and what was understood is shown as they know it."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
import soundfile
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.network.asking import understood
from hub.store import controls
from hub.store.records import Command, InteractionRecord
from hub.store.scope import Scope
from hub.store.tables import Action, Interaction
from shared.audio import SAMPLE_RATE, Pcm, pcm_to_bytes
from shared.ids import new_id
from shared.wire.events import Event, InteractionDeleted
from tests.hub.legacy.site import SAMPLES, SENTENCE, LegacySite, audio, detail
from tests.hub.store.making import SPOKEN_AT
from tests.voice import say

INTERACTION = {
    "id",
    "text",
    "timestamp",
    "conversation_id",
    "speaker_id",
    "voice_embedding",
    "text_embedding",
    "entities",
    "topics",
    "sentiment",
}


def wav(pcm: Pcm) -> bytes:
    made = io.BytesIO()
    soundfile.write(made, pcm, SAMPLE_RATE, format="WAV", subtype="PCM_16")
    return made.getvalue()


async def remember(site: LegacySite, count: int, **values: Any) -> list[str]:
    """Puts legacy interactions into the network, two of each time; the ids, newest first."""
    network_id = site.home.network.network_id
    rows = [
        Interaction(
            id=new_id(),
            network_id=network_id,
            text=f"text {number}",
            timestamp=None if number == 0 else SPOKEN_AT.replace(year=2020, minute=number // 2),
            **values,
        )
        for number in range(count)
    ]
    ordered = sorted(rows, key=lambda row: (str(row.timestamp or ""), row.id), reverse=True)
    ids = [row.id for row in ordered]
    async with site.database.transaction(Scope(network_id)) as session:
        session.add_all(rows)
    return ids


@pytest.mark.parametrize("data", [wav(say(SENTENCE)), SAMPLES], ids=["wav", "samples"])
async def test_a_recording_becomes_an_interaction_as_old_clients_know_it(
    site: LegacySite, data: bytes
) -> None:
    await site.enter()
    answer = await site.say("tablet", data)
    assert answer.status == 200, answer
    assert set(answer.body) == INTERACTION
    assert answer.body["text"] == SENTENCE
    assert datetime.fromisoformat(answer.body["timestamp"]).tzinfo is None
    found = await site.call("GET", f"/interactions/{answer.body['id']}")
    assert found.body == answer.body
    bare = await site.call("GET", f"/interactions/{answer.body['id'].replace('-', '')}")
    assert bare.body == answer.body
    assert answer.body["id"] in (await site.call("GET", "/")).body["recent_interactions"]


async def test_of_two_old_clients_one_is_understood_and_the_other_told(site: LegacySite) -> None:
    await site.enter("near")
    await site.enter("far")
    hiss = np.random.default_rng(0).normal(0, 900, len(say(SENTENCE)))
    noisy = pcm_to_bytes(np.clip(say(SENTENCE) + hiss, -32768, 32767).astype(np.int16))
    assert (await site.say("near")).body["text"] == SENTENCE
    answer = await site.call("POST", "/interactions/register/", data=audio("far", noisy))
    assert (answer.status, list(answer.body)) == (200, ["message"])
    texts = [one["text"] for one in (await site.call("GET", "/interactions/")).body]
    assert texts.count(SENTENCE) == 1


async def test_while_the_service_is_disabled_nothing_is_taken(site: LegacySite) -> None:
    await site.enter()
    await site.call("PATCH", "/service/disable")
    answer = await site.say()
    assert answer.status == 503
    assert detail(answer)
    await site.call("PATCH", "/service/enable")
    network_id = site.home.network.network_id
    await site.store.set_client_listening(network_id, "tablet", False)
    assert (await site.say()).status == 503
    await site.store.set_client_listening(network_id, "tablet", True)
    assert (await site.say()).status == 200


async def test_what_cannot_be_used_is_400_and_who_is_not_registered_404(site: LegacySite) -> None:
    await site.enter()
    path = "/interactions/register"
    for body, status in (
        (audio("tablet", b""), 400),
        (audio(None), 400),
        (audio("", SAMPLES), 400),
        (audio("tablet", b"RIFFnothing"), 400),
        (audio("tablet", SAMPLES[:100]), 400),
        ({"client_id": "tablet"}, 400),
        (audio("stranger"), 404),
    ):
        answer = await site.call("POST", path, data=body)
        assert answer.status == status, answer
        assert detail(answer)
    assert (await site.call("POST", path)).status == 400
    large = audio("tablet", io.BytesIO(b"\1" * (12 * 2**20 + 1)))
    assert (await site.call("POST", path, data=large)).status == 413


async def test_where_nothing_is_understood_a_message_says_so(site: LegacySite) -> None:
    await site.enter()
    hiss = np.random.default_rng(0).normal(0, 5, 16_000).astype(np.int16)
    answer = await site.say("tablet", pcm_to_bytes(hiss))
    assert (answer.status, list(answer.body)) == (200, ["message"])


async def test_a_recogniser_that_fails_is_the_hubs_fault(site: LegacySite) -> None:
    await site.enter()
    site.desk.recogniser.fail_next(ValueError("out of memory"))
    answer = await site.say()
    assert answer.status == 500
    assert detail(answer)


@pytest.mark.parametrize(
    ("said", "index", "off"),
    [
        ("Mira, stop.", 1, True),
        ("mira quit", 1, True),
        ("mira exit", 1, True),
        ("Mira cancel!", 1, True),
        ("mira stop", 2, False),
        ("mira stop", None, True),  # too short for a voice to be told by it
        ("mira stop the music", 1, False),
    ],
)
async def test_the_owners_word_switches_listening_off_and_is_forgotten(
    site: LegacySite, monkeypatch: pytest.MonkeyPatch, said: str, index: int | None, off: bool
) -> None:
    """Whose voice it is, is said here as the row is stored."""
    await site.enter()
    network_id, speaker = site.home.network.network_id, None
    for number in range(1, (index or 0) + 1):
        speaker = site.home.person_id
        if number > 1:
            person, _ = await site.household_data.add_person(network_id, "another")
            speaker = person.person_id
    obey = controls.obey

    async def spoken(
        session: AsyncSession, row: Interaction, command: Command | None, now: datetime
    ) -> tuple[Event, ...] | None:
        row.speaker_id = speaker
        return await obey(session, row, command, now)

    async def heard(record: InteractionRecord, *others: Any) -> InteractionRecord:
        return await understood(replace(record, text=said), *others)

    monkeypatch.setattr("hub.store.interactions.controls.obey", spoken)
    monkeypatch.setattr("hub.network.clerk.understood", heard)
    before = (await site.call("GET", "/")).body["recent_interactions"]
    answer = await site.say()
    assert answer.status == 200
    assert (answer.body is None) is off
    assert await site.listens() is not off
    after = (await site.call("GET", "/")).body["recent_interactions"]
    assert (len(after) == len(before)) is off


async def test_interactions_are_listed_newest_first_and_all_unless_told(
    any_site: LegacySite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.legacy.listing.PART", 3)
    ids = [any_site.home.interaction_id, *await remember(any_site, 60)]
    for path, count in (
        ("/interactions/", 61),
        ("/interactions", 61),
        ("/interactions/?limit=0", 61),
        ("/interactions/?limit=1", 1),
        ("/interactions/?limit=7", 7),
        ("/interactions/?limit=100", 61),
        ("/legacy/interactions", 50),
        ("/legacy/interactions/", 50),
        ("/legacy/interactions?limit=2", 2),
        ("/legacy/interactions?limit=0", 61),
    ):
        answer = await any_site.call("GET", path)
        assert answer.headers["Content-Type"] == "application/json"
        assert [one["id"] for one in answer.body] == ids[:count], path
    assert all(set(one) == INTERACTION for one in answer.body)
    assert (await any_site.call("GET", "/")).body["recent_interactions"] == ids[:10]
    for odd in ("-1", "x", "", "1.5", "9999999999"):
        assert (await any_site.call("GET", f"/interactions/?limit={odd}")).status == 400


async def test_an_empty_list_is_a_list(site: LegacySite) -> None:
    await site.call("DELETE", f"/interactions/{site.home.interaction_id}")
    assert (await site.call("GET", "/interactions/")).body == []


async def test_what_a_legacy_row_holds_is_shown(any_site: LegacySite) -> None:
    vector = [round(n / 256, 6) for n in range(256)]
    (interaction_id,) = await remember(
        any_site,
        1,
        voice_embedding=vector,
        text_embedding=[0.5],
        entities=["PERSON:John"],
        topics=["tea"],
        sentiment=-0.25,
        speaker_id=any_site.home.person_id,
        conversation_id=any_site.home.conversation_id,
    )
    shown = (await any_site.call("GET", f"/interactions/{interaction_id}")).body
    assert shown == {
        "id": interaction_id,
        "text": "text 0",
        "timestamp": None,
        "conversation_id": any_site.home.conversation_id,
        "speaker_id": any_site.home.person_id,
        "voice_embedding": vector,
        "text_embedding": [0.5],
        "entities": ["PERSON:John"],
        "topics": ["tea"],
        "sentiment": -0.25,
    }


async def test_a_voice_in_other_numbers_than_old_clients_know_is_not_shown(
    site: LegacySite,
) -> None:
    (interaction_id,) = await remember(site, 1, voice_embedding=[0.1] * 192)
    shown = (await site.call("GET", f"/interactions/{interaction_id}")).body
    assert shown["voice_embedding"] is None


async def test_an_interaction_is_deleted_everywhere(any_site: LegacySite) -> None:
    device = await any_site.up_to_date()
    path = f"/interactions/{any_site.home.interaction_id}"
    answer = await any_site.call("DELETE", path)
    assert (answer.status, list(answer.body)) == (200, ["detail"])
    gone = await device.expect(InteractionDeleted)
    assert gone.interaction_id == any_site.home.interaction_id
    await device.channel.close()
    for method, where in (
        ("GET", path),
        ("DELETE", path),
        ("POST", f"{path}/inference"),
        ("GET", "/interactions/nonsense"),
        ("DELETE", f"/interactions/{new_id()}"),
    ):
        answer = await any_site.call(method, where, json={"client_id": "tablet"})
        assert answer.status == 404, where
        assert detail(answer)


async def test_inference_shows_the_newest_action_with_what_the_legacy_row_said(
    any_site: LegacySite,
) -> None:
    (interaction_id,) = await remember(any_site, 1)
    path = f"/interactions/{interaction_id}/inference"
    answer = await any_site.call("POST", path, json={"client_id": "tablet"})
    assert (answer.status, list(answer.body)) == (200, ["message"])
    network_id, owner, talk = any_site.home.network.network_id, new_id(), new_id()
    legacy = {
        "user_id": owner.replace("-", ""),
        "details": "call John",
        "conversation_id": talk.replace("-", ""),
        "scheduled_time": "2024-05-01 09:30:00.000000",
    }
    old = Action(
        id=new_id(),
        network_id=network_id,
        interaction_id=interaction_id,
        action_type="reminder",
        action_data={"legacy": legacy},
        completed_at=SPOKEN_AT,
    )
    async with any_site.database.transaction(Scope(network_id)) as session:
        session.add(Action(**old.model_dump()))
    assert (await any_site.call("POST", path)).body == {
        "id": old.id,
        "user_id": owner,
        "person_id": None,
        "action_type": "reminder",
        "details": "call John",
        "interaction_id": interaction_id,
        "conversation_id": talk,
        "status": "pending",
        "scheduled_time": "2024-05-01T09:30:00",
        "completed_time": "2026-03-01T12:00:00.250000",
    }
    newer = old.model_dump() | {
        "id": new_id(),
        "created_at": SPOKEN_AT,
        "action_data": {"room": "hall"},
    }
    async with any_site.database.transaction(Scope(network_id)) as session:
        session.add(Action(**newer))
    shown = (await any_site.call("POST", path)).body
    assert (shown["id"], shown["details"]) == (newer["id"], '{"room": "hall"}')


async def test_what_was_asked_for_is_found_out_when_an_old_client_asks_and_done_once(
    any_site: LegacySite,
) -> None:
    network_id, said_at = any_site.home.network.network_id, datetime.now(UTC)
    row = Interaction(
        id=new_id(),
        network_id=network_id,
        text="remind me in two hours to call Ann",
        timestamp=said_at,
        processing_status="completed",
    )
    async with any_site.database.transaction(Scope(network_id)) as session:
        session.add(Interaction(**row.model_dump()))
    first = (await any_site.call("POST", f"/interactions/{row.id}/inference")).body
    assert (first["action_type"], first["status"]) == ("create_reminder", "completed")
    assert "call Ann" in first["details"]
    due = (said_at + timedelta(hours=2)).replace(tzinfo=None).isoformat()
    assert first["scheduled_time"] == due
    again = (await any_site.call("POST", f"/interactions/{row.id}/inference")).body
    assert again["id"] == first["id"]
