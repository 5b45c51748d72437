"""A legacy file goes into a network as a whole, again and again, and what is odd is listed."""

from __future__ import annotations

import json
import shutil
import sqlite3
import uuid
from collections import Counter
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings

from hub.migration.errors import MigrationError
from hub.migration.runs import Outcome, Runs
from hub.store.archive import Archive, Wanted
from hub.store.database import Database
from hub.store.errors import StoreFullError
from hub.store.household import Household
from hub.store.household_kinds import ACTIONS, CONVERSATIONS, PERSONS
from hub.store.moves import Moves
from hub.store.store import Store
from shared.wire.events import ContextUpdated
from tests.hub.migration import odd_files
from tests.hub.migration.odd_files import File
from tests.hub.store import legacy
from tests.hub.store.making import WoundClock

ANNA, BEN, TALK, SAID, DONE = (digit * 32 for digit in "abcde")
GONE = "9" * 32
VOICE = json.dumps([0.0625] * 256)
ROWS: legacy.Rows = {
    "persons": [
        {"id": ANNA, "name": "Anna", "index": 1, "voice_embedding": VOICE},
        {"id": BEN, "name": None, "index": 2, "created_at": "2024-01-02 03:04:05.000000"},
    ],
    "conversations": [{"id": TALK, "user_ids": json.dumps([str(uuid.UUID(ANNA))])}],
    "interactions": [
        {
            "id": SAID,
            "text": "make tea",
            "timestamp": "2024-05-06 07:08:09.000010",
            "conversation_id": TALK,
            "speaker_id": ANNA,
            "voice_embedding": VOICE,
            "entities": '["DRINK:tea"]',
        },
        {"id": "8" * 32, "text": "and milk", "speaker_id": GONE, "voice_embedding": "[1.0]"},
    ],
    "actions": [
        {"id": DONE, "user_id": ANNA, "action_type": "reminder", "interaction_id": SAID}
    ],
}  # fmt: skip


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "legacy.db"
    legacy.write(path, ROWS)
    return path


def quiet(label: str, done: int, total: int) -> None:
    assert label
    assert done <= total


async def run(runs: Runs, file: Path, network: str | None = None) -> Outcome:
    (destination,) = await runs.destinations([file], network)
    return await runs.run(destination, quiet)


def change(file: Path, sql: str) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute(sql)
        connection.commit()


async def network_id(database: Database, clock: WoundClock) -> str:
    (move,) = await Moves(database, clock).every()
    return move.network_id


async def test_everything_is_there_afterwards_and_people_find_it(
    runs: Runs, file: Path, any_database: Database, clock: WoundClock
) -> None:
    before = file.read_bytes()
    outcome = await run(runs, file)
    assert outcome.right
    assert file.read_bytes() == before
    assert outcome.counts["interactions"] == {"moved": 2, "repaired": 1}
    assert outcome.oddities == {
        "interactions.speaker_id: dangling_reference": 1,
        "interactions.timestamp: no_time": 1,
        "interactions.voice_embedding: embedding_length": 1,
    }
    listed = [json.loads(line) for line in outcome.listed.read_text().splitlines()]
    assert {(one["row"], one["kind"]) for one in listed} == {
        ("8" * 32, "dangling_reference"), ("8" * 32, "no_time"), ("8" * 32, "embedding_length"),
    }  # fmt: skip
    home = await network_id(any_database, clock)
    network = await Store(any_database, clock).network(home)
    assert (network.public_id, network.name, network.status) == (
        "legacy_migration_network", "Legacy Data Migration", "active",
    )  # fmt: skip
    archive, household = Archive(any_database, clock), Household(any_database, clock)
    said, milk = (await archive.interactions(home, Wanted(), 10, None)).items
    assert (said.text, said.speaker_id, said.entities) == (
        "make tea", str(uuid.UUID(ANNA)), ["DRINK:tea"],
    )  # fmt: skip
    assert said.timestamp is not None
    assert said.timestamp.isoformat() == "2024-05-06T07:08:09.000010+00:00"
    assert (milk.text, milk.timestamp, milk.speaker_id) == ("and milk", None, None)
    talk = await household.one(CONVERSATIONS, home, str(uuid.UUID(TALK)))
    assert talk.last_interaction_at == said.timestamp
    assert (await household.one(PERSONS, home, str(uuid.UUID(ANNA)))).name == "Anna"
    done = await household.one(ACTIONS, home, str(uuid.UUID(DONE)))
    assert done.interaction_id == str(uuid.UUID(SAID))
    told = await Store(any_database, clock).events_after(home, 0)
    kinds = Counter(type(event).__name__ for event in told)
    assert kinds["InteractionCreated"] == kinds["ActionExecuted"] == kinds["ContextUpdated"] == 1
    assert (
        next(event.last_interaction_at for event in told if isinstance(event, ContextUpdated))
        == said.timestamp
    )


