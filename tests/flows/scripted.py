"""A device that speaks the protocol by hand, for what real devices never do."""

from __future__ import annotations

import asyncio
import time
from typing import TypeVar

from edge.candidate import Candidate
from shared.audio import FRAME_SAMPLES, Pcm
from shared.clock import Clock
from shared.ids import new_id
from shared.wire.channel import Channel
from shared.wire.codec import HubMessage, decode_hub, encode
from shared.wire.fields import Message
from shared.wire.session import ClockProbe, ClockReply, ConnectionEstablished, Hello
from shared.wire.utterance import Release, SendAudio

M = TypeVar("M", bound=Message)

PATIENCE_S = 10.0


def _wall_clock() -> int:
    return time.time_ns() // 1000


class ScriptedDevice:
    """Sends what it is told and answers clock probes; keeps what the hub said.

    Args:
        channel: its connection.
        clock: the device's clock.
    """

    def __init__(self, channel: Channel, clock: Clock = _wall_clock) -> None:
        self.channel = channel
        self.clock = clock
        self.said: list[HubMessage] = []  # by the hub, probes left out

    async def greet(self, cursor: int = 0, **changes: object) -> ConnectionEstablished:
        """Says hello and waits for the answer."""
        hello = {
            "version": 1,
            "min_version": 1,
            "software": "scripted",
            "device_time_us": self.clock(),
            "cursor": cursor,
            "capabilities": ["microphone"],
        }
        await self.send(Hello(**(hello | changes)))  # type: ignore[arg-type]
        return await self.expect(ConnectionEstablished)

    async def send(self, *messages: Message) -> None:
        """Sends messages."""
        for message in messages:
            await self.channel.send(encode(message))

    async def send_raw(self, data: str | bytes) -> None:
        """Sends anything."""
        await self.channel.send(data)

    async def expect(self, kind: type[M]) -> M:
        """The next message of a kind; what comes before it is kept in `said`."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                message = await self.receive()
                if isinstance(message, kind):
                    return message

    async def receive(self) -> HubMessage:
        """The next message that is no clock probe."""
        while True:
            message = decode_hub(await self.channel.receive())
            if not isinstance(message, ClockProbe):
                self.said.append(message)
                return message
            now = self.clock()
            await self.send(
                ClockReply(probe_id=message.probe_id, received_at_us=now, sent_at_us=now)
            )

    def just_heard(self, pcm: Pcm) -> Candidate:
        """An utterance that ended this moment."""
        candidate = Candidate(new_id(), self.clock() - len(pcm) * 1000 // 16, 0)
        for start in range(0, len(pcm) - FRAME_SAMPLES + 1, FRAME_SAMPLES):
            candidate.add(pcm[start : start + FRAME_SAMPLES], True)
        candidate.end("endpoint")
        return candidate

    async def offer(self, candidate: Candidate, *, reoffered: bool = False) -> None:
        """Offers a whole utterance."""
        await self.send(*candidate.started(reoffered=reoffered), candidate.ended_message())

    async def deliver(self, candidate: Candidate) -> None:
        """Sends an utterance's audio as soon as it is asked for."""
        asked = await self.expect(SendAudio)
        assert asked.utterance_id == candidate.utterance_id
        candidate.sending, candidate.sent = True, asked.from_sample
        while (frame := candidate.audio()) is not None:
            await self.channel.send(frame.encode())

    async def speak(self, pcm: Pcm) -> str:
        """Offers what was just heard, sends it, and waits for its release."""
        candidate = self.just_heard(pcm)
        await self.offer(candidate)
        await self.deliver(candidate)
        released = await self.expect(Release)
        assert released.utterance_id == candidate.utterance_id
        return candidate.utterance_id
