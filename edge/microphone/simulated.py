"""A microphone that hears what a program plays to it, for tests and simulated households."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import numpy as np

from edge.microphone.paced import FRAME_US, PacedMicrophone
from shared.audio import FRAME_SAMPLES, FULL_SCALE, SAMPLE_RATE, Pcm, pcm_from_float, samples_to_us
from shared.clock import Clock
from shared.errors import MicrophoneError


@dataclass(frozen=True)
class _Sound:
    pcm: Pcm
    from_us: int

    @property
    def until_us(self) -> int:
        return self.from_us + samples_to_us(len(self.pcm))


class SimulatedMicrophone(PacedMicrophone):
    """Hears sounds at stated times, mixed, over a noise floor; can be unplugged."""

    def __init__(
        self,
        clock: Clock,
        *,
        name: str = "simulated microphone",
        noise_dbfs: float | None = None,
        seed: int = 0,
    ) -> None:
        """Makes a closed microphone.

        Args:
            clock: the device clock.
            name: what people call it.
            noise_dbfs: level of its own white noise, dB re full scale; None: digital silence.
            seed: of the noise.
        """
        super().__init__(name, clock)
        self._noise = 0.0 if noise_dbfs is None else FULL_SCALE * 10 ** (noise_dbfs / 20)
        self._random = np.random.default_rng(seed)
        self._sounds: list[_Sound] = []
        self._plugged = True

    def play_at(self, pcm: Pcm, at_us: int) -> None:
        """Lets `pcm` be heard from `at_us` on (device clock), over what else is heard then."""
        self._sounds.append(_Sound(pcm, at_us))

    async def play(self, pcm: Pcm) -> None:
        """Lets `pcm` be heard after everything that was played; returns when it was heard."""
        now_us = self._clock()
        sound = _Sound(pcm, max([now_us, *(sound.until_us for sound in self._sounds)]))
        self._sounds.append(sound)
        # The last frame comes when it is complete.
        await asyncio.sleep((sound.until_us + FRAME_US - now_us) / 1e6)

    def unplug(self) -> None:
        """Takes the microphone away: reading and opening it raise MicrophoneError."""
        self._plugged = False

    def replug(self) -> None:
        """Puts it back; it must be opened again."""
        self._plugged = True

    async def open(self) -> None:
        """Starts the frames; see `Microphone`."""
        self._check_plugged()
        await super().open()

    def sound(self, at_us: int) -> Pcm:
        """See `PacedMicrophone`."""
        self._check_plugged()
        mix = self._random.normal(0, self._noise, FRAME_SAMPLES)
        for sound in self._sounds:
            first = round((at_us - sound.from_us) * SAMPLE_RATE / 1_000_000)
            heard = sound.pcm[max(0, first) : max(0, first + FRAME_SAMPLES)]
            place = max(0, -first)
            mix[place : place + len(heard)] += heard
        self._sounds = [sound for sound in self._sounds if sound.until_us > at_us]
        return pcm_from_float(mix / FULL_SCALE)

    def _check_plugged(self) -> None:
        if not self._plugged:
            self._next_us = None
            raise MicrophoneError(f"The microphone {self.name} has gone away.", "Plug it in.")
