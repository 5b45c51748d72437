"""A benchmark scene, described: a home, microphones of all sorts, a noise, one or two talkers.

Drawn from a seed. Homes here vary more than those of `edge.simulation.home`, and their
microphones are worse: they clip, level themselves, and their clocks are off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from edge.simulation.home import Device, Door, House, Point, Room, place
from shared.errors import ConfigError

FEWEST_DEVICES, MOST_DEVICES = 2, 12
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
    kind: tuple[str, ...]

    @property
    def room(self) -> Room:
        """The first talker's."""
        return self.house.room_at(self.talkers[0].way[0])

    def distance_m(self, talker: Talker, microphone: Microphone) -> float | None:
        """From the middle of the talker's way to a microphone; None: it is in another room."""
        middle = talker.way[len(talker.way) // 2]
        if self.house.room_at(middle).name != microphone.device.room:
            return None
        return middle.distance_to(microphone.device.position)


@dataclass(frozen=True)
class Material:
    """What a scene is drawn from, by index."""

    utterance: int  # what is said in this scene
    seconds: float  # how long that takes
    others: Sequence[int]  # utterances of other talkers
    recordings: int  # how many recordings of noise there are


def draw_scene(
    seed: int, devices: tuple[int, int], material: Material, *, two_talkers: bool = False
) -> Scene:
    """The scene of that seed: the same seed and material give the same scene.

    Args:
        seed: decides everything.
        devices: the fewest and the most there may be.
        material: what can be said and heard.
        two_talkers: two people in two rooms, at once and about as loud, and no other competes.

    Raises:
        ConfigError: not so many devices, or a second talker is needed and there is none.
    """
    fewest, most = devices
    if not FEWEST_DEVICES <= fewest <= most <= MOST_DEVICES:
        raise ConfigError(
            f"A scene cannot have {fewest} to {most} devices.",
            f"Ask for {FEWEST_DEVICES} to {MOST_DEVICES}, the smaller number first.",
        )
    if two_talkers and not material.others:
        raise ConfigError(
            "Two talkers need utterances of two people.", "Add some, or leave out two talkers."
        )
    rng = np.random.default_rng(seed)
    count = int(rng.integers(fewest, most + 1))
    rooms, doors = _plan(rng, 2 if two_talkers else 1)
    main = rooms[int(rng.integers(len(rooms)))]
    beyond = [
        room for room in rooms if any({main.name, room.name} == set(door.rooms) for door in doors)
    ]
    next_room = beyond[int(rng.integers(len(beyond)))] if beyond else None

    level_db = float(rng.uniform(55, 70))
    start = _mouth(rng, main, apart=())
    walks = rng.random() < _WALKING and not two_talkers
    way = _walk(rng, main, start) if walks else (start,)
    talkers = [Talker(material.utterance, way, level_db, LEAD_S)]
    competes = rng.random() < _COMPETING
    if two_talkers and next_room:
        talkers.append(_second(rng, material, next_room, level_db))
    elif material.others and competes:
        talkers.append(_competitor(rng, material, rooms, main, way, level_db))

    elsewhere = rng.random() < _NOISE_ELSEWHERE
    noisy = next_room if elsewhere and next_room else main
    source = _source(rng, material, noisy, level_db)
    where: list[Room] = []
    beside = rng.random() < _BESIDE and source.window_hz is None and count > FEWEST_DEVICES
    if beside:
        where.append(noisy)
    if next_room and (two_talkers or rng.random() < _NEXT_ROOM):
        where.append(next_room)
        if two_talkers:
            where += [next_room] * int(rng.integers(max(1, count // 2)))
        elif count >= _MANY_DEVICES:  # one more, anywhere
            where.append(rooms[int(rng.integers(len(rooms)))])
    where = where[: count - 1]
    where += [main] * (count - len(where))
    order = rng.permutation(count)  # so that a microphone's number says nothing about it
    microphones = _microphones(
        rng,
        [where[n] for n in order],
        int(np.argmin(order)) if beside else None,
        source,
        talkers,
    )
    house = House(seed, rooms, doors, tuple(one.device for one in microphones))
    kind = ("two_talkers",) if two_talkers else _kind(source, talkers, microphones, main)
    return Scene(seed, house, microphones, source, tuple(talkers), kind)


_WALKING = 0.1
_COMPETING = 0.2
_BESIDE = 0.6
"""Of the scenes whose noise is in a room: half of all scenes."""
_NEXT_ROOM = 0.75
"""Of the homes that have one: half of all scenes."""
_NOISE_ELSEWHERE = 0.15
_RECORDED_STREET = 0.5
_COMPETES_HERE = 0.7
_DOOR_OPEN = 0.5
_MANY_DEVICES = 6
_LEVELLING = 0.25
_OVERDRIVEN = 0.15
_NARROW = 0.2
_CLOCKS_FAR_OFF = 0.2
_SPEECH_OVER_NOISE_DB = (0.0, 30.0)
_OVER_TELEVISION_DB = 8.0
_WALK_M = (1.0, 3.0)
_STEP_M = 0.25
_MOUTHS_M = (1.1, 1.7)


def _plan(rng: np.random.Generator, fewest: int) -> tuple[tuple[Room, ...], tuple[Door, ...]]:
    """One to four rooms, two in a row, each with a door to one before it."""
    count = int(rng.choice([1, 2, 3, 4], p=[0.3, 0.3, 0.2, 0.2]))
    count = max(count, fewest)
    widths, depths = rng.uniform(3.0, 6.0, 2), rng.uniform(2.6, 5.0, 2)
    height = float(rng.uniform(2.4, 2.8))
    # Rooms of one home are furnished alike: they reverberate about as long.
    rt60_s = 0.2 + 0.6 * rng.beta(1.2, 2.8)  # most homes have carpets and curtains
    rooms: list[Room] = []
    doors: list[Door] = []
    for n in range(count):
        column, row = n % 2, n // 2
        x, y = float(column * widths[0]), float(row * depths[0])
        width, depth = float(widths[column]), float(depths[row])
        own_s = float(np.clip(rt60_s * rng.uniform(0.8, 1.25), 0.2, 0.8))
        room = Room(f"room {n + 1}", x, y, width, depth, height, own_s)
        if column:
            at = Point(x, y + depth * float(rng.uniform(0.25, 0.75)), 1.0)
            doors.append(_door(rng, rooms[-1], room, at, "y"))
        elif row:
            at = Point(x + width * float(rng.uniform(0.25, 0.75)), y, 1.0)
            doors.append(_door(rng, rooms[0], room, at, "x"))
        rooms.append(room)
    return tuple(rooms), tuple(doors)


def _door(
    rng: np.random.Generator, one: Room, other: Room, at: Point, along: Literal["x", "y"]
) -> Door:
    """Open, or ajar."""
    loss_db = 0.0 if rng.random() < _DOOR_OPEN else float(rng.uniform(3, 12))
    return Door((one.name, other.name), at, along, loss_db, 6500 - 400 * loss_db)


def _mouth(rng: np.random.Generator, room: Room, apart: Sequence[tuple[Point, float]]) -> Point:
    return place(rng, room, margin_m=0.5, heights=_MOUTHS_M, apart=apart)


def _walk(rng: np.random.Generator, room: Room, start: Point) -> tuple[Point, ...]:
    """Places a short step apart on a straight way through the room."""
    end = start
    while not _WALK_M[0] <= start.distance_to(end) <= _WALK_M[1]:
        end = _mouth(rng, room, apart=())._replace(z=start.z)
    steps = int(np.ceil(start.distance_to(end) / _STEP_M))
    line = np.linspace(start, end, steps + 1)
    return tuple(Point(float(x), float(y), float(z)) for x, y, z in line)


def _second(rng: np.random.Generator, material: Material, room: Room, level_db: float) -> Talker:
    """Somebody in another room, who begins before the first has ended."""
    return Talker(
        int(rng.choice(material.others)),
        (_mouth(rng, room, apart=()),),
        level_db + float(rng.uniform(-3, 3)),
        LEAD_S + float(rng.uniform(0, 0.7)) * material.seconds,
    )


def _competitor(
    rng: np.random.Generator,
    material: Material,
    rooms: Sequence[Room],
    main: Room,
    way: Sequence[Point],
    level_db: float,
) -> Talker:
    """Somebody quieter, mostly in the same room."""
    same = rng.random() < _COMPETES_HERE
    room = main if same else rooms[int(rng.integers(len(rooms)))]
    return Talker(
        int(rng.choice(material.others)),
        (_mouth(rng, room, apart=[(point, 1.5) for point in way]),),
        level_db - float(rng.uniform(3, 15)),
        LEAD_S + float(rng.uniform(-0.4, 0.5)) * material.seconds,
    )


def _source(rng: np.random.Generator, material: Material, room: Room, speech_db: float) -> Source:
    kinds: list[SourceKind] = ["fan", "tap", "television", "street"]
    if material.recordings:
        kinds += ["recording", "recording"]
    kind = kinds[int(rng.integers(len(kinds)))]
    street = kind == "street"
    recorded = kind == "recording" or (
        street and material.recordings > 0 and rng.random() < _RECORDED_STREET
    )
    quietest, loudest = _SPEECH_OVER_NOISE_DB
    if kind == "television":  # nobody talks to a device over a louder one
        quietest = _OVER_TELEVISION_DB
    position = place(rng, room, margin_m=0.4, heights=(0.5, 1.5), apart=())
    if street:  # a window in the southern wall
        position = Point(position.x, room.y + 0.1, 1.4)
    return Source(
        kind,
        room.name,
        position,
        speech_db - (quietest + (loudest - quietest) * float(rng.beta(1.4, 1.0))),
        int(rng.integers(material.recordings)) if recorded else None,
        float(rng.choice([700, 3000])) if street else None,  # shut, or open
    )


def _microphones(
    rng: np.random.Generator,
    where: Sequence[Room],
    beside: int | None,
    source: Source,
    talkers: Sequence[Talker],
) -> tuple[Microphone, ...]:
    """One in each of the rooms; the one of that number is beside the noise."""
    placed: list[Point] = []
    microphones: list[Microphone] = []
    for number, room in enumerate(where):
        if number == beside:
            position = _near(rng, room, source.position)
        else:
            apart = [(point, 0.8) for talker in talkers for point in talker.way]
            apart += [(source.position, 1.0), *((point, 0.8) for point in placed)]
            position = place(rng, room, margin_m=0.3, heights=(0.6, 1.7), apart=apart)
        placed.append(position)
        agc, overdriven = rng.random(2) < (_LEVELLING, _OVERDRIVEN)
        far_off = rng.random() < _CLOCKS_FAR_OFF
        overdrive_db = float(rng.uniform(3, 15))
        microphones.append(
            Microphone(
                Device(
                    f"mic{number}",
                    room.name,
                    position,
                    gain_db=float(rng.uniform(-10, 10)),
                    self_noise_db=float(rng.uniform(24, 42)),
                    bandwidth_hz=_bandwidth_hz(rng),
                ),
                agc=bool(agc),
                overdrive_db=overdrive_db if overdriven and not agc else 0.0,
                clock_offset_ms=float(rng.uniform(-1, 1)) * (80 if far_off else 20),
                clock_drift_ppm=float(rng.uniform(-50, 50)),
                beside_noise=number == beside,
            )
        )
    return tuple(microphones)


def _bandwidth_hz(rng: np.random.Generator) -> float:
    return float(rng.uniform(3400, 6000)) if rng.random() < _NARROW else 8000.0


def _near(rng: np.random.Generator, room: Room, point: Point) -> Point:
    """Within reach of the point, on the room's side of it."""
    middle_x, middle_y = room.x + room.width / 2, room.y + room.depth / 2
    angle = np.arctan2(middle_y - point.y, middle_x - point.x) + rng.uniform(-0.6, 0.6)
    distance_m = rng.uniform(0.3, 0.6)
    return Point(
        float(point.x + distance_m * np.cos(angle)),
        float(point.y + distance_m * np.sin(angle)),
        point.z,
    )


def _kind(
    source: Source, talkers: Sequence[Talker], microphones: Sequence[Microphone], room: Room
) -> tuple[str, ...]:
    """Tags: the noise, and what is out of the ordinary."""
    tags: list[str] = [source.kind]
    special = {
        "competing": len(talkers) > 1,
        "walking": len(talkers[0].way) > 1,
        "beside_noise": any(one.beside_noise for one in microphones),
        "other_room": any(one.device.room != room.name for one in microphones),
    }
    tags += [tag for tag, holds in special.items() if holds]
    return (*tags, *(() if any(special.values()) else ("ordinary",)))
