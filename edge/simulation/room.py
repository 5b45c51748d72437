"""What every device of a home records while people speak in it.

Within a room: the image source method (Allen and Berkley 1979) of pyroomacoustics in a shoebox
whose absorption follows from its reverberation time (Sabine).

Between rooms a shoebox has no doors, so the usual is done. Sound that arrives at a door of
`DOOR_AREA_M2` goes out on the other side as from a point source there: a pressure p in the opening
carries p^2 S of power into a half-space, so at 1 m there is p sqrt(S / 2 pi). A door ajar takes
its loss and, above its cutoff, its high frequencies. The reverberations of both rooms add up:
what comes through doors is quieter, duller and longer. Walls let nothing through.

Until a device's gain is applied, a signal of 1 is a sound pressure of `FULL_SCALE_DB`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np
import pyroomacoustics as pra
from scipy.signal import butter, fftconvolve, lfilter, oaconvolve, sosfilt

from edge.simulation.home import Device, Door, Home, House, Point, Room
from edge.simulation.noise import Signal, make_noise
from edge.simulation.speech import SpokenUtterance
from shared.audio import FRAME_SAMPLES, SAMPLE_RATE, Pcm, pcm_from_float

SPEECH_LEVEL_DB = 65.0
"""Sound level of speech 1 m from the mouth: somebody who wants to be heard (dB SPL)."""
DOOR_AREA_M2 = 1.8
FULL_SCALE_DB = 104.0
"""Sound level that a device of 0 dB gain turns into a root mean square of full scale (dB SPL)."""
_MAX_ORDER = 30
"""Reflections followed: 30 in a home's rooms reach 0.4 s, in a tenth of a second."""
_SOUND_M_PER_S = 343.0
_JOINT_SAMPLES = 320
"""Over which reflections give way to a diffuse tail: 20 ms, many reflections by then."""
_THROUGH_DOOR_M = 0.1
"""A door's sound is taken and given back this far inside the room."""


@dataclass(frozen=True)
class Talk:
    """One person says one thing at one place; `start_s` counts from the session's beginning."""

    name: str
    pcm: Pcm
    reference: str
    start_s: float
    position: Point


@dataclass(frozen=True)
class Span:
    """When and where something was said, by the talker's mouth: sound takes 3 ms a metre."""

    name: str
    start_s: float
    end_s: float
    position: Point
    reference: str


@dataclass(frozen=True)
class Recording:
    """What all devices heard, on one timeline."""

    pcm: dict[str, Pcm]  # by device name; all of one length
    spans: tuple[Span, ...]  # in order of their start
    seconds: float


def in_turn(
    home: Home, spoken: Sequence[SpokenUtterance], *, lead_s: float = 1.5, gap_s: float = 2.0
) -> tuple[Talk, ...]:
    """One utterance after the other, the nth from the home's nth talker position.

    `lead_s` of noise comes first, `gap_s` between two.
    """
    talks: list[Talk] = []
    start_s = lead_s
    for n, utterance in enumerate(spoken):
        position = home.talkers[n % len(home.talkers)]
        talks.append(Talk(utterance.name, utterance.pcm, utterance.reference, start_s, position))
        start_s += len(utterance.pcm) / SAMPLE_RATE + gap_s
    return tuple(talks)


