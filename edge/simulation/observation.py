"""What a hub tells its monitors, kept by utterance: who hears how well, who is elected, the text.

`Observations` takes messages and does nothing else; `Observer` is the connection that brings them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

import aiohttp

from edge.config import Access
from edge.hub_finder import HubFinder
from edge.hub_link import HubLink
from edge.simulation.hub_process import HubProcess, NetworkAccess
from edge.startup import Connector
from shared.clock import steady_clock
from shared.tls import fingerprint
from shared.wire.audio import AudioFrame
from shared.wire.codec import HubMessage
from shared.wire.events import ClientChanged, Event, InteractionCreated
from shared.wire.fields import MIN_PROTOCOL_VERSION, PROTOCOL_VERSION, Message
from shared.wire.network import Change, ChangeApplied, ChangeRefused, SetListening
from shared.wire.session import ClockProbe, ClockReply, ConnectionEstablished, Hello
from shared.wire.utterance import AudioStreamSelected, PartialText, StreamQuality

CHANGE_TIMEOUT_S = 10.0


@dataclass
class Observation:
    """One utterance as the hub sees it; devices by client id."""

    election_id: str
    scores: dict[str, float] = field(default_factory=dict)  # 0 to 100, the latest
    levels: dict[str, float] = field(default_factory=dict)  # dB re full scale, the latest
    elected: str | None = None  # for now, or for good
    elected_at: datetime | None = None  # the first time, by the hub's clock
    news_us: int = 0  # when the hub last said something of it, by our clock
    final: bool = False
    partial: str = ""
    interaction: InteractionCreated | None = None  # None until something was understood


class Observations:
    """All utterances since the beginning, in the order in which they began, and who may listen."""

    def __init__(self) -> None:
        self.all: dict[str, Observation] = {}  # by election id
        self.interactions: list[InteractionCreated] = []  # each once, as it was last told
        self.listening: dict[str, bool] = {}  # by client id, as the log says
        self._where: dict[str, str] = {}  # election id by utterance id

    def take(self, message: HubMessage, now_us: int) -> None:
        """Takes what the hub said just now; what says nothing of utterances is passed over."""
        match message:
            case StreamQuality():
                self._move(message)
                observation = self._of(message.election_id, now_us)
                observation.scores[message.client_id] = message.quality_score
                observation.levels[message.client_id] = message.level
            case AudioStreamSelected():
                observation = self._of(message.election_id, now_us)
                observation.elected = message.selected_client_id
                observation.elected_at = observation.elected_at or message.timestamp
                observation.scores[message.selected_client_id] = message.quality_score
                observation.final = message.final
            case PartialText():
                self._of(message.election_id, now_us).partial = message.text
            case ClientChanged():
                self.listening[message.client_id] = message.listening
            case InteractionCreated():
                self._understood(message)
            case _:
                pass

    def of(self, interaction: InteractionCreated) -> Observation | None:
        """What was seen of the utterance that became this interaction."""
        for observation in self.all.values():
            known = observation.interaction
            if known is not None and known.interaction_id == interaction.interaction_id:
                return observation
        return None

    def _of(self, election_id: str, now_us: int) -> Observation:
        observation = self.all.setdefault(election_id, Observation(election_id))
        observation.news_us = now_us
        return observation

    def _move(self, message: StreamQuality) -> None:
        """A device's utterance may turn out to belong to another election than it seemed."""
        before = self._where.get(message.utterance_id)
        self._where[message.utterance_id] = message.election_id
        if before not in (None, message.election_id) and before in self.all:
            self.all[before].scores.pop(message.client_id, None)
            self.all[before].levels.pop(message.client_id, None)

    def _understood(self, interaction: InteractionCreated) -> None:
        """The event names the device and when speech began, not the election.

        One that is told again, for who spoke is known by now, is still the same.
        """
        for place, known in enumerate(self.interactions):
            if known.interaction_id == interaction.interaction_id:
                self.interactions[place] = interaction
                if observation := self.of(known):
                    observation.interaction = interaction
                return
        self.interactions.append(interaction)

        def apart(observation: Observation) -> float:
            assert observation.elected_at is not None  # noqa: S101 - those are the candidates
            return abs((observation.elected_at - interaction.timestamp).total_seconds())

        candidates = [
            o
            for o in self.all.values()
            if o.interaction is None and o.elected_at and o.elected == interaction.client_id
        ]
        if candidates:
            min(candidates, key=apart).interaction = interaction


