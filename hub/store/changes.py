"""What people did on devices, perhaps long ago and without a hub: each is done once.

Of two that contradict each other, a deletion wins, and a reminder that was cancelled stays so;
of two names the one that was given later stays, whichever came here first.
"""

from __future__ import annotations

from datetime import datetime

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.store import clients, events, interactions, networks
from hub.store.conflicts import later, overtaken
from hub.store.errors import NotFoundError, OutdatedChangeError
from hub.store.records import ChangeOutcome
from hub.store.tables import AppliedChange, Person, Reminder
from shared.errors import Fault, StoreError
from shared.wire.events import Event
from shared.wire.network import CompleteReminder, DeleteInteraction, LastingDeed, NamePerson


async def apply(
    session: AsyncSession,
    network_id: str,
    client_id: str,
    client_seq: int,
    made_at: datetime,
    deed: LastingDeed,
    now: datetime,
) -> ChangeOutcome:
    """Does it, unless it was done or refused before; then the answer is that of then.

    Args:
        client_id: the public id of the device.
        client_seq: the device's own number of the change.
        made_at: when the person did it, by the hub's clock.

    Raises:
        NotFoundError: the network has no such device.
        StoreError: it cannot be done now; the device keeps it.
    """
    # Before any row, as all do who tell devices.
    await networks.one(session, network_id, lock=True)
    device = await clients.row_of(session, network_id, client_id)
    known = await session.get(AppliedChange, (network_id, device.id, client_seq))
    if known is not None:
        return ChangeOutcome((), known.refusal, "It was refused before." if known.refusal else "")
    told: tuple[Event, ...] = ()
    refusal, why = None, ""
    try:
        told = await _do(session, network_id, deed, min(made_at, now), now)
    except StoreError as error:  # whatever `_do` refuses, it has not begun to do
        if error.fault is not Fault.PERSON:
            raise
        refusal, why = error.code, error.message
    session.add(
        AppliedChange(
            network_id=network_id,
            client_id=device.id,
            client_seq=client_seq,
            refusal=refusal,
            applied_at=now,
        )
    )
    return ChangeOutcome(told, refusal, why)


async def _do(
    session: AsyncSession, network_id: str, deed: LastingDeed, made_at: datetime, now: datetime
) -> tuple[Event, ...]:
    match deed:
        case DeleteInteraction(interaction_id=interaction_id):
            return await interactions.forget(session, network_id, [interaction_id], now)
        case NamePerson(person_id=person_id, name=name):
            return await _name(session, network_id, person_id, name, made_at, now)
        case CompleteReminder(reminder_id=reminder_id):
            return await _complete(session, network_id, reminder_id, now)


async def _name(
    session: AsyncSession,
    network_id: str,
    person_id: str,
    name: str,
    made_at: datetime,
    now: datetime,
) -> tuple[Event, ...]:
    found = await session.exec(
        select(Person)
        .where(col(Person.network_id) == network_id, col(Person.id) == person_id)
        .with_for_update()
    )
    person = found.first()
    if person is None:
        raise NotFoundError("The network has no such person.")
    if person.name == name:
        return ()
    if overtaken(made_at, person.updated_at, now):
        raise OutdatedChangeError("Somebody changed this person later.")
    person.name, person.updated_at = name, later(made_at, person.updated_at, now)
    person.version += 1
    await session.flush()
    return (await events.tell(session, network_id, "person_changed", person_id, now),)


async def _complete(
    session: AsyncSession, network_id: str, reminder_id: str, now: datetime
) -> tuple[Event, ...]:
    found = await session.exec(
        select(Reminder)
        .where(col(Reminder.network_id) == network_id, col(Reminder.id) == reminder_id)
        .with_for_update()
    )
    reminder = found.first()
    if reminder is None:
        raise NotFoundError("The network has no such reminder.")
    if reminder.status == "completed":
        return ()
    if reminder.status == "cancelled":
        raise OutdatedChangeError("Somebody cancelled this reminder.")
    reminder.status, reminder.updated_at = "completed", now
    reminder.version += 1
    await session.flush()
    return (await events.tell(session, network_id, "reminder_changed", reminder_id, now),)
