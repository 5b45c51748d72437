"""A small home whose acoustics can be foretold, and something to say in it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edge.simulation.home import Device, Door, Home, Noise, Point, Room
from edge.simulation.room import Talk
from shared.audio import SAMPLE_RATE, Pcm

SILENT_DB = -200.0


def device(name: str, room: str, position: Point, *, gain_db: float = 0.0) -> Device:
    return Device(name, room, position, gain_db, self_noise_db=30.0, bandwidth_hz=8000.0)


def small_home(*, level_db: float = 50.0) -> Home:
    """Study and bath in a row; in the study one device near the talker and one far from him."""
    return Home(
        seed=7,
        rooms=(
            Room("study", 0, 0, 5, 4, 2.5, 0.35),
            Room("bath", 5, 0, 3, 4, 2.5, 0.35),
        ),
        doors=(Door(("study", "bath"), Point(5, 2, 1), "y", loss_db=6, cutoff_hz=2500),),
        devices=(
            device("near", "study", Point(1.8, 1.0, 1.2)),
            device("far", "study", Point(4.3, 3.2, 1.2)),
            device("away", "bath", Point(7.0, 2.5, 1.2)),
        ),
        noise=Noise("fan", "study", Point(2.6, 3.4, 1.0), level_db),
        talkers=(Point(1.0, 1.0, 1.5), Point(6.0, 1.0, 1.5)),
    )


def without_noise(home: Home) -> Home:
    """The same home with neither the noise source nor the devices' own noise."""
    return replace(
        home,
        devices=tuple(replace(device, self_noise_db=SILENT_DB) for device in home.devices),
        noise=replace(home.noise, level_db=SILENT_DB),
    )


def voice(seconds: float = 1.0, seed: int = 0) -> Pcm:
    """Noise that swells four times a second, as syllables do; shape (n,), int16."""
    samples = round(seconds * SAMPLE_RATE)
    swell = np.sin(np.pi * 4 * np.arange(samples) / SAMPLE_RATE) ** 2
    noise = np.random.default_rng(seed).standard_normal(samples)
    pcm: Pcm = (3000 * swell * noise).astype(np.int16)
    return pcm


def talk(home: Home, *, at: int = 0, start_s: float = 0.5, pcm: Pcm | None = None) -> Talk:
    """Something said at the home's talker position number `at`."""
    spoken = voice(seed=at) if pcm is None else pcm
    return Talk(f"talk-{at}", spoken, "so many words", start_s, home.talkers[at])
