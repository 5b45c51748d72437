"""One device of a simulated household: the real daemon, a microphone in a simulated room."""

from __future__ import annotations

from pathlib import Path

import aiohttp
import numpy as np

from edge.config import Access, Device, EdgeConfig, Paths
from edge.daemon import Daemon
from edge.hub_finder import HubFinder
from edge.hub_link import Connect
from edge.microphone.simulated import SimulatedMicrophone
from edge.replica import Replica
from edge.simulation import home
from edge.simulation.hub_process import HubProcess
from edge.startup import Connector, make_ear
from shared.audio import FRAME_SAMPLES, Pcm, us_to_samples
from shared.clock import Clock
from shared.tls import fingerprint
from shared.wire.channel import Channel


class SimulatedDevice:
    """A device; what may go wrong with one can be done to it.

    Args:
        place: what it is and where it stands.
        access: who it is to the hub.
        background: what it hears while nobody speaks, over and over; shape (n,), int16, 16 kHz.
        clock: the device clock.
        http: the session to connect with.
        hub: which to connect to.
        folder: where it keeps its replica.
    """

    def __init__(
        self,
        place: home.Device,
        access: Access,
        background: Pcm,
        clock: Clock,
        http: aiohttp.ClientSession,
        hub: HubProcess,
        folder: Path,
    ) -> None:
        self.name = place.name
        self.room = place.room
        self.client_id = access.client_id
        self.microphone = RoomMicrophone(place.name, clock, background)
        self.cable = Cable(Connector(http, access))
        self._hub = hub
        self._finder = HubFinder([hub.url], hub.hub_id, fingerprint(hub.ca))
        state_dir = folder / place.name
        config = EdgeConfig(
            device=Device(name=place.name, room=place.room),
            paths=Paths(state_dir=state_dir, control_socket=state_dir / "control.sock"),
        )
        self.daemon = Daemon(
            client_id=access.client_id,
            ear=make_ear(config),
            microphone=self.microphone,
            replica=Replica(state_dir / "replica.db", access.network_id),
            finder=self._finder,
            connect=self.cable,
            clock=clock,
        )

    @property
    def connected(self) -> bool:
        """Whether the hub has greeted it."""
        return self.daemon.link.connected

    @property
    def texts(self) -> list[str]:
        """What was said, by its own copy of the network's log, oldest first."""
        return [event.text for event in reversed(self.daemon.replica.interactions(1000))]

    def set_listening(self, listening: bool) -> None:
        """A person at this device switches it; it obeys at once and tells the hub."""
        self.daemon.set_listening(listening, "client")

    def unplug(self) -> None:
        """Takes its microphone away."""
        self.microphone.unplug()

    def replug(self) -> None:
        """Puts the microphone back; the daemon finds it within two seconds."""
        self.microphone.replug()

    async def cut_link(self) -> None:
        """Takes its network away."""
        await self.cable.cut()

    def mend_link(self) -> None:
        """Gives it its network back; it connects at once."""
        self.cable.whole = True
        self.look_again()

    def look_again(self) -> None:
        """Lets it know that the hub is there, as mDNS would."""
        self._finder.heard(self._hub.sighting)

    def close(self) -> None:
        """Closes its replica; its daemon has ended before."""
        self.daemon.replica.close()


class RoomMicrophone(SimulatedMicrophone):
    """A simulated microphone with something to hear all the time."""

    def __init__(self, name: str, clock: Clock, background: Pcm) -> None:
        """`background` is heard over and over; shape (n,), int16, 16 kHz."""
        super().__init__(clock, name=name)
        self._length = len(background)
        self._background = np.concatenate((background, background[:FRAME_SAMPLES]))

    def sound(self, at_us: int) -> Pcm:
        """See `PacedMicrophone`."""
        first = us_to_samples(at_us) % self._length
        background = self._background[first : first + FRAME_SAMPLES]
        both = super().sound(at_us).astype(np.int32) + background
        heard: Pcm = np.clip(both, -32768, 32767).astype(np.int16)
        return heard


class Cable:
    """A way to connect that can be cut."""

    def __init__(self, connect: Connect) -> None:
        self.whole = True
        self._connect = connect
        self._channel: Channel | None = None

    async def __call__(self, address: str) -> Channel:
        """See `edge.hub_link.Connect`."""
        if not self.whole:
            raise ConnectionError("the cable is cut")
        self._channel = await self._connect(address)
        return self._channel

    async def cut(self) -> None:
        """Ends the connection and allows no other until `whole` is True again."""
        self.whole = False
        if self._channel is not None:
            await self._channel.close()
