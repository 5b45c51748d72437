"""Networks, their devices and who may come in, as their owners change them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import delete, update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.store import clients, event_rows, events, networks, tokens
from hub.store.database import Database
from hub.store.details import ClientDetails, NetworkDetails
from hub.store.errors import NotFoundError, RegistrationClosedError, VersionConflictError
from hub.store.records import NetworkStatus
from hub.store.scope import Scope
from hub.store.settings import NetworkSettings, change_settings, parse_settings, settings_document
from hub.store.tables import (
    AppliedChange,
    Client,
    ClientSession,
    ElectionCandidate,
    Interaction,
    Network,
    Reminder,
    Token,
)
from hub.store.whole import whole
from shared import ids
from shared.clock import Clock
from shared.wire.events import ClientChanged, ClientRemoved, SettingsChanged


@dataclass(frozen=True)
class NetworkChange:
    """What is to be changed; what is None stays."""

    name: str | None = None
    description: str | None = None
    status: NetworkStatus | None = None
    settings: dict[str, object] | None = None  # only what changes


@dataclass(frozen=True)
class Device:
    """What a device says of itself when it registers."""

    name: str
    device_type: str = "microphone"
    device_info: dict[str, Any] = field(default_factory=dict)
    capabilities: list[str] = field(default_factory=list)
    location: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class DeviceChange:
    """What is to be changed; what is None stays."""

    name: str | None = None
    device_info: dict[str, Any] | None = None
    capabilities: list[str] | None = None
    location: dict[str, Any] | None = None
    listening: bool | None = None


@whole
class Accounts:
    """Every network's account.

    Args:
        database: open; this does not close it.
        clock: the hub's clock, in microseconds since the Unix epoch.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    # Networks

    async def create_network(
        self, name: str, description: str | None, settings: NetworkSettings
    ) -> tuple[NetworkDetails, str, str]:
        """A new network, its token and one for the registration of a device, seen this once."""
        network_id = ids.new_id()
        async with self._database.transaction(Scope(network_id)) as session:
            now = self._now()
            await networks.create(session, network_id, name, settings, now)
            row = await _network_row(session, network_id)
            row.description = description
            token = await tokens.issue(session, network_id, None, None, now)
            registration = await tokens.issue(
                session, network_id, None, None, now, registration=True
            )
            return NetworkDetails.of(row), token, registration

    async def network(self, network_id: str) -> NetworkDetails:
        """A network; raises NotFoundError."""
        async with self._database.session(Scope(network_id)) as session:
            return NetworkDetails.of(await _network_row(session, network_id))

    async def change_network(
        self, network_id: str, change: NetworkChange, version: int | None
    ) -> tuple[NetworkDetails, SettingsChanged | None]:
        """Changes a network; with new settings, their event.

        Raises:
            InvalidSettingsError: an unknown setting, or a value of the wrong kind.
            NotFoundError: no such network.
            VersionConflictError: it is not at `version` any more.
        """
        async with self._database.transaction(Scope(network_id)) as session:
            now = self._now()
            row = await _network_row(session, network_id, version, lock=True)
            settings = change_settings(parse_settings(row.settings), change.settings or {})
            row.settings = settings_document(settings)
            row.name = row.name if change.name is None else change.name
            if change.description is not None:
                row.description = change.description
            row.status = change.status or row.status
            row.version += 1
            row.updated_at = now
            await session.flush()
            event = None
            if change.settings is not None or change.status is not None:
                seq = await events.append(session, network_id, "settings_changed", network_id, now)
                event = event_rows.settings_changed(seq, settings, row.status)
            return NetworkDetails.of(row), event

    async def delete_network(self, network_id: str) -> None:
        """Deletes a network and everything of it; raises NotFoundError."""
        async with self._database.transaction(Scope(network_id)) as session:
            await tokens.say_farewell(session, network_id, None, self._now())
            gone = await session.exec(delete(Network).where(col(Network.id) == network_id))
            if gone.rowcount == 0:
                raise NotFoundError("There is no such network.")

    # Devices

    async def issue_registration(self, network_id: str) -> str:
        """A token for one device to register; raises NotFoundError, RegistrationClosedError."""
        async with self._database.transaction(Scope(network_id)) as session:
            check_registration((await networks.one(session, network_id)).settings, by_token=True)
            return await tokens.issue(
                session, network_id, None, None, self._now(), registration=True
            )

    async def register(
        self, network_id: str, device: Device, registration_id: str | None
    ) -> tuple[ClientDetails, str, ClientChanged]:
        """A new device, its token, seen this once, and its event.

        Args:
            network_id: whose.
            device: what it says of itself.
            registration_id: the token that lets it register, which is used up; None: somebody
                who may register any number.

        Raises:
            NotFoundError: no such network, or the token was used up meanwhile.
            RegistrationClosedError: the network's settings do not allow it.
        """
        async with self._database.transaction(Scope(network_id)) as session:
            now = self._now()
            network = await networks.one(session, network_id)
            check_registration(network.settings, by_token=registration_id is not None)
            if registration_id is not None:
                used = await tokens.revoke(session, network_id, registration_id, now)
                if not used:
                    raise NotFoundError("The registration token was used already.")
            return await register_device(session, network_id, device, now)

    async def clients(self, network_id: str) -> tuple[ClientDetails, ...]:
        """All devices of a network, by name."""
        async with self._database.session(Scope(network_id)) as session:
            rows = await session.exec(
                select(Client)
                .where(Client.network_id == network_id)
                .order_by(col(Client.name), col(Client.client_id))
            )
            return tuple(ClientDetails.of(row) for row in rows)

    async def client(self, network_id: str, client_id: str) -> ClientDetails:
        """A device; raises NotFoundError."""
        async with self._database.session(Scope(network_id)) as session:
            return ClientDetails.of(await clients.row_of(session, network_id, client_id))

    async def change_client(
        self, network_id: str, client_id: str, change: DeviceChange, version: int | None
    ) -> tuple[ClientDetails, ClientChanged]:
        """Changes a device, with its event; raises NotFoundError, VersionConflictError."""
        async with self._database.transaction(Scope(network_id)) as session:
            now = self._now()
            await networks.one(session, network_id, lock=True)  # before the row
            row = await clients.row_of(session, network_id, client_id, lock=True)
            expect_version(row.version, version)
            seq = await events.append(session, network_id, "client_changed", row.id, now)
            for name in ("name", "device_info", "capabilities", "location", "listening"):
                value = getattr(change, name)
                if value is not None:
                    setattr(row, name, value)
            row.version += 1
            row.updated_at = now
            await session.flush()
            return ClientDetails.of(row), event_rows.client_changed(seq, row)

    async def remove_client(self, network_id: str, client_id: str) -> ClientRemoved:
        """Removes a device and its tokens; what it heard stays, without its name.

        Raises:
            NotFoundError: the network has no such device.
        """
        async with self._database.transaction(Scope(network_id)) as session:
            await networks.one(session, network_id, lock=True)  # before the rows
            row = await clients.row_of(session, network_id, client_id)
            for table in (Interaction, ElectionCandidate):
                await session.exec(
                    update(table)
                    .where(col(table.network_id) == network_id, col(table.client_id) == row.id)
                    .values(client_id=None)
                )
            await session.exec(
                update(Reminder)
                .where(col(Reminder.network_id) == network_id, col(Reminder.announce_to) == row.id)
                .values(announce_to=None)
            )
            await tokens.say_farewell(session, network_id, row.id, self._now())
            for owned in (Token, ClientSession, AppliedChange):
                await session.exec(
                    delete(owned).where(
                        col(owned.network_id) == network_id, col(owned.client_id) == row.id
                    )
                )
            seq = await events.append(
                session, network_id, "client_removed", row.id, self._now(), client_id
            )
            await session.delete(row)
            return events.client_removed(seq, client_id)

    # Tokens

    async def new_feed(self, network_id: str) -> str:
        """A token that opens the calendar only; those before end. Raises NotFoundError."""
        async with self._database.transaction(Scope(network_id)) as session:
            await networks.one(session, network_id, lock=True)  # two at once leave one in force
            now = self._now()
            await tokens.revoke_feeds(session, network_id, now)
            return await tokens.issue(session, network_id, None, None, now, feed=True)

    async def end_feeds(self, network_id: str) -> None:
        """Ends every token that opens the network's calendar only."""
        async with self._database.transaction(Scope(network_id)) as session:
            await tokens.revoke_feeds(session, network_id, self._now())

    async def rotate(self, network_id: str, client_id: str, overlap: timedelta) -> str:
        """A new token for a device; the ones before end after `overlap`.

        Raises:
            NotFoundError: the network has no such device.
        """
        async with self._database.transaction(Scope(network_id)) as session:
            now = self._now()
            row = await clients.row_of(session, network_id, client_id)
            await tokens.expire_client(session, network_id, row.id, now + overlap, now)
            return await tokens.issue(session, network_id, client_id, None, now)

    async def revoke(self, network_id: str, client_id: str) -> None:
        """Ends every token of a device at once; raises NotFoundError."""
        async with self._database.transaction(Scope(network_id)) as session:
            now = self._now()
            row = await clients.row_of(session, network_id, client_id)
            await tokens.expire_client(session, network_id, row.id, now, now)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=self._clock())


