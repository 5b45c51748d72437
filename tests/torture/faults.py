"""What goes wrong, at random: with the hub, with a device, with a link."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from random import Random

import aiohttp

from edge.config import Access
from edge.startup import Connector
from shared.config_keys import Secret
from shared.wire.channel import ChannelClosedError
from shared.wire.codec import encode
from shared.wire.fields import MIN_PROTOCOL_VERSION, PROTOCOL_VERSION
from shared.wire.session import Hello
from tests.torture.disks import Disk
from tests.torture.household import Member, World

STOPPED_S = (1.0, 8.0)
"""SIGSTOP, a full disk, a stalled link last so long."""
STEPS_S = (-7200.0, -1200.0, 0.0, 1200.0, 7200.0)
"""A clock is so far from the true time afterwards. What the hub remembers by time is younger than
the shortest way between them; a hub that was set back by less, and starts once more while devices
still hold what was said in between, may take that for speech that it stored by its old clock."""
REPLACED_S = 45.0
"""A device that was replaced stays away for 30 s, and then comes back."""
Fault = Callable[[], Awaitable[None]]


class Faults:
    """Makes them.

    Args:
        world: what is tortured.
        random: decides which, when and for how long.
        hub_disk: where the hub's database is; None: it cannot be filled.
        device_disk: where the devices' files are; None: likewise.
        longest_s: of what lasts.
    """

    def __init__(
        self,
        world: World,
        random: Random,
        hub_disk: Disk | None,
        device_disk: Disk | None,
        longest_s: float = STOPPED_S[1],
    ) -> None:
        self._world, self._history, self._random = world, world.history, random
        self._hub_disk, self._device_disk = hub_disk, device_disk
        self._longest_s = longest_s
        self._quiet_s: float | None = None  # when faults end

    async def run(self, seconds: float, hub_s: float, device_s: float, link_s: float) -> None:
        """Faults of each kind every so many seconds on average; returns when the last is over."""
        self._quiet_s = self._history.now_s() + seconds
        hub: list[Fault] = [self.kill_hub, self.kill_hub, self.stop_hub, self.step_hub]
        if self._hub_disk is not None:
            hub.append(self.fill_hub_disk)
        device: list[Fault] = [
            self.kill_device,
            self.kill_device,
            self.stop_device,
            self.step_device,
            self.connect_twice,
        ]
        if self._device_disk is not None:
            device.append(self.fill_device_disk)
        link: list[Fault] = [self.cut_link, self.stall_link, self.lose_replies, self.close_link]
        await asyncio.gather(
            self._lane(hub, hub_s), self._lane(device, device_s), self._lane(link, link_s)
        )

    async def _lane(self, faults: list[Fault], every_s: float) -> None:
        bag: list[Fault] = []
        while self._left_s > 0:
            await asyncio.sleep(min(self._random.expovariate(1 / every_s), max(0, self._left_s)))
            if self._left_s <= 0:
                return
            if not bag:  # each kind as often as the others, in any order
                bag = self._random.sample(faults, len(faults))
            await bag.pop()()

    @property
    def _left_s(self) -> float:
        return (self._quiet_s or 0.0) - self._history.now_s()

    def _while_s(self) -> float:
        return self._random.uniform(STOPPED_S[0], self._longest_s)

    def _member(self) -> Member:
        return self._random.choice(self._world.members)

    # The hub

    async def kill_hub(self) -> None:
        """SIGKILL."""
        with self._history.fault("hub_killed", "hub"):
            self._world.hub.process.kill()
            await self._hub_back()

    async def stop_hub(self) -> None:
        """SIGSTOP, for a while."""
        with self._history.fault("hub_stopped", "hub"):
            self._world.hub.process.halt()
            try:
                await asyncio.sleep(self._while_s())
            finally:
                self._world.hub.process.go_on()

    async def step_hub(self) -> None:
        """It comes back with another time."""
        offset_us = round(self._random.choice(STEPS_S) * 1e6)
        with self._history.fault("hub_clock_jump", "hub"):
            hub = self._world.hub
            hub.process.before_next_start = lambda: self._step(hub.clock.step, "hub", offset_us)
            hub.process.kill()
            await self._hub_back()

    async def fill_hub_disk(self) -> None:
        """Its disk is full, for a while."""
        if self._hub_disk is None:
            return
        with self._history.fault("hub_disk_full", "hub"):
            await asyncio.to_thread(self._hub_disk.fill)
            try:
                await asyncio.sleep(self._while_s())
            finally:
                self._hub_disk.free()
            await self._hub_back()

    async def _hub_back(self) -> None:
        await asyncio.sleep(0.1)
        await self._world.hub.ready()

    def _step(self, step: Callable[[int], None], whose: str, offset_us: int) -> None:
        self._history.step(whose, offset_us)
        step(offset_us)

    # Devices

    async def kill_device(self) -> None:
        """SIGKILL."""
        device = self._member().device
        with self._history.fault("device_killed", device.name):
            device.process.kill()
            await asyncio.sleep(0.5)

    async def stop_device(self) -> None:
        """SIGSTOP, for a while."""
        device = self._member().device
        with self._history.fault("device_stopped", device.name):
            device.process.halt()
            try:
                await asyncio.sleep(self._while_s())
            finally:
                device.process.go_on()

    async def step_device(self) -> None:
        """Its clock is another one from now on: it slept, or was set while it was off.

        Always one of the same few, for what the others say can be ordered then.
        """
        device = self._random.choice(self._world.networks[-1].members).device
        offset_us = round(self._random.choice(STEPS_S) * 1e6)
        with self._history.fault("device_clock_jump", device.name):
            self._step(device.clock.step, device.name, offset_us)
            if self._random.random() < 0.5:
                device.process.kill()

    async def fill_device_disk(self) -> None:
        """The devices' disk is full, for a while; one of them is killed meanwhile, perhaps."""
        if self._device_disk is None:
            return
        with self._history.fault("device_disk_full", "devices"):
            await asyncio.to_thread(self._device_disk.fill)
            try:
                await asyncio.sleep(self._while_s())
            finally:
                self._device_disk.free()

    async def connect_twice(self) -> None:
        """Somebody shows the same token."""
        if self._left_s < REPLACED_S:
            return  # the device would come back only after the end
        member = self._member()
        device = member.device
        network = next(n for n in self._world.networks if member in n.members)
        with self._history.fault("connected_twice", device.name):
            access = Access(
                network.public_id, device.name, Secret(member.token), self._world.hub.ca
            )
            async with aiohttp.ClientSession() as http:
                url = f"https://127.0.0.1:{self._world.hub.port}"
                with suppress(OSError, TimeoutError, ChannelClosedError):
                    channel = await Connector(http, access)(url)
                    hello = Hello(
                        version=PROTOCOL_VERSION,
                        min_version=MIN_PROTOCOL_VERSION,
                        software="twin",
                        device_time_us=device.clock(),
                        cursor=0,
                        capabilities=["microphone"],
                        held=[],
                        listening=True,
                    )
                    await channel.send(encode(hello))
                    await asyncio.sleep(self._random.uniform(0.1, 2.0))
                    await channel.close()

    # Links

    async def cut_link(self) -> None:
        """Its TCP connection ends."""
        member = self._member()
        with self._history.fault("link_cut", member.device.name):
            member.link.cut()

    async def close_link(self) -> None:
        """The same, and there is none for a while."""
        member = self._member()
        with self._history.fault("link_closed", member.device.name):
            member.link.close()
            await asyncio.sleep(self._while_s())
            member.link.heal()

    async def stall_link(self) -> None:
        """Its bytes stop; then they go on, or the connection ends."""
        member = self._member()
        with self._history.fault("link_stalled", member.device.name):
            member.link.stall()
            await asyncio.sleep(self._while_s())
            if self._random.random() < 0.5:
                member.link.cut()
            member.link.heal()

    async def lose_replies(self) -> None:
        """The hub hears a device or the writers, and commits; what it answers is lost."""
        link, name = self._world.writers_link, "writers"
        if link is None or self._random.random() < 0.5:
            member = self._member()
            link, name = member.link, member.device.name
        with self._history.fault("replies_lost", name):
            link.swallow()
            await asyncio.sleep(self._random.uniform(0.2, 2.0))
            link.cut()
            link.heal()
