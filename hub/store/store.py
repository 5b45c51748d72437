"""The store as the rest of the hub sees it: each method is one transaction.

Every method raises `shared.errors.StoreError` (or one of `hub.store.errors`) when the database
fails, and then nothing of the call was stored.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from hub.store import (
    changes,
    clients,
    elections,
    event_log,
    events,
    interactions,
    networks,
    tokens,
)
from hub.store.database import Database
from hub.store.errors import NotFoundError
from hub.store.records import (
    Access,
    ChangeOutcome,
    ClientInfo,
    ConnectionStatus,
    ElectionRecord,
    InteractionInfo,
    InteractionRecord,
    NetworkInfo,
    NetworkStatus,
)
from hub.store.scope import OPERATOR, Scope
from hub.store.settings import NetworkSettings
from hub.store.voice_cache import VoiceCache
from hub.store.whole import whole
from shared import ids
from shared.clock import Clock
from shared.wire.events import ClientChanged, Event, Row, SettingsChanged
from shared.wire.network import LastingDeed


@whole
class Store:
    """What networks, devices and elections leave behind.

    Args:
        database: open; the store does not close it.
        clock: the hub's clock, in microseconds since the Unix epoch.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._voices = VoiceCache(clock)

    @property
    def engine(self) -> str:
        """Of the database: `sqlite` or `postgresql`."""
        return self._database.engine

    def free_bytes(self) -> int | None:
        """Room on the disk of the database's file; None: it is on a server."""
        return self._database.free_bytes()

    @property
    def writers_waiting(self) -> int:
        """Transactions that wait for their turn."""
        return self._database.writers_waiting

    async def create_network(
        self, name: str, settings: NetworkSettings | None = None
    ) -> tuple[NetworkInfo, str]:
        """A new network and its token, which is seen this once."""
        network_id = ids.new_id()
        async with self._database.transaction(Scope(network_id)) as session:
            now = self._now()
            network = await networks.create(
                session, network_id, name, settings or NetworkSettings(), now
            )
            token = await tokens.issue(session, network.network_id, None, None, now)
        return network, token

    async def networks(self) -> tuple[NetworkInfo, ...]:
        """All networks, oldest first."""
        async with self._database.session(OPERATOR) as session:
            return await networks.every(session)

    async def network(self, network_id: str) -> NetworkInfo:
        """A network; raises NotFoundError."""
        async with self._database.session(Scope(network_id)) as session:
            return await networks.one(session, network_id)

    async def change_settings(self, network_id: str, settings: NetworkSettings) -> SettingsChanged:
        """Puts new settings in force; raises InvalidSettingsError, NotFoundError."""
        async with self._database.transaction(Scope(network_id)) as session:
            return await networks.change_settings(session, network_id, settings, self._now())

    async def set_network_status(self, network_id: str, status: NetworkStatus) -> SettingsChanged:
        """Activates, deactivates or suspends a network; raises NotFoundError."""
        async with self._database.transaction(Scope(network_id)) as session:
            return await networks.set_status(session, network_id, status, self._now())

    async def set_network_listening(
        self, network_id: str, listening: bool, made_at: datetime | None = None
    ) -> SettingsChanged:
        """Switches every device's listening on or off; see `set_client_listening`."""
        async with self._database.transaction(Scope(network_id)) as session:
            return await networks.set_listening(
                session, network_id, listening, made_at, self._now()
            )

    async def add_client(
        self,
        network_id: str,
        name: str,
        device_type: str = "microphone",
        room: str | None = None,
        client_id: str | None = None,
    ) -> tuple[ClientInfo, str, ClientChanged]:
        """A new device, its token, which is seen this once, and its event.

        Args:
            client_id: the public id it already goes by; None makes one.

        Raises:
            ClientExistsError: the network has a device of this id.
            NotFoundError: no such network.
        """
        async with self._database.transaction(Scope(network_id)) as session:
            now = self._now()
            public = client_id or ids.new_client_id()
            client, event = await clients.add(
                session, network_id, name, device_type, room, public, now
            )
            token = await tokens.issue(session, network_id, public, None, now)
        return client, token, event

    async def clients(self, network_id: str) -> tuple[ClientInfo, ...]:
        """All devices of a network, by name."""
        async with self._database.session(Scope(network_id)) as session:
            return await clients.every(session, network_id)

    async def client(self, network_id: str, client_id: str) -> ClientInfo:
        """A device; raises NotFoundError."""
        async with self._database.session(Scope(network_id)) as session:
            return await clients.one(session, network_id, client_id)

    async def set_client_listening(
        self, network_id: str, client_id: str, listening: bool, made_at: datetime | None = None
    ) -> ClientChanged:
        """Switches one device's listening on or off.

        Args:
            made_at: when a person wanted it, by the hub's clock; None: now.

        Raises:
            NotFoundError: the network has no such device.
            OutdatedChangeError: it is to be on, and somebody changed the device later.
        """
        async with self._database.transaction(Scope(network_id)) as session:
            await networks.one(session, network_id, lock=True)
            return await clients.set_listening(
                session, network_id, client_id, listening, made_at, self._now()
            )

    async def client_connected(
        self, network_id: str, client_id: str, software: str, acked: int
    ) -> str:
        """Notes that a device is here; gives the id of its session.

        Args:
            software: program and version, as the device says.
            acked: up to which event its copy goes.

        Raises:
            NotFoundError: the network has no such device.
        """
        async with self._database.transaction(Scope(network_id)) as session:
            return await clients.connected(
                session, network_id, client_id, software, acked, self._now()
            )

    async def client_disconnected(
        self,
        network_id: str,
        client_id: str,
        session_id: str,
        acked: int,
        status: ConnectionStatus = "offline",
    ) -> None:
        """Notes that a session ended; `status`: whether the device is back on another already."""
        async with self._database.transaction(Scope(network_id)) as session:
            now = self._now()
            await clients.touch(session, network_id, client_id, status, now)
            await clients.acked(session, network_id, session_id, acked, now)

    async def note_acks(self, network_id: str, acked: Mapping[str, int]) -> None:
        """Notes how far the copies of connected devices are, by the ids of their sessions."""
        async with self._database.transaction(Scope(network_id)) as session:
            for session_id, seq in acked.items():
                await clients.acked(session, network_id, session_id, seq)

    async def all_clients_offline(self) -> None:
        """To be called when the hub starts: nobody is connected yet."""
        for network in await self.networks():
            async with self._database.transaction(Scope(network.network_id)) as session:
                await clients.all_offline(session, self._now())

    async def issue_token(
        self,
        network_id: str,
        client_id: str | None = None,
        expires_at: datetime | None = None,
    ) -> str:
        """Another token for the network, or for one of its devices; raises NotFoundError."""
        async with self._database.transaction(Scope(network_id)) as session:
            return await tokens.issue(session, network_id, client_id, expires_at, self._now())

    async def look_up(self, token: str) -> Access | None:
        """Whom a token lets in; None when it is unknown, revoked or expired."""
        token_hash = tokens.hash_of(token)
        async with self._database.session(Scope(token_hash=token_hash)) as session:
            network_id = await tokens.network_of(session, token_hash)
        if network_id is None:
            return None
        async with self._database.session(Scope(network_id)) as session:
            return await tokens.look_up(session, token_hash, self._now())

    async def was_member(self, token: str) -> bool:
        """Whether a token was that of a device which was removed, alone or with its network."""
        token_hash = tokens.hash_of(token)
        async with self._database.session(Scope(token_hash=token_hash)) as session:
            return await tokens.was_member(session, token_hash)

    async def revoke_token(self, network_id: str, token_id: str) -> bool:
        """Ends a token for good; False when the network has no such token in force."""
        async with self._database.transaction(Scope(network_id)) as session:
            return await tokens.revoke(session, network_id, token_id, self._now())

    async def tokens_in_force(self, network_id: str, token_ids: Collection[str]) -> frozenset[str]:
        """Those of the tokens that still let somebody in; none, once the network is suspended."""
        async with self._database.session(Scope(network_id)) as session:
            return frozenset(await tokens.in_force(session, network_id, token_ids, self._now()))

    async def record_interaction(
        self,
        interaction: InteractionRecord,
        election: ElectionRecord,
        recording: bytes | None = None,
    ) -> tuple[Event, ...]:
        """Stores an interaction, its election and its events; see `interactions.record`.

        Args:
            recording: what it was recognised from, as FLAC, where it is to be kept.
        """
        async with self._database.transaction(Scope(election.network_id)) as session:
            return await interactions.record(
                session, interaction, election, recording, self._now(), self._voices
            )

    async def voice_spaces(self, network_id: str, space: str) -> tuple[str, ...]:
        """In which spaces a voice is to be told apart from the network's; none: it is not wanted.

        Args:
            network_id: the network's UUID.
            space: in which the hub tells people apart; whoever is not known well enough there adds
                those that they were known in before.

        Raises:
            NotFoundError: no such network.
        """
        async with self._database.session(Scope(network_id)) as session:
            known = await self._voices.fresh(session, network_id, space, latest=False)
        return known.book.spaces if known.wanted else ()

    async def follow_voices(self) -> None:
        """Has voices that are held in memory go where they were forgotten, by whomever.

        Otherwise they would be there until somebody speaks.
        """
        held = self._voices.held()
        if not held:
            return
        async with self._database.session(OPERATOR) as session:
            seqs = await networks.seqs(session, held)
        for network_id, (space, seq) in held.items():
            if seqs.get(network_id) == seq:
                continue
            async with self._database.session(Scope(network_id)) as session:
                with suppress(NotFoundError):  # what is held of it is gone then
                    await self._voices.fresh(session, network_id, space, latest=False)

    async def record_election(self, election: ElectionRecord) -> None:
        """Stores an election in which nothing was understood; a repeated one changes nothing."""
        async with self._database.transaction(Scope(election.network_id)) as session:
            involved = elections.device_ids(election)
            devices = await clients.keys(session, election.network_id, involved)
            await elections.record(session, election, None, devices, self._now())

    async def recent_elections(
        self, network_id: str, since_us: int, until_us: int | None = None
    ) -> tuple[ElectionRecord, ...]:
        """The elections since a time of the hub's clock (and until another), oldest first."""
        async with self._database.session(Scope(network_id)) as session:
            return await elections.since(session, network_id, since_us, until_us)

    async def events_after(
        self, network_id: str, cursor: int, limit: int = 500
    ) -> tuple[Event, ...]:
        """What follows the cursor, oldest first; fewer than `limit` only at the log's end.

        Raises:
            CursorExpiredError: the log does not reach back so far; see `snapshot`.
        """
        async with self._database.session(Scope(network_id)) as session:
            return await events.after(session, network_id, cursor, limit)

    async def snapshot(
        self, network_id: str, seq: int, position: str, limit: int
    ) -> tuple[tuple[Row, ...], str | None]:
        """A part of all rows that devices are told of; see `event_log.snapshot`."""
        async with self._database.session(Scope(network_id)) as session:
            return await event_log.snapshot(session, network_id, seq, position, limit)

    async def apply_change(
        self,
        network_id: str,
        client_id: str,
        client_seq: int,
        made_at: datetime,
        deed: LastingDeed,
    ) -> ChangeOutcome:
        """Does what a person did on a device, once; see `changes.apply`."""
        async with self._database.transaction(Scope(network_id)) as session:
            return await changes.apply(
                session, network_id, client_id, client_seq, made_at, deed, self._now()
            )

    async def last_seq(self, network_id: str) -> int:
        """The seq of the network's newest event, 0 before the first; raises NotFoundError."""
        async with self._database.session(Scope(network_id)) as session:
            return await events.last_seq(session, network_id)

    async def interaction(self, network_id: str, interaction_id: str) -> InteractionInfo | None:
        """An interaction; None when the network has none of this id."""
        async with self._database.session(Scope(network_id)) as session:
            return await interactions.one(session, network_id, interaction_id)

    async def recent_interactions(self, network_id: str, limit: int) -> tuple[InteractionInfo, ...]:
        """The newest interactions, newest first."""
        async with self._database.session(Scope(network_id)) as session:
            return await interactions.recent(session, network_id, limit)

    async def ping(self) -> None:
        """A round trip to the data, for the watchdog."""
        await self._database.ping()

    def _now(self) -> datetime:
        return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=self._clock())