def check_registration(settings: NetworkSettings, *, by_token: bool) -> None:
    """Raises RegistrationClosedError where settings let nobody register.

    Args:
        settings: of the network.
        by_token: with a registration token or a pairing code, not with the network's own token.
    """
    if settings.registration == "closed" or (by_token and settings.registration == "network"):
        raise RegistrationClosedError(
            "The network's settings let no device register so.",
            "Change its setting `registration`.",
        )


async def register_device(
    session: AsyncSession, network_id: str, device: Device, now: datetime
) -> tuple[ClientDetails, str, ClientChanged]:
    """A new device, its token, seen this once, and its event; raises NotFoundError."""
    client_id = ids.new_client_id()
    _, event = await clients.add(
        session, network_id, device.name, device.device_type, None, client_id, now
    )
    row = await clients.row_of(session, network_id, client_id)
    row.device_info = device.device_info
    row.capabilities = device.capabilities
    row.location = device.location
    await session.flush()
    token = await tokens.issue(session, network_id, client_id, None, now)
    return ClientDetails.of(row), token, event


async def _network_row(
    session: AsyncSession, network_id: str, version: int | None = None, *, lock: bool = False
) -> Network:
    row = await session.get(Network, network_id, with_for_update=lock)
    if row is None:
        raise NotFoundError("There is no such network.")
    expect_version(row.version, version)
    return row


def expect_version(version: int, expected: int | None) -> None:
    """Raises VersionConflictError where something is not at the expected version any more."""
    if expected is not None and version != expected:
        raise VersionConflictError(
            f"It is at version {version} by now, not at {expected}.",
            "Read it again, and make the change on what it is now.",
            version=version,
        )
