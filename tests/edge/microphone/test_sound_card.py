"""The sound card: choosing one, what is asked of it, and what happens when it fails.

Here PortAudio is played by a fake, for what no card can be made to do on demand; the same adapter
on the real PortAudio is in `test_sound_card_portaudio`.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from edge.microphone.sound_card import (
    BLOCK_MS,
    SoundCard,
    SoundCardMicrophone,
    choose,
    list_microphones,
)
from shared.errors import MicrophoneError
from tests.edge.microphone.conformance import EPOCH_US, loop_clock

CARDS = [
    SoundCard(0, "HDA Intel: ALC257 (hw:0,0)", 2, 44_100),
    SoundCard(2, "USB PnP: Audio (hw:1,0)", 1, 48_000),
    SoundCard(5, "USB PnP: Audio (hw:1,0) dmix", 1, 48_000),
    SoundCard(7, "default", 32, 44_100),
]


@pytest.mark.parametrize(
    ("wanted", "index"),
    [("", 7), ("2", 2), ("alc257", 0), ("usb pnp: audio (hw:1,0)", 2), ("dmix", 5), ("DEFAULT", 7)],
)
def test_a_card_is_chosen_by_index_name_or_part_of_it(wanted: str, index: int) -> None:
    assert choose(CARDS, wanted, default=7).index == index


def test_without_a_default_the_first_card_is_taken() -> None:
    assert choose(CARDS, "", default=-1).index == 0


@pytest.mark.parametrize(
    ("wanted", "words"), [("USB", "several"), ("bath", "no microphone 'bath'")]
)
def test_a_name_that_fits_none_or_several_is_told_with_what_fits(wanted: str, words: str) -> None:
    with pytest.raises(MicrophoneError, match=words) as caught:
        choose(CARDS, wanted, default=7)
    assert "2: USB PnP" in str(caught.value)


def test_a_machine_without_microphones_says_so() -> None:
    with pytest.raises(MicrophoneError, match="No microphone is plugged in"):
        choose([], "", default=-1)


# On a fake PortAudio


class PortAudioError(Exception):
    """What sounddevice raises."""


class FakeStream:
    """sounddevice's RawInputStream, fed by the test."""

    def __init__(self, arguments: dict[str, Any]) -> None:
        self.arguments = arguments
        self.started = self.closed = False

    def start(self) -> None:
        self.started = True

    def close(self, ignore_errors: bool = True) -> None:
        self.closed = True
        self.end()

    def feed(self, samples: Any, *, age_s: float = 0.02, overflow: bool = False) -> None:
        block = np.asarray(samples, np.int16)
        times = SimpleNamespace(currentTime=100.0, inputBufferAdcTime=100.0 - age_s)
        status = SimpleNamespace(input_overflow=overflow)
        self.arguments["callback"](block.tobytes(), len(block), times, status)

    def end(self) -> None:
        self.arguments["finished_callback"]()


class FakePortAudio(SimpleNamespace):
    """As much of the module sounddevice as the adapter uses; `takes` says what the card can."""

    def __init__(self, takes: Callable[[int, int], bool] = lambda rate, channels: True) -> None:
        super().__init__(PortAudioError=PortAudioError, default=SimpleNamespace(device=[0, -1]))
        self.takes = takes
        self.streams: list[FakeStream] = []
        self.asked: list[tuple[int, int]] = []
        self.cards = [
            {
                "index": 0,
                "name": "Array",
                "max_input_channels": 4,
                "default_samplerate": 48_000.0,
            },
            {
                "index": 1,
                "name": "Speaker",
                "max_input_channels": 0,
                "default_samplerate": 48_000.0,
            },
        ]
        self.initialised = 1

    def _terminate(self) -> None:
        self.initialised -= 1
        assert not [stream for stream in self.streams if not stream.closed]

    def _initialize(self) -> None:
        self.initialised += 1
        self.known = list(self.cards)

    def query_devices(self) -> list[dict[str, Any]]:
        return self.known

    def RawInputStream(self, **arguments: Any) -> FakeStream:  # noqa: N802 - sounddevice's name
        shape = (arguments["samplerate"], arguments["channels"])
        self.asked.append(shape)
        if not self.takes(*shape):
            raise PortAudioError("Invalid sample rate [PaErrorCode -9997]")
        self.streams.append(FakeStream(arguments))
        return self.streams[-1]


@pytest.fixture
def portaudio(monkeypatch: pytest.MonkeyPatch) -> FakePortAudio:
    fake = FakePortAudio()
    monkeypatch.setitem(sys.modules, "sounddevice", fake)
    return fake


def fixed_clock() -> int:
    return EPOCH_US


async def test_only_cards_that_record_are_listed(portaudio: FakePortAudio) -> None:
    assert [card.name for card in list_microphones()] == ["Array"]


async def test_a_card_plugged_in_later_is_found(portaudio: FakePortAudio) -> None:
    microphone = SoundCardMicrophone(fixed_clock, "new")
    with pytest.raises(MicrophoneError, match="no microphone 'new'"):
        await microphone.open()
    portaudio.cards.append({**portaudio.cards[0], "index": 2, "name": "New"})
    await microphone.open()
    assert microphone.name == "New"
    await microphone.close()