def render(home: Home, talks: Iterable[Talk], *, tail_s: float = 2.0) -> Recording:
    """Records the talks, the noise source and each device's own noise; talks may overlap.

    The same home and talks give the same samples. The session ends `tail_s` after the last word.
    A talk with nothing but zeros is silent.

    Raises:
        ConfigError: somebody speaks outside the home.
    """
    in_order = sorted(talks, key=lambda talk: talk.start_s)
    spans = tuple(
        Span(
            talk.name,
            talk.start_s,
            talk.start_s + len(talk.pcm) / SAMPLE_RATE,
            talk.position,
            talk.reference,
        )
        for talk in in_order
    )
    samples = round((max((span.end_s for span in spans), default=0.0) + tail_s) * SAMPLE_RATE)
    noise = make_noise(
        home.noise.kind,
        samples,
        np.random.default_rng([home.seed, 0]),
        [talk.pcm for talk in in_order],
    ) * amplitude(home.noise.level_db)
    speech = [(talk, spoken(talk.pcm)) for talk in in_order]
    acoustics = Acoustics(home)

    pcm: dict[str, Pcm] = {}
    for number, device in enumerate(home.devices, start=1):
        rng = np.random.default_rng([home.seed, number])
        heard = rng.standard_normal(samples) * amplitude(device.self_noise_db)
        heard += oaconvolve(noise, acoustics.response(home.noise.position, device))[:samples]
        for talk, signal in speech:
            start = round(talk.start_s * SAMPLE_RATE)
            arriving = fftconvolve(signal, acoustics.response(talk.position, device))
            arriving = arriving[: samples - start]
            heard[start : start + len(arriving)] += arriving
        pcm[device.name] = _record(device, heard)
    return Recording(pcm, spans, samples / SAMPLE_RATE)


def heard_of_speech(acoustics: Acoustics, pcm: Pcm, position: Point) -> dict[str, Pcm]:
    """What each device records of somebody's speech and nothing else, by device name.

    Sample 0 is the moment of the first sample at the mouth; the echoes make it longer than `pcm`.

    Raises:
        ConfigError: the position lies outside the home.
    """
    signal = spoken(pcm)
    return {
        device.name: _record(device, fftconvolve(signal, acoustics.response(position, device)))
        for device in acoustics.home.devices
    }


class Acoustics:
    """The impulse responses of a home, each computed once.

    Args:
        home: where the devices are.
        order: reflections followed; the cost grows with its third power.
        diffuse_tail: where the reflections that were followed end, decaying noise goes on; for
            rooms whose reverberation is longer than `order` reflections.
    """

    def __init__(self, home: House, *, order: int = _MAX_ORDER, diffuse_tail: bool = False) -> None:
        self.home = home
        self._order = order
        self._diffuse_tail = diffuse_tail
        self._within: dict[tuple[str, Point], dict[str, Signal]] = {}
        self._responses: dict[tuple[Point, str], Signal] = {}

    def response(self, source: Point, device: Device) -> Signal:
        """From the sound pressure 1 m from the source in the open to that at the device.

        Shape (n,), dtype float64, 16 kHz; sample 0 is the moment of emission.
        """
        key = source, device.name
        if key not in self._responses:
            self._responses[key] = self._through_doors(source, device)
        return self._responses[key]

    def _through_doors(self, source: Point, device: Device) -> Signal:
        room = self.home.room_at(source)
        response = np.ones(1)
        for door in self.home.way(room.name, device.room):
            arriving = self._within_room(room, source)[_door_key(door)]
            response = _pass_door(door, fftconvolve(response, arriving))
            room = self.home.room(door.rooms[1 - door.rooms.index(room.name)])
            source = _inside(door, room)
        arrived: Signal = fftconvolve(response, self._within_room(room, source)[device.name])
        return arrived

    def _within_room(self, room: Room, source: Point) -> dict[str, Signal]:
        """Responses from the source to all devices and other doors of its room, by name."""
        key = room.name, source
        if key not in self._within:
            ears = {d.name: d.position for d in self.home.devices if d.room == room.name}
            ears |= {
                _door_key(door): _inside(door, room)
                for door in self.home.doors
                if room.name in door.rooms and _inside(door, room) != source
            }
            responses = _shoebox(room, source, ears, self._order)
            if self._diffuse_tail:
                for name, response in responses.items():
                    where = f"{room.name} {source} {name}".encode()
                    rng = np.random.default_rng([self.home.seed, crc32(where)])
                    responses[name] = _with_tail(response, room, self._order, rng)
            self._within[key] = responses
        return self._within[key]


