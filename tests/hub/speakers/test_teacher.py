"""A voice is taught by recordings, as the legacy system did, and nobody else's changes."""

from __future__ import annotations

import io
import json
import uuid
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlmodel import select

from hub.speakers.desk import SpeakersDesk
from hub.speakers.encoder import TooLittleSpeechError
from hub.speakers.spaces import GE2E_LEGACY
from hub.speakers.teacher import Teacher, taught
from hub.store.database import Database
from hub.store.errors import NotFoundError, UnlikeVoiceError
from hub.store.household import Household
from hub.store.scope import Scope
from hub.store.settings import NetworkSettings
from hub.store.store import Store
from hub.store.tables import Person, VoiceCentroid
from hub.store.voice_deeds import VoiceDeeds
from models.location import WeightStore
from shared.audio import SAMPLE_RATE, Pcm, resample
from shared.errors import AudioFormatError
from shared.wire.events import Event, PersonChanged
from tests.hub.speakers.clips import clips
from tests.hub.speakers.people import FakeEncoder
from tests.hub.store.conftest import clock, database, path, template
from tests.hub.store.making import WoundClock
from tests.voice import say

__all__ = ("clock", "database", "path", "template")

GOLDEN: dict[str, Any] = json.loads(Path(__file__).with_name("golden.json").read_text())


def wav(pcm: Pcm) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(SAMPLE_RATE)
        writer.writeframes(pcm.tobytes())
    return file.getvalue()


async def voice(database: Database, network_id: str, person_id: str) -> list[float] | None:
    async with database.session(Scope(network_id)) as session:
        found = await session.exec(select(Person.voice_embedding).where(Person.id == person_id))
        known = found.one()
        return None if known is None else list(known)


@pytest.mark.weights
async def test_a_voice_is_the_first_recordings_and_then_a_running_mean(
    database: Database, clock: WoundClock
) -> None:
    household, told = Household(database, clock), list[Event]()
    network, _ = await Store(database, clock).create_network("Home")
    home = network.network_id
    anna, _ = await household.add_person(home, "Anna")
    ben, _ = await household.add_person(home, "Ben")
    teach = Teacher(
        household,
        VoiceDeeds(database, clock),
        lambda _, *events: told.extend(events),
        SpeakersDesk(),
    )
    spoken = clips()
    assert await teach(home, anna.person_id, wav(spoken["times"]))
    first = np.array(await voice(database, home, anna.person_id))
    golden = np.array(GOLDEN["times"]["ge2e-legacy"])
    assert first @ golden / np.linalg.norm(golden) > 0.999
    with pytest.raises(UnlikeVoiceError):
        await teach(home, anna.person_id, wav(resample(spoken["tried"], 5 * SAMPLE_RATE // 4)))
    assert (np.array(await voice(database, home, anna.person_id)) == first).all()
    more = spoken["times"][: len(spoken["times"]) * 3 // 4]
    assert await teach(home, anna.person_id, wav(more))
    second = np.array(await voice(database, home, anna.person_id))
    heard = await SpeakersDesk().embed(more, (GE2E_LEGACY,))
    wanted = 0.8 * first + 0.2 * heard.vectors[GE2E_LEGACY]
    np.testing.assert_allclose(second, wanted, atol=0.01)
    assert np.linalg.norm(second) < 0.9999
    assert await voice(database, home, ben.person_id) is None
    assert [event.person_id for event in told if isinstance(event, PersonChanged)] == [
        anna.person_id
    ] * 4  # the legacy system's vector, and the hub's own
    async with database.session(Scope(home)) as session:
        found = await session.exec(select(VoiceCentroid).where(VoiceCentroid.network_id == home))
        own = list(found)
    assert {(one.person_id, one.enrolled) for one in own} == {(anna.person_id, True)}
    assert len(own) == 2


@pytest.mark.weights
async def test_what_teaches_nothing_changes_nothing(database: Database, clock: WoundClock) -> None:
    household, told = Household(database, clock), list[Event]()
    network, _ = await Store(database, clock).create_network("Home")
    home = network.network_id
    anna, _ = await household.add_person(home, "Anna")
    teach = Teacher(
        household,
        VoiceDeeds(database, clock),
        lambda _, *events: told.extend(events),
        SpeakersDesk(),
    )
    with pytest.raises(TooLittleSpeechError):
        await teach(home, anna.person_id, wav(clips()["times"][:SAMPLE_RATE]))
    with pytest.raises(AudioFormatError):
        await teach(home, anna.person_id, b"")
    with pytest.raises(NotFoundError):
        await teach(home, str(uuid.uuid4()), wav(clips()["times"]))
    assert await voice(database, home, anna.person_id) is None
    assert told == []


async def test_without_weights_nothing_is_learned(
    database: Database, clock: WoundClock, tmp_path: Path
) -> None:
    household = Household(database, clock)
    network, _ = await Store(database, clock).create_network("Home")
    anna, _ = await household.add_person(network.network_id, "Anna")
    speakers = SpeakersDesk.of(WeightStore(tmp_path))
    teach = Teacher(household, VoiceDeeds(database, clock), lambda *_: None, speakers)
    noise = np.random.default_rng(0).integers(-9, 9, SAMPLE_RATE).astype(np.int16)
    assert not await teach(network.network_id, anna.person_id, wav(noise))


async def test_where_no_voices_are_wanted_nothing_is_learned(
    database: Database, clock: WoundClock
) -> None:
    household, store = Household(database, clock), Store(database, clock)
    network, _ = await store.create_network("Home", NetworkSettings(voices=False))
    anna, _ = await household.add_person(network.network_id, "Anna")
    deeds, speakers = VoiceDeeds(database, clock), SpeakersDesk(FakeEncoder)
    teach = Teacher(household, deeds, lambda *_: None, speakers)
    assert not await teach(network.network_id, anna.person_id, wav(say("ba " * 9)))
    assert await voice(database, network.network_id, anna.person_id) is None


def test_a_vector_that_is_none_is_replaced() -> None:
    heard = np.full(256, 0.0625, np.float32)
    assert taught(None, heard) == taught([1.0], heard) == [0.0625] * 256
    assert taught([0.0] * 256, heard) == pytest.approx([0.0125] * 256)
