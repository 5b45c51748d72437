"""The sound card as a microphone, through PortAudio."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from edge.microphone.microphone import Frame, FrameCutter
from shared.audio import FRAME_MS, SAMPLE_RATE
from shared.clock import Clock
from shared.errors import MicrophoneError

log = logging.getLogger(__name__)

BLOCK_MS = 3 * FRAME_MS
"""PortAudio hands over so much at a time. Waking up costs more than hearing a frame: frame by frame
the daemon takes twice the processor time; longer blocks save little and answer later."""
MAX_BLOCKS = 5_000 // BLOCK_MS
"""Blocks that wait for a busy daemon: 5 s. What comes on top of them is lost, and counted."""
STALLED_AFTER_S = 3.0
"""A card that is open and gives nothing for this long has hung."""
_MAX_CHANNELS = 8
_MAX_DELAY_US = 1_000_000
"""PortAudio's figure for the age of a block is not believed beyond this."""

# PortAudio is one per process: it must not be restarted under an open stream.
_portaudio_lock = threading.Lock()
_open_streams = 0


@dataclass(frozen=True)
class SoundCard:
    """A sound card that can record."""

    index: int  # PortAudio's; changes when cards come and go
    name: str
    channels: int
    rate: int  # its default, in Hz

    def __str__(self) -> str:
        return f"{self.index}: {self.name} ({self.channels} channels, {self.rate} Hz)"


@dataclass(frozen=True, slots=True)
class _Block:
    """What PortAudio handed over: interleaved int16 bytes."""

    data: bytes
    captured_at_us: int
    lost_before: int  # blocks lost before this one; 1 where only PortAudio knows how many


def list_microphones() -> list[SoundCard]:
    """The sound cards that can record, those plugged in just now included.

    Raises:
        MicrophoneError: PortAudio is not installed or does not start.
    """
    sounddevice = _sounddevice()
    with _portaudio_lock:
        return _scan(sounddevice)


def _sounddevice() -> ModuleType:
    try:
        import sounddevice
    except ImportError as error:
        raise MicrophoneError(
            "The Python package sounddevice is not installed.", "Install mira-voice[edge]."
        ) from error
    except OSError as error:
        raise MicrophoneError(
            f"PortAudio cannot be loaded: {error}.",
            "Install it, on Debian, Ubuntu and Raspberry Pi OS: apt install libportaudio2",
        ) from error
    module: ModuleType = sounddevice
    return module


def _scan(sounddevice: ModuleType) -> list[SoundCard]:
    """Looks afresh, for PortAudio knows only what was plugged in when it was started."""
    try:
        if not _open_streams:
            sounddevice._terminate()
            sounddevice._initialize()
        return [
            SoundCard(
                device["index"],
                device["name"],
                device["max_input_channels"],
                int(device["default_samplerate"]),
            )
            for device in sounddevice.query_devices()
            if device["max_input_channels"] > 0
        ]
    except sounddevice.PortAudioError as error:
        raise MicrophoneError(f"PortAudio does not start: {error}.") from error


def choose(cards: list[SoundCard], wanted: str, default: int) -> SoundCard:
    """The card that `wanted` means: its index, its name, a part of its name; "" is the default.

    Args:
        cards: those there are.
        wanted: what the configuration says; case does not matter.
        default: index of the system's default, -1 for none.

    Raises:
        MicrophoneError: none or several fit; the message lists what there is.
    """
    if not cards:
        raise MicrophoneError(
            "No microphone is plugged in.",
            "Plug one in; `arecord -l` shows what the system sees, and the daemon's user must be "
            "in the group audio.",
        )
    if not wanted:
        return next((card for card in cards if card.index == default), cards[0])
    name = wanted.casefold()
    fitting = (
        [card for card in cards if str(card.index) == wanted]
        or [card for card in cards if card.name.casefold() == name]
        or [card for card in cards if name in card.name.casefold()]
    )
    if len(fitting) == 1:
        return fitting[0]
    listed = "; ".join(str(card) for card in fitting or cards)
    if fitting:
        raise MicrophoneError(f"{wanted!r} fits several microphones: {listed}.", "Say more of it.")
    raise MicrophoneError(f"There is no microphone {wanted!r}. There are: {listed}.")


