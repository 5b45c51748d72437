"""Pairing codes: made for a network, good for one device, soon over."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, or_
from sqlmodel import col, select

from hub.store import networks
from hub.store.accounts import Device, check_registration, register_device
from hub.store.database import Database
from hub.store.details import ClientDetails, NetworkDetails
from hub.store.errors import StoreConflictError
from hub.store.scope import Scope
from hub.store.settings import parse_settings
from hub.store.tables import Network, PairingCode
from hub.store.whole import whole
from shared import pairing
from shared.clock import Clock
from shared.pairing import Code
from shared.wire.events import ClientChanged


@dataclass(frozen=True)
class Paired:
    """A device that has joined; `key` proves to it that the hub knows the code too."""

    network_id: str
    network: NetworkDetails
    client: ClientDetails
    token: str
    event: ClientChanged
    key: bytes


@whole
class PairingCodes:
    """The codes of all networks.

    Args:
        database: open; this does not close it.
        clock: the hub's clock, in microseconds since the Unix epoch.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def new(self, network_id: str) -> tuple[Code, datetime]:
        """A code with which one device may join a network, and until when.

        Raises:
            NotFoundError: no such network.
            RegistrationClosedError: its settings let no device join so.
        """
        for last in (False, False, False, True):
            code = Code.new()
            key = await asyncio.to_thread(code.key)
            try:
                return code, await self._keep(network_id, code, key)
            except StoreConflictError:  # another code begins alike
                if last:
                    raise
        raise AssertionError

    async def _keep(self, network_id: str, code: Code, key: bytes) -> datetime:
        async with self._database.transaction(Scope(network_id)) as session:
            now = self._now()
            check_registration((await networks.one(session, network_id)).settings, by_token=True)
            await session.exec(
                delete(PairingCode).where(
                    col(PairingCode.network_id) == network_id,
                    or_(
                        col(PairingCode.expires_at) <= now,
                        col(PairingCode.used_at).is_not(None),
                        col(PairingCode.attempts_left) <= 0,
                    ),
                )
            )
            expires_at = now + timedelta(seconds=pairing.LIFETIME_S)
            session.add(
                PairingCode(
                    id=str(uuid.uuid4()),
                    network_id=network_id,
                    code_hash=pairing.hash_of(code.public),
                    proof_key=key.hex(),
                    attempts_left=pairing.ATTEMPTS,
                    created_at=now,
                    expires_at=expires_at,
                )
            )
            await session.flush()
            return expires_at

    async def pair(self, public: str, proof: str, ca_sha256: str, device: Device) -> Paired | None:
        """Lets a device join that proves that it knows a code; None when it does not.

        Nothing tells an unknown code from one that was used, has expired, or was tried too often.

        Args:
            public: the code's public part.
            proof: see `shared.pairing.proof`.
            ca_sha256: of the CA that the device should see.
            device: what it says of itself.
        """
        code_hash = pairing.hash_of(public)
        async with self._database.session(Scope(token_hash=code_hash)) as session:
            rows = await session.exec(
                select(PairingCode.network_id).where(PairingCode.code_hash == code_hash)
            )
            network_id = rows.first()
        if network_id is None:
            return None
        async with self._database.transaction(Scope(network_id)) as session:
            now = self._now()
            found = await session.exec(
                select(PairingCode).where(PairingCode.code_hash == code_hash).with_for_update()
            )
            row = found.first()
            if row is None or row.used_at or row.expires_at <= now or row.attempts_left <= 0:
                return None
            network = await session.get(Network, network_id)
            if network is None or network.status == "suspended":
                return None
            if parse_settings(network.settings).registration != "token":
                return None
            key = bytes.fromhex(row.proof_key)
            if not pairing.proves(proof, key, "device", ca_sha256):
                row.attempts_left -= 1
                return None
            row.used_at = now
            client, token, event = await register_device(session, network_id, device, now)
            return Paired(network_id, NetworkDetails.of(network), client, token, event, key)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=self._clock())
