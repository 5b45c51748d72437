"""A home of simulated devices around a real hub, for tests of whole households.

The hub is a process of its own. The devices are the real daemon's code in this process: they are
connected to the hub over real sockets and listen to a simulated room, all of it in real time.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import aiohttp

from edge.simulation.device import SimulatedDevice
from edge.simulation.home import Point, make_home
from edge.simulation.hub_process import HubProcess
from edge.simulation.observation import Observer
from edge.simulation.room import Acoustics, heard_of_speech, render
from edge.simulation.speech import SpokenUtterance, murmur, utterances
from models.location import locate
from shared.audio import SAMPLE_RATE, Pcm
from shared.clock import steady_clock
from shared.errors import ConfigError, MiraError
from shared.wire.events import InteractionCreated

BACKGROUND_S = 10.0
"""The noise of the home repeats after this."""
_REVERBERATION_S = 1.0
_SETTLE_S = 0.7
"""Devices hear this much noise before anything else: they have to know it, and fill a pre-roll."""
_READY_TIMEOUT_S = 20.0
_LEAD_US = 100_000
"""Between the decision to speak and the first sample."""
_POLL_S = 0.02
_TALKER_APART_M = 0.7


class HouseholdError(MiraError):
    """What was waited for does not happen in the household."""

    code = "HOUSEHOLD_FAILED"


@dataclass(frozen=True)
class Interaction:
    """What was understood, and whose microphone it came from."""

    interaction_id: str
    text: str
    device: str | None  # name of the elected device
    scores: Mapping[str, float]  # 0 to 100, by name of each device that heard it
    failed: bool  # whether the recogniser failed on it


class SimulatedHousehold:
    """A home, its devices and its hub; to be entered as a context.

    Args:
        seed: of the home: its rooms, noise, devices and where they stand; see `make_home`.
        devices: how many; at least four.
        engine: the hub's recogniser; `fake` needs no weights and writes how long it heard speech.
        folder: where everything is kept, to be looked at later; None: a temporary one.
    """

    def __init__(
        self, *, seed: int = 0, devices: int = 5, engine: str = "fake", folder: Path | None = None
    ) -> None:
        self.plan = make_home(seed, devices)
        self.devices: dict[str, SimulatedDevice] = {}
        self._engine = engine
        self._folder = folder
        self._acoustics = Acoustics(self.plan)
        self._rendering = asyncio.Lock()
        self._clock = steady_clock()
        self._tasks: list[asyncio.Task[None]] = []
        self._stack = AsyncExitStack()
        self._given = 0  # interactions that `next_interaction` has returned

    # Life

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            folder = self._folder or Path(
                stack.enter_context(tempfile.TemporaryDirectory(prefix="mira-household-"))
            )
            http = await stack.enter_async_context(aiohttp.ClientSession())
            self.hub = HubProcess(folder / "hub", engine=self._engine)
            network = await self.hub.create_network("simulated household")
            names = [device.name for device in self.plan.devices]
            stack.push_async_callback(self.hub.stop)
            _, accesses, background = await asyncio.gather(
                self.hub.start(),
                self.hub.add_clients(network.network_id, names),
                asyncio.to_thread(self._background),
            )
            stack.push_async_callback(self._end_tasks)
            self.observer = Observer(http, network, self.hub)
            self._run(self.observer.run())
            for place, access in zip(self.plan.devices, accesses, strict=True):
                device = SimulatedDevice(
                    place, access, background[place.name], self._clock, http, self.hub, folder
                )
                self.devices[place.name] = device
                stack.callback(device.close)
                self._run(device.daemon.run())
            await self._until(self._all_ready, "not every device connects", _READY_TIMEOUT_S)
            await asyncio.sleep(_SETTLE_S)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    async def restart_hub(self, *, kill: bool = False) -> None:
        """Stops or kills the hub and starts it on the same port and data; all connect again."""
        await (self.hub.kill() if kill else self.hub.stop())
        await self.hub.start()
        self.observer.look_again()
        for device in self.devices.values():
            device.look_again()
        await self._until(self._all_ready, "not every device comes back", _READY_TIMEOUT_S)

    # What people do

    async def say(
        self,
        what: str | SpokenUtterance | Pcm | None = None,
        at: str | Point | None = None,
    ) -> None:
        """Somebody speaks; returns after the last word. Several may speak at once.

        Args:
            what: the name of one of the `sample-speech` weights' utterances, an utterance, or
                samples of shape (n,), int16, 16 kHz; None: two seconds without words.
            at: the name of a room, whose middle is meant, or a place; None: where the home's
                talker usually stands.

        Raises:
            ConfigError: no such utterance, room or place.
            WeightsError: an utterance was named and the sample speech is not here.
        """
        pcm, place = _samples(what), self._place(at)
        async with self._rendering:
            heard = await asyncio.to_thread(heard_of_speech, self._acoustics, pcm, place)
        start_us = self._clock() + _LEAD_US
        for device in self.devices.values():
            device.microphone.play_at(heard[device.name], start_us)
        await asyncio.sleep(_LEAD_US / 1e6 + len(pcm) / SAMPLE_RATE)

    async def set_listening(self, listening: bool) -> None:
        """Switches listening for the whole network; returns when all that are on are ready.

        Raises:
            HouseholdError: one has not.
        """
        await self.observer.set_listening(listening)
        state = "open" if listening else "closed"
        await self._until(
            lambda: all(d.daemon.microphone_state == state for d in self._connected()),
            f"not every microphone is {state}",
            _READY_TIMEOUT_S,
        )
        await asyncio.sleep(_SETTLE_S if listening else 0)

    # What comes of it

    @property
    def interactions(self) -> list[Interaction]:
        """All that was understood so far, oldest first."""
        return [self._interaction(event) for event in self.observer.seen.interactions]

    async def next_interaction(self, timeout_s: float = 20.0) -> Interaction:
        """The next one that was not returned yet, once every connected device has its copy of it.

        Raises:
            HouseholdError: nothing is understood within `timeout_s`, or it does not reach a device.
        """
        number, self._given = self._given, self._given + 1
        events = self.observer.seen.interactions
        await self._until(lambda: len(events) > number, "nothing is understood", timeout_s)
        seq = events[number].seq
        await self._until(
            lambda: all(d.daemon.replica.cursor >= seq for d in self._connected()),
            "an interaction does not reach every device",
            timeout_s,
        )
        return self._interaction(events[number])

    # Parts

    def _connected(self) -> list[SimulatedDevice]:
        return [device for device in self.devices.values() if device.connected]

    def _all_ready(self) -> bool:
        """Whether all are connected that can be, and listen if they are to."""
        return self.observer.connected and all(
            device.connected or not device.cable.whole for device in self.devices.values()
        )

    async def _until(self, condition: Callable[[], bool], otherwise: str, timeout_s: float) -> None:
        deadline = asyncio.get_running_loop().time() + timeout_s
        while not condition():
            for task in self._tasks:
                if task.done():
                    await task  # raises what ended it
            if asyncio.get_running_loop().time() > deadline:
                raise HouseholdError(f"After {timeout_s:.0f} s {otherwise}.", self._report())
            await asyncio.sleep(_POLL_S)

    def _report(self) -> str:
        lines = [
            f"  {device.name}: {'connected' if device.connected else 'not connected'}, microphone "
            f"{device.daemon.microphone_state}, {len(device.texts)} interactions"
            for device in self.devices.values()
        ]
        return "\n".join(["", *lines, "The hub says:", self.hub.process.tail()])

    def _run(self, job: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.ensure_future(job))

    async def _end_tasks(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _interaction(self, event: InteractionCreated) -> Interaction:
        names = {device.client_id: device.name for device in self.devices.values()}
        observation = self.observer.seen.of(event)
        scores = observation.scores if observation else {}
        return Interaction(
            event.interaction_id,
            event.text,
            names.get(event.client_id or ""),
            {names[client_id]: score for client_id, score in scores.items()},
            event.processing_status == "failed",
        )

    def _background(self) -> dict[str, Pcm]:
        """What each device hears while nobody speaks, without the noise's first echoes."""
        noise = render(self.plan, (), tail_s=BACKGROUND_S + _REVERBERATION_S)
        skip = round(_REVERBERATION_S * SAMPLE_RATE)
        return {name: pcm[skip:] for name, pcm in noise.pcm.items()}

    def _place(self, at: str | Point | None) -> Point:
        if at is None:
            return self.plan.talkers[0]
        if isinstance(at, Point):
            return at
        rooms = {room.name: room for room in self.plan.rooms}
        if at not in rooms:
            raise ConfigError(f"There is no room {at!r}.", f"There are: {', '.join(rooms)}.")
        return self.plan.middle_of(rooms[at], _TALKER_APART_M)


class MakeHousehold(Protocol):
    """What the fixture `household` gives."""

    def __call__(
        self, *, seed: int = 0, devices: int = 5, engine: str = "fake"
    ) -> SimulatedHousehold:
        """A household, to be entered as a context; see `SimulatedHousehold`."""


def _samples(what: str | SpokenUtterance | Pcm | None) -> Pcm:
    if what is None:
        return murmur()
    if isinstance(what, SpokenUtterance):
        return what.pcm
    if not isinstance(what, str):
        return what
    spoken = {utterance.name: utterance.pcm for utterance in utterances(locate("sample-speech"))}
    if what not in spoken:
        raise ConfigError(f"There is no utterance {what!r}.", f"There are: {', '.join(spoken)}.")
    return spoken[what]