def _shoebox(
    room: Room, source: Point, ears: dict[str, Point], max_order: int
) -> dict[str, Signal]:
    size = (room.width, room.depth, room.height)
    absorption, order = pra.inverse_sabine(room.rt60_s, size)
    box = pra.ShoeBox(
        size,
        fs=SAMPLE_RATE,
        materials=pra.Material(absorption),
        max_order=min(order, max_order),
    )
    corner = np.array([room.x, room.y, 0.0])
    box.add_source(np.array(source) - corner)
    box.add_microphone_array(np.array([np.array(ear) - corner for ear in ears.values()]).T)
    box.compute_rir()
    # The fractional-delay filter comes with half its length of delay, which is not the room's.
    delay = pra.constants.get("frac_delay_length") // 2
    return {
        name: np.asarray(box.rir[number][0], dtype=np.float64)[delay:]
        for number, name in enumerate(ears)
    }


def _with_tail(response: Signal, room: Room, order: int, rng: np.random.Generator) -> Signal:
    """The response up to where reflections are missing, then noise that decays as the room does."""
    # The nearest image that is not followed lies outside the simplex of all that are.
    complete_m = order / np.sqrt(room.width**-2 + room.depth**-2 + room.height**-2)
    end = min(len(response), round(complete_m / _SOUND_M_PER_S * SAMPLE_RATE))
    joint = np.arange(max(0, end - _JOINT_SAMPLES), end)
    seconds = np.arange(round(room.rt60_s * SAMPLE_RATE)) / SAMPLE_RATE
    level = np.sqrt(np.mean(response[joint] ** 2))
    tail = rng.standard_normal(len(seconds)) * 10 ** (-3 * seconds / room.rt60_s)
    # The level is that of the joint's middle.
    tail *= level * 10 ** (3 * len(joint) / 2 / SAMPLE_RATE / room.rt60_s)
    fade = np.linspace(0, np.pi / 2, len(joint))
    whole = np.concatenate((response[: joint[0]], tail))
    whole[joint] = response[joint] * np.cos(fade) + tail[: len(joint)] * np.sin(fade)
    return whole


def _door_key(door: Door) -> str:
    return " | ".join(door.rooms)  # no device is named like this


def _inside(door: Door, room: Room) -> Point:
    """The door's place, a little inside the room."""
    x, y, z = door.position
    if door.along == "y":
        x += _THROUGH_DOOR_M if x < room.x + room.width / 2 else -_THROUGH_DOOR_M
    else:
        y += _THROUGH_DOOR_M if y < room.y + room.depth / 2 else -_THROUGH_DOOR_M
    return Point(x, y, z)


def _pass_door(door: Door, arriving: Signal) -> Signal:
    gain = np.sqrt(DOOR_AREA_M2 / (2 * np.pi)) * 10 ** (-door.loss_db / 20)
    duller: Signal = lfilter(*butter(1, door.cutoff_hz, fs=SAMPLE_RATE), arriving)
    passed: Signal = gain * duller
    return passed


def spoken(pcm: Pcm, level_db: float = SPEECH_LEVEL_DB) -> Signal:
    """The samples as sound pressure at 1 m, with the frames that are speech at `level_db` dB SPL.

    Speech is what lies within 25 dB of the loudest 20 ms: pauses do not count.
    """
    signal = pcm.astype(np.float64)
    whole = signal[: len(signal) // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
    power = np.mean(whole**2, axis=1)
    if not power.any():
        return signal
    active = power[power >= power.max() * 10**-2.5]
    at_level: Signal = signal * (amplitude(level_db) / np.sqrt(active.mean()))
    return at_level


def _record(device: Device, heard: Signal) -> Pcm:
    """What the device makes of the sound at its place: its bandwidth, its gain, its clipping."""
    return pcm_from_float(within_band(device, heard) * 10 ** (device.gain_db / 20))


def within_band(device: Device, heard: Signal) -> Signal:
    """What of the sound at its place is within the device's bandwidth."""
    if device.bandwidth_hz >= SAMPLE_RATE / 2:
        return heard
    low_pass = butter(6, device.bandwidth_hz, fs=SAMPLE_RATE, output="sos")
    passed: Signal = sosfilt(low_pass, heard)
    return passed


def amplitude(level_db: float) -> float:
    """Root mean square of a signal whose sound level is `level_db` (dB SPL)."""
    return float(10 ** ((level_db - FULL_SCALE_DB) / 20))
