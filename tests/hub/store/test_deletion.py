"""What is deleted leaves no byte in the database's files, its write-ahead log included."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlmodel import col, select

from hub.store.accounts import Accounts
from hub.store.archive import Archive
from hub.store.database import Database
from hub.store.household import Household
from hub.store.household_kinds import ACTIONS, CONVERSATIONS, PERSONS, REMINDERS
from hub.store.records import NetworkInfo
from hub.store.scope import Scope
from hub.store.store import Store
from hub.store.tables import Interaction, Person, VoiceCentroid
from shared.ids import new_id
from tests.hub.store.making import WoundClock, election, furnish, interaction

SPOKEN = "the sentence that is deleted"
NAME = "Zoë of the deleted name"
VOICE = [0.12345678901234567, 0.98765432109876543]
CENTROID = [0.55555555511111111, 0.44444444422222222]
RECORDING = b"fLaC of the deleted recording" * 3
TITLE = "the title of the deleted network"
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def left(path: Path) -> dict[str, bool]:
    """Which of the secrets stand somewhere in the database's files."""
    files = b"".join(each.read_bytes() for each in sorted(path.parent.glob(f"{path.name}*")))
    return {
        "spoken": SPOKEN.encode() in files,
        "recording": RECORDING in files,
        "name": NAME.encode() in files,
        "voice": str(VOICE[0]).encode() in files,
        "centroid": str(CENTROID[0]).encode() in files,
        "title": TITLE.encode() in files,
    }


async def furnished(database: Database, clock: WoundClock) -> tuple[NetworkInfo, str, str]:
    """A network with a person who said something; and another one, that stays."""
    store, household = Store(database, clock), Household(database, clock)
    other, _ = await store.create_network("Neighbours")
    home = await furnish(store)
    network_id = home.network_id
    for owner in (other.network_id, network_id):
        for text in ("what stays", "and this"):
            await store.record_interaction(interaction(text), election(owner))
    said = replace(interaction(SPOKEN), processing_metadata={"first": SPOKEN})
    await store.record_interaction(said, election(network_id), RECORDING)
    done: dict[str, Any] = {"action_type": "cancel", "interaction_id": said.interaction_id}
    done |= {"action_data": {"target": SPOKEN}, "result": {"title": SPOKEN}}
    await household.add(ACTIONS, network_id, done)
    person, _ = await household.add_person(network_id, NAME)
    await household.add(CONVERSATIONS, network_id, {"title": TITLE})
    values = {"title": TITLE, "due_time": NOW, "priority": "low", "status": "pending"}
    await household.add(REMINDERS, network_id, values)
    async with database.transaction(Scope(network_id)) as session:
        row = (await session.exec(select(Person).where(col(Person.id) == person.person_id))).one()
        row.voice_embedding = VOICE
        spoken = await session.get(Interaction, said.interaction_id)
        assert spoken is not None
        spoken.speaker_id, spoken.voice_embedding = person.person_id, VOICE
        centroid = VoiceCentroid(
            id=new_id(),
            network_id=network_id,
            person_id=person.person_id,
            space="test",
            vector=CENTROID,
            weight=3.0,
            updated_at=NOW,
        )
        session.add(centroid)
    return home, said.interaction_id, person.person_id


async def test_of_an_interaction(database: Database, path: Path, clock: WoundClock) -> None:
    home, interaction_id, _ = await furnished(database, clock)
    assert left(path) == dict.fromkeys(left(path), True)
    await Archive(database, clock).delete_interaction(home.network_id, interaction_id)
    assert await database.truncate_wal()
    assert left(path) == dict.fromkeys(left(path), True) | {"spoken": False, "recording": False}


async def test_of_a_persons_voice(database: Database, path: Path, clock: WoundClock) -> None:
    home, _, person_id = await furnished(database, clock)
    await Household(database, clock).delete(PERSONS, home.network_id, person_id)
    assert await database.truncate_wal()
    gone = {"name": False, "voice": False, "centroid": False}
    assert left(path) == dict.fromkeys(left(path), True) | gone


async def test_of_a_network(database: Database, path: Path, clock: WoundClock) -> None:
    home, _, _ = await furnished(database, clock)
    await Accounts(database, clock).delete_network(home.network_id)
    assert await database.truncate_wal()
    assert left(path) == dict.fromkeys(left(path), False)
    assert b"what stays" in path.read_bytes()  # of the neighbours


async def test_while_somebody_reads_it_is_put_off(
    database: Database, path: Path, clock: WoundClock
) -> None:
    home, interaction_id, _ = await furnished(database, clock)
    with closing(sqlite3.connect(path)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM interactions").fetchone()
        await Archive(database, clock).delete_interaction(home.network_id, interaction_id)
        assert not await database.truncate_wal()
    assert await database.truncate_wal()
    assert not left(path)["spoken"]
    assert await database.truncate_wal()  # there is nothing to do
