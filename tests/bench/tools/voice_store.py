"""What it costs to decide, within the transaction that stores an interaction, who spoke."""

from __future__ import annotations

import statistics
import tempfile
import time
import uuid
from dataclasses import replace
from pathlib import Path

import numpy as np

from hub.speakers.book import Heard, unit
from hub.speakers.spaces import SIZES, Embedding
from hub.store.database import Database
from hub.store.scope import Scope
from hub.store.store import Store
from hub.store.tables import Person, VoiceCentroid
from hub.store.voice_rows import stored_vector
from tests.hub.store.making import WoundClock, election, furnish, interaction

RUNS = 40
WARM_UP = 5
CENTROIDS = 4


async def storing_ms(persons: int, space: str) -> tuple[float, float]:
    """Processor time to store an utterance of one of so many people, in SQLite; the median.

    Returns:
        With its voice, all that the hub asks the store about it included, and without.
    """
    with tempfile.TemporaryDirectory() as folder:
        database = await Database.open(Path(folder) / "mira.db")
        try:
            store = Store(database, WoundClock())
            network_id = (await furnish(store)).network_id
            places = await _people(database, network_id, persons, space)
            random = np.random.default_rng(0)
            took: dict[bool, list[float]] = {True: [], False: []}
            for number in range(RUNS):
                vector = unit(places[number % min(20, persons)] + _noise(random, 0.3, space))
                for with_voice, times in took.items():
                    heard = Heard({space: vector}, 3.0, space) if with_voice else None
                    said = replace(interaction(), heard=heard)
                    began = time.process_time()
                    if with_voice:
                        await store.voice_spaces(network_id, space)
                    await store.record_interaction(said, election(network_id))
                    times.append(time.process_time() - began)
        finally:
            await database.close()
    medians = [statistics.median(took[kind][WARM_UP:]) * 1000 for kind in (True, False)]
    return medians[0], medians[1]


async def _people(database: Database, network_id: str, count: int, space: str) -> list[Embedding]:
    """Makes people whose voices are known, and tells where they lie."""
    random = np.random.default_rng(1)
    places = [unit(_noise(random, 1.0, space)) for _ in range(count)]
    now = interaction().timestamp
    async with database.transaction(Scope(network_id)) as session:
        for number, place in enumerate(places):
            person_id = str(uuid.UUID(int=number + 1))
            session.add(
                Person(id=person_id, network_id=network_id, index=number + 1, created_at=now)
            )
            await session.flush()
            for _ in range(CENTROIDS):
                session.add(
                    VoiceCentroid(
                        id=str(uuid.UUID(bytes=random.bytes(16))),
                        network_id=network_id,
                        person_id=person_id,
                        space=space,
                        vector=stored_vector(unit(place + _noise(random, 0.2, space))),
                        weight=20.0,
                        updated_at=now,
                    )
                )
    return places


def _noise(random: np.random.Generator, length: float, space: str) -> Embedding:
    return unit(random.normal(size=SIZES[space])) * np.float32(length)