class Observer:
    """A connection with a network's token that hears everything and offers nothing.

    Args:
        http: the session to connect with.
        network: which, and its token.
        hub: which to connect to.
    """

    def __init__(
        self,
        http: aiohttp.ClientSession,
        network: NetworkAccess,
        hub: HubProcess,
    ) -> None:
        self.seen = Observations()
        self._clock = steady_clock()
        self._cursor = 0
        self._changes: dict[int, asyncio.Future[HubMessage]] = {}
        # The hub takes a network's token for what it is; the client id is for nobody.
        connector = Connector(http, Access(network.network_id, "observer", network.token, hub.ca))
        self._hub = hub
        self._finder = HubFinder([hub.url], hub.hub_id, fingerprint(hub.ca))
        self._link = HubLink(self, self._finder, connector)

    @property
    def connected(self) -> bool:
        """Whether the hub has greeted us."""
        return self._link.connected

    async def run(self) -> None:
        """Stays connected until it is cancelled."""
        await self._link.run()

    def look_again(self) -> None:
        """Connects now if it is not connected: the hub is back."""
        self._finder.heard(self._hub.sighting)

    async def set_listening(self, listening: bool, client_id: str | None = None) -> None:
        """Switches listening, of one device or of the whole network, and waits for the hub.

        Raises:
            ConnectionError: the hub is not connected, does not answer or refuses.
        """
        change = Change(
            client_seq=len(self._changes) + 1,
            made_at_us=self._clock(),
            deed=SetListening(
                scope="client" if client_id else "network",
                listening=listening,
                client_id=client_id,
            ),
        )
        answer = self._changes[change.client_seq] = asyncio.get_running_loop().create_future()
        self._link.send([change])
        try:
            async with asyncio.timeout(CHANGE_TIMEOUT_S):
                said = await answer
        except TimeoutError:
            raise ConnectionError("the hub does not answer") from None
        if isinstance(said, ChangeRefused):
            raise ConnectionError(f"the hub refuses: {said.message}")

    # As the owner of its link

    def hello(self) -> Hello:
        """The greeting."""
        return Hello(
            version=PROTOCOL_VERSION,
            min_version=MIN_PROTOCOL_VERSION,
            software="mira simulation",
            device_time_us=self._clock(),
            cursor=self._cursor,
            capabilities=["monitor"],
        )

    def removed(self) -> None:
        """See `Owner`."""

    def established(self, message: ConnectionEstablished) -> Iterable[Message]:
        """Nothing to say at first."""
        return []

    def received(self, message: HubMessage) -> Iterable[Message]:
        """Keeps what was said."""
        if isinstance(message, ClockProbe):
            now = self._clock()
            return [ClockReply(probe_id=message.probe_id, received_at_us=now, sent_at_us=now)]
        if isinstance(message, Event):
            if message.seq <= self._cursor:
                return []  # told again after a reconnect
            self._cursor = message.seq
        if isinstance(message, ChangeApplied | ChangeRefused):
            answer = self._changes.get(message.client_seq)
            if answer is not None and not answer.done():
                answer.set_result(message)
        self.seen.take(message, self._clock())
        return []

    async def ready(self) -> None:
        """It takes everything at once."""

    def audio(self) -> AudioFrame | None:
        """None: it has no microphone."""
        return None
