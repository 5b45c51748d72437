"""A legacy file becomes a hub's database and back, and nothing in it is lost."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.store import schema
from hub.store.database import Database
from hub.store.database_file import change_schema, revision_of
from hub.store.errors import DowngradeRefusedError
from hub.store.store import Store
from tests.hub.store import legacy
from tests.hub.store.making import WoundClock, election, furnish, interaction

ANNA, TALK, SAID, DONE, GONE = (digit * 32 for digit in "abcde")
ROWS: legacy.Rows = {
    "persons": [{"id": ANNA, "name": None, "index": 1, "voice_embedding": "[0.5, -0.25, 1e-05]"}],
    "conversations": [
        {"id": TALK, "user_ids": '["aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa"]', "topic_summary": "Tea"}
    ],
    "interactions": [
        {
            "id": SAID,
            "text": "make tea",
            "timestamp": "2024-05-06 07:08:09.000010",
            "conversation_id": TALK,
            "speaker_id": GONE,
            "sentiment": 0.1,
        },
        {"id": "9" * 32, "text": "", "timestamp": None, "speaker_id": ANNA},
    ],
    "actions": [
        {
            "id": DONE,
            "user_id": GONE,
            "person_id": GONE,
            "action_type": "reminder",
            "details": "tea at five",
            "interaction_id": GONE,
            "conversation_id": TALK,
            "status": "pending",
            "scheduled_time": "2024-05-06 17:00:00.000000",
        }
    ],
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "legacy.db"
    legacy.write(path, ROWS)
    return path


async def test_a_legacy_file_becomes_a_network_of_its_own(file: Path) -> None:
    database = await Database.open(file)
    store = Store(database, WoundClock())
    (network,) = await store.networks()
    assert (network.public_id, network.name) == (
        "legacy_migration_network",
        "Legacy Data Migration",
    )
    newest, oldest = await store.recent_interactions(network.network_id, 10)
    await database.close()
    assert newest.text == "make tea"
    assert newest.timestamp is not None
    assert newest.timestamp.isoformat() == "2024-05-06T07:08:09.000010+00:00"
    assert newest.speaker_id is None
    assert newest.processing_metadata == {"dangling": {"speaker_id": GONE}}
    assert oldest.timestamp is None
    assert oldest.speaker_id == "aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa"


def test_what_actions_have_no_column_for_is_in_their_free_data(file: Path) -> None:
    change_schema(file, schema.HEAD)
    (action,) = legacy.read(file)["actions"]
    assert action["interaction_id"] is None
    assert json.loads(str(action["action_data"])) == {
        "dangling": {"interaction_id": GONE},
        "legacy": {
            "user_id": GONE,
            "person_id": GONE,
            "details": "tea at five",
            "conversation_id": TALK,
            "scheduled_time": "2024-05-06 17:00:00.000000",
        },
    }


def test_a_legacy_file_without_rows_needs_no_network(tmp_path: Path) -> None:
    path = tmp_path / "empty.db"
    legacy.write(path, {})
    change_schema(path, schema.HEAD)
    assert legacy.read(path, ["networks"]) == {"networks": []}


def test_downgrading_gives_the_legacy_schema_back(file: Path, tmp_path: Path) -> None:
    made = tmp_path / "made.db"
    change_schema(made, schema.LEGACY)
    change_schema(file, schema.HEAD)
    change_schema(file, schema.LEGACY)
    assert legacy.shape(file) == legacy.shape(made)


async def test_rows_that_went_back_come_again_into_the_network_they_were_in(
    path: Path, database: Database
) -> None:
    store = Store(database, WoundClock())
    home = await furnish(store)
    await store.record_interaction(interaction(), election(home.network_id))
    await database.close()
    before = legacy.read(path, ["networks"])["networks"]
    change_schema(path, "0002")
    change_schema(path, schema.HEAD)
    (network,) = legacy.read(path, ["networks"])["networks"]
    assert network["network_id"] == before[0]["network_id"]
    (said,) = legacy.read(path)["interactions"]
    assert said["network_id"] == network["id"]


async def test_what_the_hub_added_goes_back_as_far_as_there_are_columns(file: Path) -> None:
    database = await Database.open(file)
    store = Store(database, WoundClock())
    (network,) = await store.networks()
    await store.add_client(network.network_id, "Kitchen", client_id="kitchen")
    said = interaction("and milk")
    await store.record_interaction(said, election(network.network_id))
    await database.close()
    with closing(sqlite3.connect(file)) as connection:
        key = network.network_id.replace("-", "")
        action = {"id": "f" * 32, "network_id": key, "action_type": "light", "status": "completed"}
        legacy.insert(connection, {"actions": [action]})
        connection.commit()
    change_schema(file, schema.LEGACY)
    rows = legacy.read(file)
    assert {
        "text": "and milk",
        "timestamp": "2026-03-01 12:00:00.250000",
    }.items() <= next(
        row for row in rows["interactions"] if row["id"] == said.interaction_id.replace("-", "")
    ).items()
    (light,) = [row for row in rows["actions"] if row["id"] == "f" * 32]
    assert light["user_id"] == "0" * 32


async def test_downgrading_is_refused_while_there_are_two_networks(file: Path) -> None:
    database = await Database.open(file)
    await Store(database, WoundClock()).create_network("Neighbours")
    await database.close()
    before = legacy.read(file, ["networks", "tokens", *legacy.TABLES])
    with pytest.raises(DowngradeRefusedError) as refusal:
        change_schema(file, schema.LEGACY)
    assert refusal.value.code == "DOWNGRADE_REFUSED"
    assert refusal.value.details == {"networks": 2}
    assert revision_of(file) == schema.HEAD
    assert legacy.read(file, ["networks", "tokens", *legacy.TABLES]) == before


_ids = st.uuids().map(lambda key: key.hex)
_texts = st.text(st.characters(codec="utf-8"), max_size=20)
_times = st.none() | st.datetimes().map(lambda time: time.isoformat(" ", "microseconds"))
_vectors = st.none() | st.lists(st.floats(-1, 1), max_size=5).map(json.dumps)


@st.composite
def _legacy_rows(draw: st.DrawFn) -> legacy.Rows:
    persons, conversations, said, actions = (
        draw(st.lists(_ids, max_size=4, unique=True)) for _ in range(4)
    )

    def reference(targets: list[str]) -> str | None:
        return draw(st.none() | _ids | st.sampled_from(targets or [GONE]))

    return {
        "persons": [
            {
                "id": key,
                "name": draw(st.none() | _texts),
                "index": index,
                "voice_embedding": draw(_vectors),
                "cluster_id": draw(st.none() | st.integers(-1, 9)),
                "created_at": draw(_times),
                "updated_at": draw(_times),
            }
            for index, key in enumerate(persons, start=1)
        ],
        "conversations": [
            {
                "id": key,
                "user_ids": draw(st.none() | st.lists(st.uuids().map(str)).map(json.dumps)),
                "topic_summary": draw(st.none() | _texts),
                "context_summary": draw(st.none() | _texts),
            }
            for key in conversations
        ],
        "interactions": [
            {
                "id": key,
                "text": draw(_texts),
                "timestamp": draw(_times),
                "conversation_id": reference(conversations),
                "voice_embedding": draw(_vectors),
                "speaker_id": reference(persons),
                "text_embedding": draw(_vectors),
                "entities": draw(st.none() | st.lists(_texts).map(json.dumps)),
                "topics": draw(st.none() | st.just("[]")),
                "sentiment": draw(st.none() | st.floats(-1, 1)),
            }
            for key in said
        ],
        "actions": [
            {
                "id": key,
                "user_id": draw(_ids),
                "person_id": reference(persons),
                "action_type": draw(_texts),
                "details": draw(st.none() | _texts),
                "interaction_id": reference(said),
                "conversation_id": reference(conversations),
                "status": draw(st.sampled_from(["pending", "completed", None])),
                "scheduled_time": draw(_times),
                "completed_time": draw(_times),
            }
            for key in actions
        ],
    }


@settings(max_examples=6, deadline=None)
@given(rows=_legacy_rows())
def test_every_value_of_a_legacy_file_survives_the_way_there_and_back(rows: legacy.Rows) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "mira.db"
        legacy.write(path, rows)
        before = legacy.read(path)
        change_schema(path, schema.HEAD)  # verifies that no reference dangles
        there = legacy.read(path)
        assert {name: len(found) for name, found in there.items()} == {
            name: len(found) for name, found in before.items()
        }
        change_schema(path, schema.LEGACY)
        assert legacy.read(path) == before
