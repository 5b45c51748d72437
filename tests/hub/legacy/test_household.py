"""Conversations and people, as old clients see them, and how they teach a voice."""

from __future__ import annotations

import pytest
from aiohttp import FormData

from hub.api.teaching import learn_nothing
from hub.store.scope import Scope
from hub.store.tables import Conversation, Interaction, Person
from shared.ids import new_id
from shared.wire.events import PersonChanged
from tests.hub.legacy.site import SAMPLES, LegacySite, audio, detail
from tests.hub.store.making import SPOKEN_AT


async def test_conversations_are_listed_newest_first_and_shown_with_what_was_said(
    any_site: LegacySite,
) -> None:
    network_id, ids = any_site.home.network.network_id, [new_id() for _ in range(3)]
    async with any_site.database.transaction(Scope(network_id)) as session:
        for number, conversation_id in enumerate(ids):
            session.add(
                Conversation(
                    id=conversation_id,
                    network_id=network_id,
                    participant_ids=[any_site.home.person_id],
                    topic_summary=f"topic {number}",
                    context_summary="context",
                    last_interaction_at=SPOKEN_AT.replace(year=2020 + number),
                )
            )
        await session.flush()
        for minute in (1, 2):
            session.add(
                Interaction(
                    id=new_id(),
                    network_id=network_id,
                    text=f"minute {minute}",
                    timestamp=SPOKEN_AT.replace(year=2025, minute=minute),
                    conversation_id=ids[0],
                )
            )
    listed = (await any_site.call("GET", "/conversations/all")).body
    # What was said last counts; one that says nothing of its time comes last.
    newest = listed.pop(0)["id"]  # of what was said in 2026
    assert newest not in {*ids, any_site.home.conversation_id}
    assert [one["id"] for one in listed] == [ids[0], ids[2], ids[1], any_site.home.conversation_id]
    shown = {
        "id": ids[0],
        "user_ids": [any_site.home.person_id],
        "topic_summary": "topic 0",
        "context_summary": "context",
    }
    assert listed[0] == shown
    one = (await any_site.call("GET", f"/conversations/{ids[0]}")).body
    said = one.pop("interactions")
    assert one == shown
    assert [each["text"] for each in said] == ["minute 2", "minute 1"]
    empty = (await any_site.call("GET", f"/conversations/{ids[1]}/")).body
    assert empty["interactions"] == []
    for nobody in (new_id(), "nonsense"):
        answer = await any_site.call("GET", f"/conversations/{nobody}")
        assert answer.status == 404
        assert detail(answer)


async def test_a_long_conversation_is_read_in_parts(
    any_site: LegacySite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.legacy.listing.PART", 2)
    network_id, conversation_id = any_site.home.network.network_id, any_site.home.conversation_id
    times = [SPOKEN_AT.replace(minute=n // 3) for n in range(7)] + [None, None, None]
    async with any_site.database.transaction(Scope(network_id)) as session:
        for time in times:
            session.add(
                Interaction(
                    id=new_id(),
                    network_id=network_id,
                    text="x",
                    timestamp=time,
                    conversation_id=conversation_id,
                )
            )
    shown = (await any_site.call("GET", f"/conversations/{conversation_id}")).body
    said = [(each["timestamp"] or "", each["id"]) for each in shown["interactions"]]
    assert len(set(said)) == len(times)
    assert said == sorted(said, reverse=True)


async def test_people_are_shown_whole_by_their_numbers(any_site: LegacySite) -> None:
    network_id, person_id = any_site.home.network.network_id, new_id()
    async with any_site.database.transaction(Scope(network_id)) as session:
        session.add(
            Person(
                id=person_id,
                network_id=network_id,
                index=7,
                voice_embedding=[0.25] * 256,
                cluster_id=3,
                created_at=SPOKEN_AT,
            )
        )
    listed = (await any_site.call("GET", "/persons/all")).body
    assert [one["index"] for one in listed] == [1, 7]
    shown = {
        "id": person_id,
        "name": None,
        "index": 7,
        "voice_embedding": [0.25] * 256,
        "cluster_id": 3,
        "created_at": "2026-03-01T12:00:00.250000",
        "updated_at": None,
    }
    assert listed[1] == shown
    assert (await any_site.call("GET", f"/persons/{person_id.replace('-', '')}")).body == shown
    assert (await any_site.call("GET", f"/persons/{new_id()}")).status == 404


def lesson(name: str | None = None, data: bytes = SAMPLES) -> FormData:
    texts = {"expected_text": "ba de fi go"} | ({} if name is None else {"name": name})
    return audio(None, data, **texts)


@pytest.mark.parametrize("call", ["update", "train_embedding"])
async def test_a_voice_is_taught_where_voices_are_learned(site: LegacySite, call: str) -> None:
    taught: list[tuple[str, str, bytes]] = []

    async def teach(network_id: str, person_id: str, recording: bytes) -> bool:
        taught.append((network_id, person_id, recording))
        return await learn_nothing(network_id, person_id, recording)

    object.__setattr__(site.legacy.services, "teach", teach)
    person_id, name = site.home.person_id, "Ann" if call == "update" else None
    answer = await site.call("POST", f"/persons/{person_id}/{call}", data=lesson(name))
    assert (answer.status, set(answer.body)) == (200, {"message", "person"})
    assert answer.body["person"]["id"] == person_id
    assert answer.body["person"]["name"] == name or "one of home"
    assert taught == [(site.home.network.network_id, person_id, SAMPLES)]


async def test_a_new_name_is_told_to_the_devices_and_needs_no_recording(site: LegacySite) -> None:
    path = f"/persons/{site.home.person_id}/update"
    device = await site.up_to_date()
    answer = await site.call("POST", path, data=audio(None, b"", name="Ann"))
    assert (answer.status, answer.body["person"]["name"]) == (200, "Ann")
    assert (await device.expect(PersonChanged)).name == "Ann"
    await device.channel.close()


async def test_a_lesson_that_cannot_be_used_changes_nothing(site: LegacySite) -> None:
    path = f"/persons/{site.home.person_id}"
    for call, data in (
        ("update", lesson("Ann", b"RIFFnothing")),
        ("update", audio(None, b"", expected_text="ba")),
        ("update", lesson("x" * 65)),
        ("update", lesson("a\0b")),
        ("train_embedding", lesson(None, b"")),
        ("train_embedding", lesson("Ann", b"")),
    ):
        answer = await site.call("POST", f"{path}/{call}", data=data)
        assert answer.status == 400, answer
        assert detail(answer)
    assert (await site.call("GET", path)).body["name"] == "one of home"
    for call in ("update", "train_embedding"):
        nobody = await site.call("POST", f"/persons/{new_id()}/{call}", data=lesson("Ann"))
        assert nobody.status == 404
