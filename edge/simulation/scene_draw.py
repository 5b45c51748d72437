"""Draws a benchmark scene from a seed.

Homes vary more than those of `edge.simulation.home`, and their microphones are worse: they clip,
level themselves, and their clocks are off. How often there is what is in the constants below; all
in all a good recogniser misses about half of the words at a random microphone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from edge.simulation.home import Device, Door, House, Point, Room, place
from edge.simulation.scene import LEAD_S, Microphone, Scene, Source, SourceKind, Talker
from shared.errors import ConfigError

FEWEST_DEVICES, MOST_DEVICES = 2, 12


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
    return Scene(seed, house, microphones, source, tuple(talkers), two_talkers)


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
"""Between the places of a walk: fine enough that no jump is heard."""
_TALKER_APART_M = 1.0
_MOUTHS_M = (1.1, 1.7)


def _plan(rng: np.random.Generator, fewest: int) -> tuple[tuple[Room, ...], tuple[Door, ...]]:
    """One to four rooms, two in a row, each with a door to one before it."""
    count = int(rng.choice([1, 2, 3, 4], p=[0.3, 0.3, 0.2, 0.2]))
    count = max(count, fewest)
    widths, depths = rng.uniform(3.2, 6.5, 2), rng.uniform(2.8, 5.5, 2)
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
    kinds: list[SourceKind] = ["fan", "tap", "street"]
    if material.others:  # whoever speaks here is not on television, too
        kinds.append("television")
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
        speech_db - (quietest + (loudest - quietest) * float(rng.beta(1.6, 1.0))),
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
            apart = [(point, _TALKER_APART_M) for talker in talkers for point in talker.way]
            apart += [(source.position, 1.0), *((point, 0.8) for point in placed)]
            position = place(rng, room, margin_m=0.3, heights=(0.6, 1.7), apart=apart)
        placed.append(position)
        agc, overdriven = rng.random(2) < (_LEVELLING, _OVERDRIVEN)
        far_off = rng.random() < _CLOCKS_FAR_OFF
        overdrive_db = float(rng.uniform(6, 20))
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