async def test_a_second_run_takes_what_is_new_what_changed_and_what_is_gone(
    runs: Runs, file: Path, any_database: Database, clock: WoundClock
) -> None:
    await run(runs, file)
    change(file, "INSERT INTO interactions (id, text) VALUES ('77', 'later')")
    change(file, "UPDATE persons SET name = 'Benjamin' WHERE \"index\" = 2")
    change(file, f"DELETE FROM persons WHERE id = '{ANNA}'")  # noqa: S608 - our own
    change(file, f"DELETE FROM interactions WHERE id = '{'8' * 32}'")  # noqa: S608 - our own
    outcome = await run(runs, file)
    assert outcome.right
    assert outcome.counts == {
        "persons": {"changed": 1, "removed": 1},
        "conversations": {"changed": 1, "repaired": 1},
        "interactions": {"moved": 1, "changed": 1, "removed": 1, "repaired": 2},
        "actions": {"unchanged": 1},
    }
    home = await network_id(any_database, clock)
    household = Household(any_database, clock)
    people = (await household.page(PERSONS, home, (), 10, None)).items
    assert [person.name for person in people] == ["Benjamin"]
    third = await run(runs, file)
    assert third.right
    assert {what for counted in third.counts.values() for what in counted} == {"unchanged"}


async def test_a_conversation_goes_with_all_that_was_said_in_it(runs: Runs, file: Path) -> None:
    change(file, "UPDATE conversations SET user_ids = NULL")
    await run(runs, file)
    change(file, f"DELETE FROM conversations WHERE id = '{TALK}'")  # noqa: S608 - our own
    change(file, f"DELETE FROM interactions WHERE conversation_id = '{TALK}'")  # noqa: S608 - our own
    outcome = await run(runs, file)
    assert outcome.right
    assert outcome.counts["conversations"] == {"removed": 1}
    assert (await run(runs, file)).right


async def test_what_somebody_changed_or_deleted_here_stays_so(
    runs: Runs, file: Path, any_database: Database, clock: WoundClock
) -> None:
    await run(runs, file)
    home = await network_id(any_database, clock)
    household, archive = Household(any_database, clock), Archive(any_database, clock)
    ben = str(uuid.UUID(BEN))
    await household.change(PERSONS, home, ben, {"name": "Ben"}, None)
    await archive.delete_interaction(home, str(uuid.UUID(SAID)))
    change(file, "UPDATE persons SET name = 'Benno' WHERE \"index\" = 2")
    change(file, f"UPDATE interactions SET sentiment = 0.5 WHERE id = '{SAID}'")  # noqa: S608
    outcome = await run(runs, file)
    assert outcome.right
    assert not outcome.verified.equal
    assert outcome.counts["persons"] == {"quarantined": 1, "unchanged": 1}
    assert outcome.counts["interactions"] == {"deleted_here": 1, "unchanged": 1}
    assert (await household.one(PERSONS, home, ben)).name == "Ben"
    assert len((await archive.interactions(home, Wanted(), 10, None)).items) == 1


async def test_ids_that_another_network_has_are_replaced_and_what_refers_to_them_follows(
    runs: Runs, file: Path, tmp_path: Path, any_database: Database, clock: WoundClock
) -> None:
    copy = tmp_path / "elsewhere" / "mira.db"
    copy.parent.mkdir()
    copy.write_bytes(file.read_bytes())
    first, second = await runs.destinations([file, copy], None)
    assert (await runs.run(first, quiet)).right
    assert (await runs.run(second, quiet)).right
    by_id = {move.public_id: move.network_id for move in await Moves(any_database, clock).every()}
    homes = [by_id[first.public_id], by_id[second.public_id]]
    archive = Archive(any_database, clock)
    one, other = [(await archive.interactions(home, Wanted(), 10, None)).items for home in homes]
    assert [row.text for row in one] == [row.text for row in other]
    assert not {row.interaction_id for row in one} & {row.interaction_id for row in other}
    speaker = other[0].speaker_id
    assert speaker not in (None, str(uuid.UUID(ANNA)))
    assert (
        await Household(any_database, clock).one(PERSONS, homes[1], str(speaker))
    ).name == "Anna"
    again = await runs.run(second, quiet)
    assert again.right
    assert again.counts["interactions"] == {"unchanged": 2}


