"""The end of the torture: everything converges, stops, and is read."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from datetime import datetime
from pathlib import Path

from edge.control import Ask, DaemonUnreachableError, ask
from hub.store.database import Database
from hub.store.household import Household
from hub.store.household_kinds import ACTIONS, CONVERSATIONS, EVENTS, PERSONS, REMINDERS
from hub.store.store import Store
from shared.clock import steady_clock
from tests.torture.household import Network, World
from tests.torture.operations import Stored, StoredInteraction, StoredRow, Table

MANY = 1_000_000
LOOK_EVERY_S = 0.2


@asynccontextmanager
async def _database(world: World) -> AsyncIterator[Database]:
    database = await Database.open(world.where)
    try:
        yield database
    finally:
        await database.close()


async def converged(world: World, within_s: float) -> list[str]:
    """Waits until every device holds nothing back and has every event.

    Returns:
        What is not so after `within_s`; empty once all is.
    """
    async with _database(world) as database:
        store, trouble = Store(database, steady_clock()), ["not looked yet"]
        until = world.history.now_s() + within_s
        while trouble and world.history.now_s() < until:
            await asyncio.sleep(LOOK_EVERY_S)
            trouble = []
            for network in world.networks:
                last_seq = await store.last_seq(network.network_id)
                trouble += [
                    line
                    for member in network.members
                    if (line := await _behind(member.device.name, member.device.control, last_seq))
                ]
        return trouble


async def _behind(name: str, control: Path, last_seq: int) -> str:
    try:
        status = await asyncio.to_thread(ask, control, Ask())
    except DaemonUnreachableError as error:
        return f"{name}: {error}"
    if status.hub is None:
        return f"{name}: no hub: {status.trouble}"
    if status.held or status.waiting or status.cursor != last_seq or status.speech:
        return (
            f"{name}: holds {status.held} utterances and {status.waiting} changes, "
            f"has event {status.cursor} of {last_seq}"
        )
    return ""


async def stop(world: World) -> None:
    """Stops devices and hub as their service managers would."""
    await asyncio.gather(*(member.device.process.stop() for member in world.members))
    await world.hub.process.stop()


async def stored(world: World) -> dict[str, Stored]:
    """What the hub has, by network."""
    async with _database(world) as database:
        return {network.network_id: await _stored(database, network) for network in world.networks}


async def _stored(database: Database, network: Network) -> Stored:
    store, household = Store(database, steady_clock()), Household(database, steady_clock())
    network_id = network.network_id
    interactions = await store.recent_interactions(network_id, MANY)
    reminders = (await household.page(REMINDERS, network_id, [], MANY, None)).items
    events = (await household.page(EVENTS, network_id, [], MANY, None)).items
    persons = (await household.page(PERSONS, network_id, [], MANY, None)).items
    clients = [await store.client(network_id, m.device.name) for m in network.members]
    found = Stored(listening={client.client_id: client.listening for client in clients})
    for said in interactions:
        election_id = said.processing_metadata.get("election_id")
        found.interactions[said.interaction_id] = StoredInteraction(
            said.text, said.client_id, _known(said.timestamp), election_id
        )
    for election in await store.recent_elections(network_id, -MANY):
        found.winners[election.election_id] = election.winner_utterance_id or ""
        for candidate in election.candidates:
            found.decided[candidate.utterance_id] = election.election_id
    found.rows = {
        "reminder": {
            r.reminder_id: StoredRow(r.title, r.version, r.created_at, r.status) for r in reminders
        },
        "calendar": {e.event_id: StoredRow(e.title, e.version, e.created_at) for e in events},
        "person": {
            p.person_id: StoredRow(p.name or "", p.version, _known(p.created_at)) for p in persons
        },
    }
    found.tables = {
        "interactions": frozenset(
            (
                i.interaction_id,
                i.text,
                i.speaker_id,
                i.client_id,
                i.timestamp,
                i.processing_status,
                i.conversation_id,
            )
            for i in interactions
        ),
        "clients": frozenset((c.client_id, c.name, c.listening) for c in clients),
        "persons": frozenset((p.person_id, p.name, p.index) for p in persons),
        "reminders": frozenset(
            (r.reminder_id, r.title, r.description, r.due_time, r.priority, r.status, r.person_id)
            for r in reminders
        ),
        "conversations": frozenset(
            (c.conversation_id, c.title, tuple(c.participant_ids), c.last_interaction_at)
            for c in (await household.page(CONVERSATIONS, network_id, [], MANY, None)).items
        ),
        "actions": frozenset(
            (a.action_id, a.action_type, a.status, a.interaction_id, a.error_message)
            for a in (await household.page(ACTIONS, network_id, [], MANY, None)).items
        ),
        "calendar": frozenset(
            (e.event_id, e.title, e.description, e.start_time, e.end_time, e.location)
            for e in events
        ),
    }
    return found


def _known(time: datetime | None) -> datetime:
    if time is None:
        raise ValueError("only what a legacy system left has no time")
    return time


def replicas(world: World) -> dict[tuple[str, str], dict[str, Table]]:
    """What each device has, by network and device; the devices have stopped."""
    return {
        (network.network_id, member.device.name): _replica(member.device.folder / "replica.db")
        for network in world.networks
        for member in network.members
    }


COPIES = {
    "interactions": "SELECT interaction_id, text, speaker_id, client_id, timestamp,"
    " processing_status, conversation_id FROM interactions",
    "clients": "SELECT client_id, name, listening FROM clients",
    "persons": 'SELECT person_id, name, "index" FROM persons',
    "reminders": "SELECT reminder_id, title, description, due_time, priority, status, person_id"
    " FROM reminders",
    "conversations": "SELECT conversation_id, title, participants, last_interaction_at"
    " FROM conversations",
    "actions": "SELECT action_id, action_type, status, interaction_id, error_message FROM actions",
    "calendar": "SELECT event_id, title, description, start_time, end_time, location FROM calendar",
}
READ: dict[tuple[str, int], Callable[[str], object]] = {
    ("interactions", 4): datetime.fromisoformat,
    ("reminders", 3): datetime.fromisoformat,
    ("conversations", 2): lambda people: tuple(json.loads(people)),
    ("conversations", 3): datetime.fromisoformat,
    ("calendar", 3): datetime.fromisoformat,
    ("calendar", 4): datetime.fromisoformat,
}
"""What is no plain text or number in a column of a table, and how it is read."""


def _replica(path: Path) -> dict[str, Table]:
    with closing(sqlite3.connect(path)) as database:
        return {
            name: frozenset(
                tuple(
                    READ[name, column](value)
                    if value is not None and (name, column) in READ
                    else value
                    for column, value in enumerate(row)
                )
                for row in database.execute(query)
            )
            for name, query in COPIES.items()
        }
