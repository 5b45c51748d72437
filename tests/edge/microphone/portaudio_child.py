"""Runs in a process of its own, with an ALSA configuration whose microphone is a pipe.

`python -m tests.edge.microphone.portaudio_child CHECK PIPE`: does one check through real PortAudio
and prints what it saw as JSON. The pipe's bytes are the microphone's samples, and PortAudio waits
when the pipe is empty, so nothing depends on time.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import logging
import os
import sys
import termios
import time
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

import numpy as np

from edge.microphone.microphone import Frame
from edge.microphone.sound_card import (
    BLOCK_MS,
    MAX_BLOCKS,
    SoundCardMicrophone,
    list_microphones,
)
from shared.audio import FRAME_MS, SAMPLE_RATE, Pcm, pcm_to_bytes
from shared.clock import steady_clock
from shared.errors import MicrophoneError
from tests.shared.quality.sounds import speech_like

BLOCK_SAMPLES = SAMPLE_RATE * BLOCK_MS // 1000


class Pipe:
    """The writing end; held open for reading too, so that nobody waits to open it."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self._path = str(path)
        self._file = os.open(path, os.O_RDWR)
        fcntl.fcntl(self._file, fcntl.F_SETPIPE_SZ, 1 << 20)

    def write(self, pcm: Pcm) -> None:
        os.write(self._file, pcm_to_bytes(pcm))

    async def flow_until(self, stopping: Awaitable[None]) -> None:
        """Writes silence while a stream is stopped, which PortAudio does only between blocks."""
        done = asyncio.ensure_future(stopping)
        while not done.done():
            if self.waiting() < 6400:
                self.write(np.zeros(320, np.int16))
            await asyncio.sleep(0.001)
        await done

    def waiting(self) -> int:
        """Bytes that PortAudio has not read."""
        number = bytearray(4)
        fcntl.ioctl(self._file, termios.FIONREAD, number)
        return int.from_bytes(number, sys.byteorder)

    def wait_until_empty(self) -> None:
        """Blocks the event loop, as a busy daemon does, while PortAudio's thread reads."""
        while self.waiting():
            time.sleep(0.001)

    def readers(self) -> int:
        """How often this process has it open, but for our own end."""
        links = Path("/proc/self/fd").iterdir()
        return sum(os.path.realpath(link) == self._path for link in links) - 1


async def read(microphone: SoundCardMicrophone, frames: int) -> list[Frame]:
    return [await anext(microphone) for _ in range(frames)]


async def cards(_: Pipe) -> Any:
    return [str(card) for card in list_microphones()]


async def record(pipe: Pipe) -> Any:
    pcm = speech_like(2.1, -15)
    microphone = SoundCardMicrophone(steady_clock(), "Kitch")
    await microphone.open()
    pipe.write(pcm)
    frames = await read(microphone, 105)
    await pipe.flow_until(microphone.close())
    return {
        "name": microphone.name,
        "same": bool(np.array_equal(np.concatenate([frame.pcm for frame in frames]), pcm)),
        "left_open": pipe.readers(),
        "after_closing": [frame.captured_at_us async for frame in microphone],
    }


async def wrong_name(_: Pipe) -> Any:
    try:
        await SoundCardMicrophone(steady_clock(), "bathroom").open()
    except MicrophoneError as error:
        return str(error)
    return None


async def lost(pipe: Pipe) -> Any:
    """The stream ends without being asked to, as when a card is unplugged."""
    pcm = speech_like(1, -15)
    microphone = SoundCardMicrophone(steady_clock(), "kitchen")
    await microphone.open()
    pipe.write(pcm)
    await read(microphone, 40)
    await pipe.flow_until(asyncio.to_thread(microphone._stream.abort))
    error = None
    try:
        async for _ in microphone:
            pass
    except MicrophoneError as caught:
        error = str(caught)
    await pipe.flow_until(microphone.open())
    pipe.write(np.full(2 * BLOCK_SAMPLES, 4321, np.int16))
    while 4321 not in (await anext(microphone)).pcm:
        pass
    await pipe.flow_until(microphone.close())
    return {"error": error, "heard_again": True}


async def busy(pipe: Pipe) -> Any:
    """The daemon does not come round to reading for longer than the queue lasts."""
    said: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: said.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger().addHandler(handler)
    microphone = SoundCardMicrophone(steady_clock(), "kitchen")
    await microphone.open()
    numbered = np.repeat(np.arange(600, dtype=np.int16), 320)
    for part in (numbered[: 390 * 320], numbered[390 * 320 :]):
        pipe.write(part)
        pipe.wait_until_empty()
    waited = MAX_BLOCKS * BLOCK_MS // FRAME_MS
    heard = [int(frame.pcm[0]) for frame in await read(microphone, waited)]
    pipe.write(np.full(BLOCK_SAMPLES, 9999, np.int16))
    heard += [int(frame.pcm[0]) for frame in await read(microphone, 1)]
    await pipe.flow_until(microphone.close())
    return {
        "first": heard[:waited] == list(range(waited)),
        "then": heard[waited:],
        "warnings": said,
    }


CHECKS: dict[str, Callable[[Pipe], Coroutine[Any, Any, Any]]] = {
    check.__name__: check for check in (cards, record, wrong_name, lost, busy)
}

if __name__ == "__main__":
    print(json.dumps(asyncio.run(CHECKS[sys.argv[1]](Pipe(Path(sys.argv[2]))))))