async def test_a_deleted_persons_voice_is_gone_from_the_free_data_too(
    runs: Runs, file: Path, any_database: Database, clock: WoundClock
) -> None:
    change(file, f"UPDATE interactions SET speaker_id = '{BEN}' WHERE text = 'and milk'")  # noqa: S608
    await run(runs, file)
    home = await network_id(any_database, clock)
    archive = Archive(any_database, clock)
    milk = (await archive.interactions(home, Wanted(), 10, None)).items[1]
    kept = [(await archive.interaction(home, milk.interaction_id)).processing_metadata]
    await Household(any_database, clock).delete(PERSONS, home, str(uuid.UUID(BEN)))
    kept.append((await archive.interaction(home, milk.interaction_id)).processing_metadata)
    assert kept == [{"legacy": {"voice_embedding": "[1.0]"}}, {"legacy": {}}]


async def test_a_row_that_cannot_be_moved_is_kept_verbatim(runs: Runs, file: Path) -> None:
    change(file, "INSERT INTO interactions (id, text) VALUES (x'00ff', 'who?')")
    change(file, f"UPDATE interactions SET text = x'01' WHERE id = '{SAID}'")  # noqa: S608
    outcome = await run(runs, file)
    assert outcome.right
    assert outcome.counts["interactions"] == {"moved": 1, "quarantined": 2, "repaired": 1}
    assert outcome.verified.tables["interactions"].quarantined == 2
    assert (await run(runs, file)).counts["interactions"] == {"unchanged": 3}


async def test_a_disk_without_room_is_noticed_before_anything_is_changed(
    runs: Runs,
    file: Path,
    any_database: Database,
    clock: WoundClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    usage = shutil.disk_usage(file.parent)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=10_000))
    with pytest.raises(StoreFullError, match="0 MB left"):
        await run(runs, file)
    assert await Moves(any_database, clock).every() == ()


async def test_a_foreign_file_is_refused_where_others_data_is(
    runs: Runs, file: Path, tmp_path: Path
) -> None:
    await run(runs, file)
    other = tmp_path / "other.db"
    legacy.write(other, {"persons": [{"id": "1" * 32, "name": "Eve", "index": 1}]})
    with pytest.raises(MigrationError, match="holds what came from"):
        await runs.destinations([other], None)
    (destination,) = await runs.destinations([other], "legacy_migration_network")
    with pytest.raises(MigrationError, match="no row in common"):
        await runs.run(destination, quiet)
    assert (await run(runs, file)).counts["persons"] == {"unchanged": 2}


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(before=odd_files.files(), after=odd_files.files())
async def test_whatever_a_legacy_file_holds_comes_out_of_the_network_again(
    before: File, after: File, any_database: Database, clock: WoundClock
) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "mira.db"
        # One that stays, so that it is the same installation's.
        before["actions"].insert(0, {"id": "0" * 32, "user_id": "x", "action_type": "stay"})
        odd_files.write(path, before)
        runs = Runs(any_database, clock, Path(folder) / "migration")
        (destination,) = await runs.destinations([path], f"Home {folder}")
        first = await runs.run(destination, quiet)
        assert first.verified.equal, first.verified.lines()
        with closing(sqlite3.connect(path)) as connection:
            for table, rows in after.items():
                connection.execute(f"DELETE FROM {table} WHERE rowid % 2 = 0")  # noqa: S608
                known = {key for (key,) in connection.execute(f"SELECT id FROM {table}")}  # noqa: S608
                after[table] = [row for row in rows if row["id"] not in known]
            odd_files.insert(connection, after)
            connection.commit()
        second = await runs.run(destination, quiet)
        assert second.verified.equal, second.verified.lines()
