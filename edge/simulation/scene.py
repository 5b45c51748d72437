"""A benchmark scene, described: a house, microphones of all sorts, a noise, one or two talkers.

See `edge.simulation.scene_draw` for how one is drawn from a seed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edge.simulation.home import Device, House, Point, Room

LEAD_S = 0.7
"""Background before the first word."""
TAIL_S = 0.9
"""Background after the last word."""

SourceKind = Literal["fan", "tap", "television", "street", "recording"]
"""What disturbs: as in `edge.simulation.home`, or the street through a window, or a recording."""


@dataclass(frozen=True)
class Microphone:
    """A device and what is wrong with it."""

    device: Device
    agc: bool  # whether it levels itself
    overdrive_db: float  # how far its peaks are turned up beyond full scale; 0: they are not
    clock_offset_ms: float  # its first sample is taken this long after the scene begins
    clock_drift_ppm: float  # how much too fast its clock is
    beside_noise: bool


@dataclass(frozen=True)
class Source:
    """What disturbs, from one place."""

    kind: SourceKind
    room: str
    position: Point
    level_db: float  # dB SPL at 1 m
    recording: int | None  # which recording is played; None: a noise is generated
    window_hz: float | None  # through a window, which takes 6 dB an octave above this


@dataclass(frozen=True)
class Talker:
    """One person who says one thing."""

    utterance: int  # which one, of those there are
    way: tuple[Point, ...]  # where the mouth is; more than one place: walked while speaking
    level_db: float  # dB SPL at 1 m
    started_s: float  # first sample at the mouth, after the scene begins


@dataclass(frozen=True)
class Scene:
    """Everything that decides what the microphones record."""

    seed: int
    house: House
    microphones: tuple[Microphone, ...]  # in the order of the house's devices
    source: Source
    talkers: tuple[Talker, ...]
    two_talkers: bool  # whether the second matters as much as the first: he is no competitor

    @property
    def room(self) -> Room:
        """The first talker's."""
        return self.house.room_at(self.talkers[0].way[0])

    @property
    def kind(self) -> tuple[str, ...]:
        """Tags: the noise, and what is out of the ordinary."""
        special = {
            "two_talkers": self.two_talkers,
            "competing": len(self.talkers) > 1 and not self.two_talkers,
            "walking": len(self.talkers[0].way) > 1,
            "beside_noise": any(one.beside_noise for one in self.microphones),
            "other_room": any(one.device.room != self.room.name for one in self.microphones),
        }
        tags = [tag for tag, holds in special.items() if holds] or ["ordinary"]
        return (self.source.kind, *tags)

    def distance_m(self, talker: Talker, microphone: Microphone) -> float | None:
        """From the middle of the talker's way to a microphone; None: it is in another room."""
        middle = talker.way[len(talker.way) // 2]
        if self.house.room_at(middle).name != microphone.device.room:
            return None
        return middle.distance_to(microphone.device.position)