async def test_portaudio_is_not_restarted_under_an_open_stream(portaudio: FakePortAudio) -> None:
    microphone = SoundCardMicrophone(fixed_clock)
    await microphone.open()
    list_microphones()  # the fake asserts
    assert not portaudio.streams[0].closed
    await microphone.close()
    assert portaudio.streams[0].closed


@pytest.mark.parametrize(
    ("takes", "expected"),
    [
        (lambda rate, channels: True, [(16_000, 1)]),
        (lambda rate, channels: channels == 4, [(16_000, 1), (16_000, 4)]),
        (lambda rate, channels: rate > 16_000, [(16_000, 1), (16_000, 4), (48_000, 1)]),
        (
            lambda rate, channels: rate > 16_000 and channels == 4,
            [(16_000, 1), (16_000, 4), (48_000, 1), (48_000, 4)],
        ),
    ],
)
async def test_a_card_is_used_as_it_can_be_used(
    portaudio: FakePortAudio,
    takes: Callable[[int, int], bool],
    expected: list[tuple[int, int]],
) -> None:
    portaudio.takes = takes
    microphone = SoundCardMicrophone(fixed_clock)
    await microphone.open()
    assert portaudio.asked == expected
    rate, channels = expected[-1]
    (stream,) = portaudio.streams
    assert stream.started
    assert stream.arguments["blocksize"] == rate * BLOCK_MS // 1000
    for _ in range(4):
        stream.feed(np.full((rate // 50, channels), 1000))
    frame = await anext(microphone)
    assert frame.pcm.shape == (320,)
    assert abs(int(frame.pcm[200]) - 1000) <= 20
    await microphone.close()


async def test_a_card_that_cannot_be_used_at_all_is_told_with_portaudios_reason(
    portaudio: FakePortAudio,
) -> None:
    portaudio.takes = lambda rate, channels: False
    with pytest.raises(MicrophoneError, match="Array cannot be opened: Invalid sample rate"):
        await SoundCardMicrophone(fixed_clock).open()


@pytest.mark.parametrize(
    ("age_s", "expected_us"), [(0.02, 20_000), (0.055, 55_000), (0.0, 20_000), (100.0, 20_000)]
)
async def test_a_frame_was_captured_as_long_ago_as_portaudio_says(
    portaudio: FakePortAudio, age_s: float, expected_us: int
) -> None:
    """At least a block's length ago; a figure that cannot be is not believed."""
    microphone = SoundCardMicrophone(fixed_clock)
    await microphone.open()
    portaudio.streams[0].feed(np.zeros(320), age_s=age_s)
    age_us = EPOCH_US - (await anext(microphone)).captured_at_us
    assert age_us == pytest.approx(expected_us, abs=1)
    await microphone.close()


async def test_what_the_card_lost_is_not_bridged_and_told_aloud_once(
    portaudio: FakePortAudio, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", "edge.microphone")
    microphone = SoundCardMicrophone(fixed_clock)
    await microphone.open()
    stream = portaudio.streams[0]
    stream.feed(np.full(300, 1))
    stream.feed(np.full(320, 2), overflow=True)
    assert set((await anext(microphone)).pcm) == {2}
    stream.feed(np.full(320, 3), overflow=True)
    assert set((await anext(microphone)).pcm) == {3}
    assert [record.levelname for record in caplog.records if "lost" in record.message] == [
        "WARNING",
        "DEBUG",
    ]
    await microphone.close()


async def test_what_was_heard_before_the_card_went_away_is_given_first(
    portaudio: FakePortAudio,
) -> None:
    microphone = SoundCardMicrophone(fixed_clock)
    await microphone.open()
    portaudio.streams[0].feed(np.full(320, 7))
    portaudio.streams[0].end()
    assert set((await anext(microphone)).pcm) == {7}
    with pytest.raises(MicrophoneError, match="gone away"):
        await anext(microphone)
    await microphone.open()
    assert portaudio.streams[0].closed
    portaudio.streams[1].feed(np.full(320, 8))
    assert set((await anext(microphone)).pcm) == {8}
    await microphone.close()


async def test_closing_ends_a_reader_that_waits(portaudio: FakePortAudio) -> None:
    microphone = SoundCardMicrophone(fixed_clock)
    await microphone.open()

    async def read_all() -> list[Any]:
        return [frame async for frame in microphone]

    reader = asyncio.create_task(read_all())
    await asyncio.sleep(0)
    await microphone.close()
    assert await reader == []
    await microphone.close()


@pytest.mark.looptime
async def test_a_card_that_is_open_and_gives_nothing_has_hung(portaudio: FakePortAudio) -> None:
    microphone = SoundCardMicrophone(loop_clock)
    await microphone.open()
    portaudio.streams[0].feed(np.zeros(320))
    await anext(microphone)
    with pytest.raises(MicrophoneError, match="no sound for 3 s"):
        await anext(microphone)
    await microphone.close()


def test_a_missing_portaudio_is_told_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    class Finder:
        def find_spec(self, name: str, path: Any, target: Any = None) -> None:
            if name == "sounddevice":
                raise OSError("PortAudio library not found")

    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Finder(), *sys.meta_path])
    with pytest.raises(MicrophoneError, match="apt install libportaudio2"):
        list_microphones()


def test_a_missing_package_is_told_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(MicrophoneError, match=r"mira-voice\[edge\]"):
        list_microphones()
