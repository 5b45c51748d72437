"""A home, described: rooms, doors, devices, a noise source, where people stand. No sound yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Literal, NamedTuple, cast

import numpy as np

from shared.errors import ConfigError

MIN_DEVICES = 4
"""One beside the noise, one in the next room, and two to choose between."""
TALKER_POSITIONS = 12
"""How many places a home knows where somebody speaks."""

_MOUTH_M = 1.5
"""The height of a mouth."""

NoiseKind = Literal["fan", "tap", "television"]
"""What hums: a fan, running water, or a television with people talking."""


class Point(NamedTuple):
    """A place in the home, in metres from its south-west corner and its floor."""

    x: float
    y: float
    z: float

    def distance_to(self, other: Point) -> float:
        """Straight distance in metres."""
        return float(np.hypot(np.hypot(self.x - other.x, self.y - other.y), self.z - other.z))


@dataclass(frozen=True)
class Room:
    """A box whose south-west floor corner is at (x, y); all lengths in metres."""

    name: str
    x: float
    y: float
    width: float
    depth: float
    height: float
    rt60_s: float  # reverberation time: until sound has fallen by 60 dB

    def contains(self, point: Point) -> bool:
        """Whether the point is in this room; walls belong to it."""
        return (
            self.x <= point.x <= self.x + self.width
            and self.y <= point.y <= self.y + self.depth
            and 0 <= point.z <= self.height
        )


@dataclass(frozen=True)
class Door:
    """An opening between two rooms, in the middle of the stretch that lets sound through."""

    rooms: tuple[str, str]
    position: Point
    along: Literal["x", "y"]  # the axis that its wall runs along
    loss_db: float  # what a door that is ajar takes away, on top of an open one
    cutoff_hz: float  # above this it takes away 6 dB an octave


@dataclass(frozen=True)
class Device:
    """A microphone somewhere; the units of its levels are those of `edge.simulation.room`."""

    name: str
    room: str
    position: Point
    gain_db: float
    self_noise_db: float  # equivalent sound level of its own noise, dB SPL
    bandwidth_hz: float  # nothing above this is recorded


@dataclass(frozen=True)
class Noise:
    """A steady source that is not the talker."""

    kind: NoiseKind
    room: str
    position: Point
    level_db: float  # dB SPL at 1 m


@dataclass(frozen=True)
class House:
    """Rooms with devices in them: all that sound on its way to a microphone depends on."""

    seed: int
    rooms: tuple[Room, ...]
    doors: tuple[Door, ...]
    devices: tuple[Device, ...]

    def room(self, name: str) -> Room:
        """The room of that name; KeyError where there is none."""
        return {room.name: room for room in self.rooms}[name]

    def room_at(self, point: Point) -> Room:
        """The room that the point lies in.

        Raises:
            ConfigError: it lies outside the home.
        """
        for room in self.rooms:
            if room.contains(point):
                return room
        raise ConfigError(
            f"({point.x:.2f}, {point.y:.2f}, {point.z:.2f}) is in no room of the home.",
            "Choose a place within one of its rooms.",
        )

    def way(self, start: str, end: str) -> tuple[Door, ...]:
        """The doors on the shortest way between two rooms; none within one room."""
        ways: dict[str, tuple[Door, ...]] = {start: ()}
        queue = [start]
        for name in queue:
            for door in self.doors:
                if name in door.rooms:
                    beyond = door.rooms[1 - door.rooms.index(name)]
                    if beyond not in ways:
                        ways[beyond] = (*ways[name], door)
                        queue.append(beyond)
        return ways[end]


@dataclass(frozen=True)
class Home(House):
    """Everything about a home that does not change while people speak in it."""

    noise: Noise
    talkers: tuple[Point, ...]  # where the nth utterance is spoken

    def middle_of(self, room: Room, apart_m: float) -> Point:
        """Where somebody stands in the middle of a room, at least `apart_m` from each device.

        That is, as near to the middle as the devices allow; the height is that of a mouth.
        """
        middle = Point(room.x + room.width / 2, room.y + room.depth / 2, _MOUTH_M)
        free = [
            point
            for x in np.linspace(room.x + 0.5, room.x + room.width - 0.5, 9)
            for y in np.linspace(room.y + 0.5, room.y + room.depth - 0.5, 9)
            for point in [Point(float(x), float(y), _MOUTH_M)]
            if all(point.distance_to(device.position) >= apart_m for device in self.devices)
        ]
        return min([*free, *([] if free else [middle])], key=middle.distance_to)


_PLACES = {
    "living room": ("bookshelf", "sofa-table", "window", "piano", "armchair", "sideboard"),
    "kitchen": ("counter", "table", "fridge", "spice-rack", "pantry", "corner"),
    "hall": ("coat-rack", "mirror", "shoe-bench"),
    "bedroom": ("bedside", "dresser", "desk", "wardrobe"),
}
_NOISES: dict[str, tuple[NoiseKind, ...]] = {"living room": ("fan",), "kitchen": ("fan", "tap")}
_NEXT_ROOM_EVERY = 4
"""Every fourth utterance is spoken in the next room: then its device hears best."""


def make_home(seed: int, devices: int = 5, *, noise: NoiseKind | None = None) -> Home:
    """The home of that seed: the same seed gives the same home.

    One device stands beside the noise source, one in the next room (from the sixth on, others in
    other rooms too), the rest around the talker. `noise` overrides the seed's choice, which
    is a fan or a tap: a television speaks, so it is only there when asked for.

    Raises:
        ConfigError: fewer than four devices.
    """
    if devices < MIN_DEVICES:
        raise ConfigError(
            f"A simulated home of {devices} devices leaves nothing to elect.",
            f"Ask for at least {MIN_DEVICES}.",
            devices=devices,
        )
    rng = np.random.default_rng(seed)
    rooms, doors = _plan(rng)
    by_name = {room.name: room for room in rooms}
    main = by_name["living room" if rng.random() < 0.65 else "kitchen"]
    adjacent = [
        door.rooms[1 - door.rooms.index(main.name)] for door in doors if main.name in door.rooms
    ]
    next_room = by_name[str(rng.choice(adjacent))]

    kind: NoiseKind = noise or cast("NoiseKind", rng.choice(_NOISES[main.name]))
    source = Noise(
        kind,
        main.name,
        place(rng, main, margin_m=0.4, heights=(0.6, 1.4), apart=()),
        level_db=float(rng.uniform(48, 54)),
    )
    placed = [_beside(rng, main, source)]
    where = [main, main, next_room]
    where += [main if n == 0 else rooms[n % len(rooms)] for n in range(devices - MIN_DEVICES)]
    for room in where:
        apart = [(device.position, 1.1) for device in placed] + [(source.position, 1.6)]
        position = place(rng, room, margin_m=0.35, heights=(0.7, 1.6), apart=apart)
        placed.append(_device(rng, _free_name(room.name, placed), room, position))

    talkers: list[Point] = []
    for n in range(TALKER_POSITIONS):
        away = n % _NEXT_ROOM_EVERY == _NEXT_ROOM_EVERY - 1
        apart = [(device.position, 0.7) for device in placed] + [(source.position, 1.5)]
        room = next_room if away else main
        talkers.append(place(rng, room, margin_m=0.6, heights=(1.15, 1.65), apart=apart))
    return Home(seed, rooms, doors, tuple(placed), source, tuple(talkers))


def _plan(rng: np.random.Generator) -> tuple[tuple[Room, ...], tuple[Door, ...]]:
    """Two rooms in the south, two in the north, three doors."""
    living, kitchen = rng.uniform(4.6, 5.8), rng.uniform(3.0, 3.8)
    south, north = rng.uniform(3.9, 4.8), rng.uniform(2.3, 2.8)
    hall = rng.uniform(2.6, 3.2)
    height = float(rng.uniform(2.45, 2.7))

    def room(name: str, x: float, y: float, width: float, depth: float, rt60: float) -> Room:
        rt60_s = float(rt60 + rng.uniform(-0.05, 0.05))
        return Room(name, float(x), float(y), float(width), float(depth), height, rt60_s)

    def door(one: str, two: str, x: float, y: float, along: Literal["x", "y"]) -> Door:
        loss_db = float(rng.uniform(3, 10))
        return Door(
            (one, two), Point(float(x), float(y), 1.0), along, loss_db, 4500 - 300 * loss_db
        )

    rooms = (
        room("living room", 0, 0, living, south, 0.38),
        room("kitchen", living, 0, kitchen, south, 0.45),
        room("hall", 0, south, hall, north, 0.45),
        room("bedroom", hall, south, living + kitchen - hall, north, 0.35),
    )
    doors = (
        door("living room", "kitchen", living, south * rng.uniform(0.25, 0.75), "y"),
        door("living room", "hall", hall * rng.uniform(0.35, 0.65), south, "x"),
        door("hall", "bedroom", hall, south + north * rng.uniform(0.35, 0.65), "y"),
    )
    return rooms, doors


def place(
    rng: np.random.Generator,
    room: Room,
    *,
    margin_m: float,
    heights: tuple[float, float],
    apart: Sequence[tuple[Point, float]],
) -> Point:
    """A random place in the room that keeps its distances on the plan, in metres.

    Where the room is too full for them, the distances shrink until there is one.
    """
    for attempt in count():
        point = Point(
            float(rng.uniform(room.x + margin_m, room.x + room.width - margin_m)),
            float(rng.uniform(room.y + margin_m, room.y + room.depth - margin_m)),
            float(rng.uniform(*heights)),
        )
        shrink = 0.98**attempt
        if all(
            np.hypot(point.x - other.x, point.y - other.y) >= distance * shrink
            for other, distance in apart
        ):
            return point
    raise AssertionError  # count() never ends


def _beside(rng: np.random.Generator, room: Room, noise: Noise) -> Device:
    """A device within reach of the noise source, on the room's side of it, turned up high."""
    centre_x, centre_y = room.x + room.width / 2, room.y + room.depth / 2
    angle = np.arctan2(centre_y - noise.position.y, centre_x - noise.position.x)
    angle += rng.uniform(-0.6, 0.6)
    distance = rng.uniform(0.4, 0.6)
    position = Point(
        float(noise.position.x + distance * np.cos(angle)),
        float(noise.position.y + distance * np.sin(angle)),
        noise.position.z,
    )
    name = f"{room.name.split()[0]}-by-{noise.kind}"
    return _device(rng, name, room, position, gains=(3, 10))


def _device(
    rng: np.random.Generator,
    name: str,
    room: Room,
    position: Point,
    gains: tuple[float, float] = (-10, 10),
) -> Device:
    return Device(
        name,
        room.name,
        position,
        gain_db=float(rng.uniform(*gains)),
        self_noise_db=float(rng.uniform(26, 40)),
        bandwidth_hz=3600.0 if rng.random() < 0.15 else 8000.0,  # an old telephone, now and then
    )


def _free_name(room: str, placed: Sequence[Device]) -> str:
    """A name that no device has yet, fit for a client id."""
    taken = {device.name for device in placed}
    prefix = room.split()[0]
    for turn in count(1):
        for place in _PLACES[room]:
            name = f"{prefix}-{place}" + (f"-{turn}" if turn > 1 else "")
            if name not in taken:
                return name
    raise AssertionError  # count() never ends
