"""Stand-ins that need no thread, so that tests can run on virtual time.

The store's fake passes the same suite as the real store (tests/hub/store/test_store.py).
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import msgspec

from hub.conversations import grouping
from hub.conversations.grouping import Neighbour, Speech, topic_words
from hub.enhancement.enhance import Piece
from hub.recognition.desk import Decoded, DeskState, RecognitionDesk
from hub.recognition.fake import FakeRecogniser
from hub.store.conflicts import later, overtaken
from hub.store.conversations import rules_of
from hub.store.errors import (
    ClientExistsError,
    CursorExpiredError,
    NotFoundError,
    OutdatedChangeError,
)
from hub.store.openings import opening
from hub.store.records import (
    Access,
    CandidateRecord,
    ChangeOutcome,
    ClientInfo,
    ConnectionStatus,
    ElectionRecord,
    InteractionInfo,
    InteractionRecord,
    NetworkInfo,
    NetworkStatus,
)
from hub.store.settings import NetworkSettings, parse_settings
from hub.store.store import Store
from shared import ids
from shared.audio import Pcm
from shared.clock import Clock
from shared.errors import MiraError, RecognitionError
from shared.wire.events import (
    ClientChanged,
    ContextUpdated,
    ConversationDeleted,
    Event,
    InteractionCreated,
    InteractionDeleted,
    Row,
    SettingsChanged,
)
from shared.wire.network import DeleteInteraction, LastingDeed


@dataclass
class _Network:
    info: NetworkInfo
    clients: dict[str, ClientInfo] = field(default_factory=dict)
    log: list[tuple[str, str]] = field(default_factory=list)  # what happened, to which row
    interactions: dict[str, InteractionInfo] = field(default_factory=dict)
    elections: dict[str, tuple[ElectionRecord, str | None]] = field(default_factory=dict)
    decided: dict[str, str] = field(default_factory=dict)  # utterance: election
    floor: int = 0
    changed_at: dict[str, datetime] = field(default_factory=dict)  # listening, by whose
    applied: dict[tuple[str, int], ChangeOutcome] = field(default_factory=dict)


class MemoryStore(Store):
    """Keeps in memory what the real store keeps in a database."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._networks: dict[str, _Network] = {}
        self._tokens: dict[str, Access] = {}
        self._expiry: dict[str, datetime | None] = {}
        self.failure: MiraError | None = None  # raised by the next writes while it is set

    async def create_network(
        self, name: str, settings: NetworkSettings | None = None
    ) -> tuple[NetworkInfo, str]:
        settings = settings or NetworkSettings()
        parse_settings(msgspec.structs.asdict(settings))
        info = NetworkInfo(str(uuid.uuid4()), ids.new_network_id(), name, "active", settings, 0)
        self._networks[info.network_id] = _Network(info)
        return info, await self.issue_token(info.network_id)

    async def networks(self) -> tuple[NetworkInfo, ...]:
        return tuple(network.info for network in self._networks.values())

    async def network(self, network_id: str) -> NetworkInfo:
        return self._of(network_id).info

    async def change_settings(self, network_id: str, settings: NetworkSettings) -> SettingsChanged:
        parse_settings(msgspec.structs.asdict(settings))
        network = self._of(network_id)
        network.info = replace(network.info, settings=settings)
        event = self._append(network, "settings_changed", network_id)
        assert isinstance(event, SettingsChanged)
        return event

    async def set_network_status(self, network_id: str, status: NetworkStatus) -> SettingsChanged:
        network = self._of(network_id)
        network.info = replace(network.info, status=status)
        return await self.change_settings(network_id, network.info.settings)

    async def set_network_listening(
        self, network_id: str, listening: bool, made_at: datetime | None = None
    ) -> SettingsChanged:
        network = self._of(network_id)
        self._wish(network, network_id, listening, made_at)
        return await self.change_settings(
            network_id, msgspec.structs.replace(network.info.settings, listening=listening)
        )

    def _wish(
        self, network: _Network, whose: str, listening: bool, made_at: datetime | None
    ) -> None:
        changed_at, now = network.changed_at.get(whose), self._now()
        if listening and overtaken(made_at, changed_at, now):
            raise OutdatedChangeError("Somebody changed it later.")
        network.changed_at[whose] = later(made_at, changed_at, now)

    async def add_client(
        self,
        network_id: str,
        name: str,
        device_type: str = "microphone",
        room: str | None = None,
        client_id: str | None = None,
    ) -> tuple[ClientInfo, str, ClientChanged]:
        network = self._of(network_id)
        public = client_id or ids.new_client_id()
        if not ids.CLIENT_ID.fullmatch(public):
            raise ValueError(f"{public!r} is not a client id")
        if public in network.clients:
            raise ClientExistsError("The network has this device already.")
        info = ClientInfo(public, name, device_type, room, True, "offline", None, None)
        network.clients[public] = info
        event = self._append(network, "client_changed", public)
        assert isinstance(event, ClientChanged)
        return info, await self.issue_token(network_id, public), event

    async def clients(self, network_id: str) -> tuple[ClientInfo, ...]:
        known = self._of(network_id).clients.values()
        return tuple(sorted(known, key=lambda client: (client.name, client.client_id)))

    async def client(self, network_id: str, client_id: str) -> ClientInfo:
        clients = self._of(network_id).clients
        if client_id not in clients:
            raise NotFoundError("The network has no such device.")
        return clients[client_id]

    async def set_client_listening(
        self, network_id: str, client_id: str, listening: bool, made_at: datetime | None = None
    ) -> ClientChanged:
        client = await self.client(network_id, client_id)
        network = self._of(network_id)
        self._wish(network, client_id, listening, made_at)
        network.clients[client_id] = replace(client, listening=listening)
        event = self._append(network, "client_changed", client_id)
        assert isinstance(event, ClientChanged)
        return event

    async def client_connected(
        self, network_id: str, client_id: str, software: str, acked: int
    ) -> str:
        client = await self.client(network_id, client_id)
        self._of(network_id).clients[client_id] = replace(
            client, connection_status="online", last_seen=self._now()
        )
        return str(uuid.uuid4())

    async def client_disconnected(
        self,
        network_id: str,
        client_id: str,
        session_id: str,
        acked: int,
        status: ConnectionStatus = "offline",
    ) -> None:
        network = self._networks.get(network_id)
        if network is None or client_id not in network.clients:
            return
        client = network.clients[client_id]
        network.clients[client_id] = replace(
            client, connection_status=status, last_seen=self._now()
        )

    async def note_acks(self, network_id: str, acked: Mapping[str, int]) -> None:
        pass  # only the real store cuts its log off

    async def apply_change(
        self,
        network_id: str,
        client_id: str,
        client_seq: int,
        made_at: datetime,
        deed: LastingDeed,
    ) -> ChangeOutcome:
        if self.failure is not None:
            raise self.failure
        await self.client(network_id, client_id)
        network = self._of(network_id)
        known = network.applied.get((client_id, client_seq))
        if known is not None:
            return replace(known, events=())
        outcome = ChangeOutcome((), None, "")
        if not isinstance(deed, DeleteInteraction):
            outcome = ChangeOutcome((), "NOT_FOUND", "It keeps no people and no reminders.")
        elif gone := network.interactions.pop(deed.interaction_id, None):
            event = self._append(network, "interaction_deleted", deed.interaction_id)
            assert gone.conversation_id is not None
            told = self._append(network, "context_updated", gone.conversation_id)
            outcome = ChangeOutcome((event, told), None, "")
        network.applied[client_id, client_seq] = outcome
        return outcome

    async def all_clients_offline(self) -> None:
        for network in self._networks.values():
            for client_id, client in network.clients.items():
                network.clients[client_id] = replace(client, connection_status="offline")

    async def issue_token(
        self,
        network_id: str,
        client_id: str | None = None,
        expires_at: datetime | None = None,
    ) -> str:
        network = self._of(network_id)
        client = None if client_id is None else await self.client(network_id, client_id)
        token = ("mira_client_" if client else "mira_net_") + secrets.token_urlsafe(32)
        key = hashlib.sha256(token.encode()).hexdigest()
        self._expiry[key] = expires_at
        self._tokens[key] = Access(
            token_id=str(uuid.uuid4()),
            role="client" if client else "network",
            network_id=network_id,
            network_public_id=network.info.public_id,
            network_status=network.info.status,
            client_id=client_id,
            client_name=client.name if client else None,
        )
        return token

    async def look_up(self, token: str) -> Access | None:
        key = hashlib.sha256(token.encode()).hexdigest()
        expires = self._expiry.get(key)
        return None if expires is not None and expires <= self._now() else self._tokens.get(key)

    async def was_member(self, token: str) -> bool:
        return False  # it removes nobody

    async def revoke_token(self, network_id: str, token_id: str) -> bool:
        for key, access in self._tokens.items():
            if access.token_id == token_id and access.network_id == network_id:
                del self._tokens[key]
                return True
        return False

    async def tokens_in_force(self, network_id: str, token_ids: Collection[str]) -> frozenset[str]:
        now = self._now()
        in_force: set[str] = set()
        if self._of(network_id).info.status == "suspended":
            return frozenset()
        for key, access in self._tokens.items():
            expires = self._expiry[key]
            if access.network_id == network_id and (expires is None or expires > now):
                in_force.add(access.token_id)
        return frozenset(in_force.intersection(token_ids))

    async def record_interaction(
        self,
        interaction: InteractionRecord,
        election: ElectionRecord,
        recording: bytes | None = None,
    ) -> tuple[Event, ...]:
        network = self._of(election.network_id)
        known = self._record(network, election, interaction.interaction_id)
        if known is not None:
            return tuple(
                event
                for seq in range(1, len(network.log) + 1)
                if isinstance(event := self._event(network, seq), InteractionCreated)
                and event.interaction_id == network.elections[known][1]
            )
        speaker = interaction.client_id
        conversation_id, absorbed = self._place(network, interaction)
        moved = [
            i.interaction_id for i in network.interactions.values() if i.conversation_id in absorbed
        ]
        for interaction_id in moved:
            network.interactions[interaction_id] = replace(
                network.interactions[interaction_id], conversation_id=conversation_id
            )
        network.interactions[interaction.interaction_id] = InteractionInfo(
            interaction_id=interaction.interaction_id,
            text=interaction.text,
            timestamp=interaction.timestamp,
            client_id=speaker if speaker in network.clients else None,
            speaker_id=None,
            conversation_id=conversation_id,
            processing_status=interaction.processing_status,
            processing_metadata=interaction.processing_metadata,
            audio_quality_score=interaction.audio_quality_score,
            audio_duration_s=interaction.audio_duration_s,
        )
        created = [interaction.interaction_id, *sorted(moved)]
        return (
            *(self._append(network, "interaction_created", each) for each in created),
            self._append(network, "context_updated", conversation_id),
            *(self._append(network, "conversation_deleted", ended) for ended in absorbed),
        )

    def _place(
        self, network: _Network, interaction: InteractionRecord
    ) -> tuple[str, tuple[str, ...]]:
        """The conversation that something said belongs to, and those that it joins to that."""
        near: list[Neighbour] = []
        of: dict[str, list[datetime]] = {}
        for each in network.interactions.values():
            assert each.timestamp is not None
            assert each.conversation_id is not None
            heard = self._speech(
                network, each.client_id, each.timestamp, each.audio_duration_s, each.text
            )
            near.append(Neighbour(heard, each.conversation_id))
            of.setdefault(each.conversation_id, []).append(each.timestamp)
        said = self._speech(
            network,
            interaction.client_id,
            interaction.timestamp,
            interaction.audio_duration_s,
            interaction.text,
        )
        linked = grouping.linked(said, near, rules_of(network.info.settings))
        placement = grouping.place(
            [grouping.Conversation(one, False, len(of[one]), max(of[one])) for one in linked]
        )
        return placement.conversation_id or str(uuid.uuid4()), placement.absorbed

    @staticmethod
    def _speech(
        network: _Network, client_id: str | None, at: datetime, duration_s: float | None, text: str
    ) -> Speech:
        client = network.clients.get(client_id or "")
        ended = at + timedelta(seconds=duration_s or 0)
        return Speech(at, ended, None, client.room if client else None, topic_words(text))

    async def voice_spaces(self, network_id: str, space: str) -> tuple[str, ...]:
        return ()  # it knows no voices

    async def record_election(self, election: ElectionRecord) -> None:
        self._record(self._of(election.network_id), election, None)

    async def recent_elections(
        self, network_id: str, since_us: int, until_us: int | None = None
    ) -> tuple[ElectionRecord, ...]:
        network = self._networks.get(network_id)
        records = [record for record, _ in network.elections.values()] if network else []
        return tuple(
            replace(
                record,
                candidates=tuple(
                    sorted(record.candidates, key=lambda c: (-c.score, c.utterance_id))
                ),
            )
            for record in sorted(records, key=lambda r: (r.started_at_us, r.election_id))
            if since_us <= record.started_at_us <= (until_us or record.started_at_us)
        )

    async def events_after(
        self, network_id: str, cursor: int, limit: int = 500
    ) -> tuple[Event, ...]:
        network = self._networks.get(network_id)
        if network is None:
            return ()
        if cursor < network.floor:
            raise CursorExpiredError(len(network.log))
        last = min(len(network.log), cursor + limit)
        return tuple(self._event(network, seq) for seq in range(cursor + 1, last + 1))

    def cut_off(self, network_id: str, floor: int) -> None:
        """What `EventLogs` does to the real store."""
        self._of(network_id).floor = floor

    async def snapshot(
        self, network_id: str, seq: int, position: str, limit: int
    ) -> tuple[tuple[Row, ...], str | None]:
        network = self._of(network_id)
        newest = {row_id: number for number, (_, row_id) in enumerate(network.log, start=1)}
        events = (self._event(network, number) for number in newest.values())
        rows = [msgspec.structs.replace(e, seq=seq) for e in events if isinstance(e, Row)]
        first = int(position or 0)
        last = first + limit
        return tuple(rows[first:last]), None if last >= len(rows) else str(last)

    async def last_seq(self, network_id: str) -> int:
        return self._of(network_id).info.last_seq

    async def interaction(self, network_id: str, interaction_id: str) -> InteractionInfo | None:
        network = self._networks.get(network_id)
        return network.interactions.get(interaction_id) if network else None

    async def recent_interactions(self, network_id: str, limit: int) -> tuple[InteractionInfo, ...]:
        network = self._networks.get(network_id)
        known = network.interactions.values() if network else ()
        oldest = datetime.min.replace(tzinfo=UTC)
        newest_first = sorted(
            sorted(known, key=lambda i: i.interaction_id),
            key=lambda i: i.timestamp or oldest,
            reverse=True,
        )
        return tuple(newest_first[:limit])

    async def ping(self) -> None:
        pass

    # Parts

    def _of(self, network_id: str) -> _Network:
        if network_id not in self._networks:
            raise NotFoundError("There is no such network.")
        return self._networks[network_id]

    def _append(self, network: _Network, kind: str, row_id: str) -> Event:
        network.log.append((kind, row_id))
        network.info = replace(network.info, last_seq=len(network.log))
        return self._event(network, len(network.log))

    def _event(self, network: _Network, seq: int) -> Event:
        kind, row_id = network.log[seq - 1]
        if kind == "interaction_deleted" or (
            kind == "interaction_created" and row_id not in network.interactions
        ):
            return InteractionDeleted(seq=seq, interaction_id=row_id)
        if kind == "interaction_created":
            row = network.interactions[row_id]
            assert row.timestamp is not None
            return InteractionCreated(
                seq=seq,
                interaction_id=row_id,
                text=row.text,
                speaker_id=row.speaker_id,
                client_id=row.client_id,
                timestamp=row.timestamp,
                processing_status=row.processing_status,
                conversation_id=row.conversation_id,
            )
        if kind in ("context_updated", "conversation_deleted"):
            return self._conversation(network, row_id, seq)
        if kind == "client_changed":
            client = network.clients[row_id]
            return ClientChanged(
                seq=seq, client_id=row_id, name=client.name, listening=client.listening
            )
        settings, active = network.info.settings, network.info.status == "active"
        return SettingsChanged(
            seq=seq, listening=settings.listening and active, language=settings.language
        )

    @staticmethod
    def _conversation(network: _Network, conversation_id: str, seq: int) -> Event:
        here = [
            (each.timestamp, each.interaction_id, each.text)
            for each in network.interactions.values()
            if each.conversation_id == conversation_id and each.timestamp is not None
        ]
        if not here:
            return ConversationDeleted(seq=seq, conversation_id=conversation_id)
        texts = [text for _, _, text in sorted(here) if text]
        return ContextUpdated(
            seq=seq,
            conversation_id=conversation_id,
            title=opening(texts[0]) if texts else None,
            participants=[],
            last_interaction_at=max(here)[0],
        )

    def _record(
        self, network: _Network, election: ElectionRecord, interaction_id: str | None
    ) -> str | None:
        if self.failure is not None:
            raise self.failure
        candidates = tuple(
            c if c.client_id in network.clients else replace(c, client_id=None)
            for c in election.candidates
        )
        election = replace(election, candidates=candidates)
        before = {
            c.utterance_id: network.decided[c.utterance_id]
            for c in election.candidates
            if c.utterance_id in network.decided
        }
        known = None
        late: tuple[CandidateRecord, ...] = election.candidates
        if before:
            known = before.get(election.winner_utterance_id or "") or min(before.values())
            late = tuple(
                replace(c, outcome="not_chosen")
                for c in election.candidates
                if c.utterance_id not in before
            )
            record, interaction_id = network.elections[known]
            election = replace(record, candidates=record.candidates + late)
        network.elections[election.election_id] = (election, interaction_id)
        network.decided |= {c.utterance_id: election.election_id for c in late}
        return known

    def _now(self) -> datetime:
        return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=self._clock())


class VirtualDesk(RecognitionDesk):
    """Decodes at once, on the loop, in stated virtual time."""

    def __init__(self, text_of: Callable[[Pcm], str], decode_s: float = 0.3) -> None:
        self.recogniser = FakeRecogniser(text_of)
        self.decode_s = decode_s
        self.hangs = False

    @property
    def language(self) -> str:
        return self.recogniser.language

    @property
    def state(self) -> DeskState:
        return DeskState("fake", 0, self.hangs)

    async def start(self) -> None:
        pass

    async def close(self) -> None:
        pass

    async def decode(self, pcm: Pcm, companions: Sequence[Sequence[Piece]] = ()) -> Decoded:
        if self.hangs:
            await asyncio.Event().wait()
        await asyncio.sleep(self.decode_s)
        try:
            return Decoded(self.recogniser.transcribe(pcm), pcm, self.decode_s, 0.0)
        except ValueError as error:
            raise RecognitionError(f"fake failed: {error}") from error

    async def partial(self, key: str, pcm: Pcm) -> str | None:
        return self.recogniser.transcribe(pcm).text
