"""Voices that came from a legacy system, and are to be forgotten."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sqlmodel import col, select

from hub.migration.runs import Runs
from hub.store.database import Database
from hub.store.household import Household
from hub.store.household_kinds import PERSONS
from hub.store.moves import Moves
from hub.store.scope import Scope
from hub.store.tables import Quarantine
from hub.store.voice_deeds import VoiceDeeds
from tests.hub.migration.test_runs import ANNA, BEN, ROWS, VOICE, run
from tests.hub.store import legacy
from tests.hub.store.making import WoundClock


async def voices_kept(database: Database, network_id: str) -> dict[str, Any]:
    """Vectors in quarantine, by the row's id."""
    async with database.session(Scope(network_id)) as session:
        found = await session.exec(
            select(Quarantine.source_row).where(col(Quarantine.network_id) == network_id)
        )
        return {row["id"]: row["voice_embedding"] for row in found}


async def test_a_voice_is_forgotten_in_rows_that_are_kept_verbatim_too(
    runs: Runs, any_database: Database, clock: WoundClock, tmp_path: Path
) -> None:
    unmovable = {"text": b"\x00\xff", "voice_embedding": VOICE}
    said: list[Any] = [
        {"id": digit * 32, "speaker_id": speaker, **unmovable}
        for digit, speaker in (("1", ANNA), ("2", BEN), ("3", None))
    ]
    file = tmp_path / "legacy.db"
    legacy.write(file, {**ROWS, "interactions": [*ROWS["interactions"], *said]})
    assert (await run(runs, file)).counts["interactions"]["quarantined"] == 3
    (move,) = await Moves(any_database, clock).every()
    network_id = move.network_id
    deeds = VoiceDeeds(any_database, clock)
    people = await Household(any_database, clock).page(PERSONS, network_id, [], 10, None)
    anna = next(one.person_id for one in people.items if one.name == "Anna")
    await deeds.forget(network_id, anna)
    kept = await voices_kept(any_database, network_id)
    assert {key: bool(json.loads(value or "null")) for key, value in kept.items()} == {
        "1" * 32: False,
        "2" * 32: True,
        "3" * 32: True,
    }
    await deeds.forget_all(network_id)
    assert set((await voices_kept(any_database, network_id)).values()) == {None}