class SoundCardMicrophone:
    """A sound card, chosen by name or index; asks it for 16 kHz mono and converts what it gives."""

    def __init__(self, clock: Clock, wanted: str = "") -> None:
        """`wanted`: see `choose`."""
        self._clock = clock
        self._wanted = wanted
        self.name = wanted or "default microphone"
        self._stream: Any = None  # sounddevice.RawInputStream, which has no types
        self._loop: asyncio.AbstractEventLoop | None = None
        self._arrived = asyncio.Event()
        self._blocks: deque[_Block] = deque()
        self._frames: deque[Frame] = deque()
        self._lost_blocks = 0  # since the last block that found room
        self._ended = False  # PortAudio ended the stream by itself
        self._warned = False

    async def open(self) -> None:
        """Opens the card; see `Microphone`."""
        if self._stream is not None and not self._ended:
            return
        await self.close()
        self._loop = asyncio.get_running_loop()
        self._blocks.clear()
        self._frames.clear()
        self._ended = False
        self._lost_blocks = 0
        # Looking for cards takes PortAudio a good part of a second.
        await asyncio.to_thread(self._start)

    async def close(self) -> None:
        """Closes the card; see `Microphone`."""
        stream, self._stream = self._stream, None
        self._arrived.set()
        if stream is not None:
            await asyncio.to_thread(_stop, stream)

    def __aiter__(self) -> SoundCardMicrophone:
        return self

    async def __anext__(self) -> Frame:
        while not self._frames:
            if self._stream is None:
                raise StopAsyncIteration
            if self._blocks:
                self._cut(self._blocks.popleft())
                continue
            if self._ended:
                raise MicrophoneError(f"The microphone {self.name} has gone away.", "Plug it in.")
            self._arrived.clear()
            if not self._blocks and not self._ended:
                await self._wait()
        return self._frames.popleft()

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(STALLED_AFTER_S):
                await self._arrived.wait()
        except TimeoutError:
            raise MicrophoneError(
                f"The microphone {self.name} has given no sound for {STALLED_AFTER_S:.0f} s.",
                "Its driver hangs; unplug it and plug it in again.",
            ) from None

    def _cut(self, block: _Block) -> None:
        if block.lost_before:
            level = logging.DEBUG if self._warned else logging.WARNING
            self._warned = True
            log.log(level, "%s: about %d ms lost", self.name, block.lost_before * BLOCK_MS)
        samples = np.frombuffer(block.data, np.int16)
        if self._channels > 1:
            samples = samples.reshape(-1, self._channels)
        self._frames.extend(
            self._cutter.push(samples, block.captured_at_us, gap=block.lost_before > 0)
        )

    def _start(self) -> None:
        global _open_streams
        sounddevice = _sounddevice()
        with _portaudio_lock:
            cards = _scan(sounddevice)
            card = choose(cards, self._wanted, int(sounddevice.default.device[0]))
            many = min(card.channels, _MAX_CHANNELS)
            shapes = [(SAMPLE_RATE, 1), (SAMPLE_RATE, many), (card.rate, 1), (card.rate, many)]
            refusal: Exception | None = None
            for self._rate, self._channels in dict.fromkeys(shapes):
                try:
                    stream = sounddevice.RawInputStream(
                        device=card.index,
                        samplerate=self._rate,
                        channels=self._channels,
                        dtype="int16",
                        blocksize=self._rate * BLOCK_MS // 1000,
                        callback=self._on_block,
                        finished_callback=self._on_finished,
                    )
                except sounddevice.PortAudioError as error:
                    refusal = error
                    continue
                self._cutter = FrameCutter(self._rate)
                try:
                    stream.start()
                except sounddevice.PortAudioError as error:
                    stream.close()
                    refusal = error
                    continue
                self._stream = stream
                self.name = card.name
                _open_streams += 1
                return
        raise MicrophoneError(
            f"The microphone {card.name} cannot be opened: {refusal}.",
            "Another program may be using it.",
        )

    def _on_block(self, data: Any, samples: int, time: Any, status: Any) -> None:
        """Takes a block on PortAudio's own thread; does as little as can be."""
        if len(self._blocks) >= MAX_BLOCKS:
            self._lost_blocks += 1
            return
        length_us = samples * 1_000_000 // self._rate
        delay_us = int((time.currentTime - time.inputBufferAdcTime) * 1e6)
        if delay_us > _MAX_DELAY_US:  # some host APIs leave the capture time at zero
            delay_us = 0
        lost = self._lost_blocks or int(status.input_overflow)
        self._lost_blocks = 0
        captured_at_us = self._clock() - max(length_us, delay_us)
        self._blocks.append(_Block(bytes(data), captured_at_us, lost))
        self._wake()

    def _on_finished(self) -> None:
        self._ended = True
        self._wake()

    def _wake(self) -> None:
        if self._loop is not None and not self._loop.is_closed() and not self._arrived.is_set():
            self._loop.call_soon_threadsafe(self._arrived.set)


def _stop(stream: Any) -> None:
    global _open_streams
    with _portaudio_lock:
        try:
            stream.close(ignore_errors=True)
        finally:
            _open_streams -= 1
