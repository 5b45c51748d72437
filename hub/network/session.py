"""One device's connection: greeting, limits, clock, errors. What is said goes to the room."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from hub import metrics
from hub.sync.cursor import Cursor
from shared.clock import Clock, ClockEstimator, ClockMapping
from shared.errors import (
    Fault,
    HelloExpectedError,
    MalformedMessageError,
    MiraError,
    StoreError,
    UnsupportedVersionError,
    WireError,
)
from shared.outbox import Outbox
from shared.tasks import until_first_ends
from shared.wire.audio import AudioFrame
from shared.wire.channel import Channel, ChannelClosedError
from shared.wire.codec import DeviceMessage, decode_device, encode
from shared.wire.fields import MIN_PROTOCOL_VERSION, PROTOCOL_VERSION, Message
from shared.wire.session import ClockProbe, ClockReply, Error, Heartbeat, Hello

if TYPE_CHECKING:
    from hub.network.room import Room

log = logging.getLogger(__name__)

HELLO_TIMEOUT_S = 10.0
SILENCE_TIMEOUT_S = 15.0
"""A device that says nothing for this long is gone."""
FIRST_PROBES = 4
PROBE_INTERVAL_S = 10.0
MAX_OUTBOX_BYTES = 1024 * 1024
"""Of what a device has not taken yet; with more it is too slow, and resumes later."""
UNSURE_US = 250_000
"""A clock that is known worse than this says too little of who heard the same."""
SURE_WITHIN_US = 10_000_000
"""So long after it connected a device's clock may become better known: a hub that has just started
is busy, and the first probes take long."""
MOST_EARLY = 1024
"""So many messages of a device wait until its clock is known; it offers 128 utterances at once."""
MOST_EARLY_BYTES = 8 * 1024 * 1024
"""No more than that either: an utterance of half a minute is offered with some 40 KB."""
MAX_ERRORS = 100
"""So many more broken messages than good ones are hopeless."""

CLOSE_POLICY = 1008
CLOSE_INTERNAL = 1011
CLOSE_REVOKED = 4401
CLOSE_REPLACED = 4409
CLOSE_TOO_SLOW = 4408
CLOSE_GOING_AWAY = 1001


class Session:
    """One connection of one device.

    Args:
        channel: the connection.
        room: the network it belongs to.
        token_id: of the token that let it in.
        client_id: who the token says it is.
        observer: holds a network token: hears everything, offers no utterances.
        clock: the hub's clock.
        opened_us: when the connection was made, by that clock.
    """

    def __init__(
        self,
        channel: Channel,
        room: Room,
        client_id: str,
        *,
        token_id: str,
        observer: bool,
        clock: Clock,
        opened_us: int,
    ) -> None:
        self.room = room
        self.token_id = token_id
        self.client_id = client_id
        self.observer = observer
        self.outbox = Outbox(max_bytes=MAX_OUTBOX_BYTES)
        self.cursor = Cursor(0)
        self.monitor = False
        self.hears = False  # has a microphone
        self.speaks = False  # says aloud what is due
        self.listening = False
        self.acked = 0  # seq up to which events are in the device's replica
        self.stored_id: str | None = None  # of its row in the store; None: not there (yet)
        self.snapshot: tuple[int, str] | None = None  # up to which seq, where it goes on
        self._channel = channel
        self._clock = clock
        self._opened_us = opened_us
        self._estimator = ClockEstimator()
        self._early: list[DeviceMessage | AudioFrame] = []  # said before its clock was known
        self._early_bytes = 0  # of all that it said
        self._patient = True  # whether they wait for that
        self._errors = 0
        self._close: tuple[int, str] | None = None
        self._closing = asyncio.Event()
        self._catch_up = asyncio.Event()
        self._probe_answered = asyncio.Event()
        self._probe_sent_us: int | None = None  # its id, too; only the newest may be answered

    @property
    def mapping(self) -> ClockMapping:
        """The device's clock as known by now."""
        return self._estimator.mapping or ClockMapping(0, 3_600_000_000)

    def send(self, message: Message) -> None:
        """Puts a message into the outbox; a device that is too slow is disconnected."""
        self.send_text(encode(message))

    def send_text(self, text: str) -> None:
        """As `send`, for a message that is encoded once for many."""
        if not self.outbox.put(text):
            self.close(CLOSE_TOO_SLOW, "too slow")

    def close(self, code: int, reason: str) -> None:
        """Ends the connection soon."""
        self._close = self._close or (code, reason)
        self._closing.set()

    def offer_event(self, seq: int, text: str) -> None:
        """Passes a new event on, or has the log read when something before it is missing."""
        if self.cursor.offer(seq):
            self.send_text(text)
        elif not self.cursor.live:
            self._catch_up.set()

    def notice(self, newest: int) -> None:
        """Has the log read when there is something in it that was not sent."""
        self.cursor.notice(newest)
        if not self.cursor.live:
            self._catch_up.set()

    async def run(self) -> None:
        """Serves the connection to its end. Never raises for what the device does."""
        try:
            hello = await self._greet()
            if hello is None:
                return
            async with self.room.present(self, hello):
                await self._serve()
        except ChannelClosedError as closed:
            log.debug("%s: connection closed (%s)", self.client_id, closed)
        except MiraError as error:
            # The hub's own trouble, such as a store that fails: the device connects again.
            log.warning("%s: connection given up: %s", self.client_id, error)
            self._close = self._close or (CLOSE_INTERNAL, error.code)
        finally:
            code, reason = self._close or (CLOSE_GOING_AWAY, "")
            if self._close:
                metrics.DISCONNECTED.labels(code).inc()
            await self._channel.close(code, reason)

    async def _greet(self) -> Hello | None:
        try:
            async with asyncio.timeout(HELLO_TIMEOUT_S):
                hello = decode_device(await self._channel.receive())
            if not isinstance(hello, Hello):
                raise HelloExpectedError("The first message has to be hello.")
            if hello.version < MIN_PROTOCOL_VERSION or hello.min_version > PROTOCOL_VERSION:
                raise UnsupportedVersionError(
                    f"This hub speaks versions {MIN_PROTOCOL_VERSION} to {PROTOCOL_VERSION}, "
                    f"the device {hello.min_version} to {hello.version}.",
                    "Update the older of the two.",
                )
        except TimeoutError:
            self._close = (CLOSE_POLICY, "no hello came")
            return None
        except WireError as error:
            await self._channel.send(encode(_error_message(error)))
            self._close = (CLOSE_POLICY, error.code)
            return None
        self._estimator.hello(hello.device_time_us, self._opened_us, self._clock())
        self.cursor = Cursor(hello.cursor)
        self.acked = hello.cursor
        self.monitor = "monitor" in hello.capabilities
        self.hears = "microphone" in hello.capabilities and not self.observer
        self.speaks = "announcements" in hello.capabilities and not self.observer
        self.listening = hello.listening
        return hello

    async def _serve(self) -> None:
        """Runs the connection's tasks until one of them ends."""
        await until_first_ends(
            self._receive(),
            self.outbox.drain(self._channel),
            self._probe_clock(),
            self._read_log(),
            self._closing.wait(),
        )

    async def _receive(self) -> None:
        while True:
            try:
                async with asyncio.timeout(SILENCE_TIMEOUT_S):
                    data = await self._channel.receive()
            except TimeoutError:
                self.close(CLOSE_POLICY, "silent for too long")
                return
            async with self._minding():
                self._take(decode_device(data))
                self._early_bytes += len(data)
            while self._early and not self._waits:
                message = self._early.pop(0)
                async with self._minding():
                    await self.room.take(self, message)
                    self._errors = max(0, self._errors - 1)
            if self._errors >= MAX_ERRORS:
                self.close(CLOSE_POLICY, "too many errors")
                return

    @property
    def _waits(self) -> bool:
        """Whether what it says waits until its clock is known, for when things were matters.

        Not for ever, though: a link may be slow, and a device may answer no probe.
        """
        bearable = len(self._early) < MOST_EARLY and self._early_bytes < MOST_EARLY_BYTES
        self._patient &= self._unsure and bearable
        return self._patient

    @property
    def _unsure(self) -> bool:
        """Whether its clock is known badly, and may be better soon."""
        early = self._clock() < self._opened_us + SURE_WITHIN_US
        return early and self.mapping.uncertainty_us > UNSURE_US

    @asynccontextmanager
    async def _minding(self) -> AsyncIterator[None]:
        """What is wrong with a message is told to the device."""
        try:
            yield
        except StoreError as error:
            if error.fault is not Fault.PERSON:
                raise  # the device connects again, and says again what is not done
            self._refuse(error)
        except MiraError as error:
            self._refuse(error)

    def _refuse(self, error: MiraError) -> None:
        self._errors += 1
        log.debug("%s: %s", self.client_id, error)
        self.send(_error_message(error))

    def _take(self, message: DeviceMessage | AudioFrame) -> None:
        if isinstance(message, Hello):
            raise WireError("hello was said already.")
        if isinstance(message, ClockReply):
            if message.probe_id != self._probe_sent_us:
                raise MalformedMessageError("No clock probe with this id waits for an answer.")
            self._probe_sent_us = None
            self._estimator.reply(
                message.probe_id, message.received_at_us, message.sent_at_us, self._clock()
            )
            self._probe_answered.set()
        elif not isinstance(message, Heartbeat):
            self._early.append(message)
            return
        self._errors = max(0, self._errors - 1)

    async def _probe_clock(self) -> None:
        """Some probes at once, for the clock is wanted with the first utterance, then now and
        then, for clocks drift."""
        count = 0
        while True:
            self._probe_answered.clear()
            now = self._clock()
            self._probe_sent_us = now
            self.send(ClockProbe(probe_id=now, sent_at_us=now))
            count += 1
            with suppress(TimeoutError):
                async with asyncio.timeout(PROBE_INTERVAL_S):
                    await self._probe_answered.wait()
                    if count >= FIRST_PROBES and not self._unsure:
                        await asyncio.Event().wait()

    async def _read_log(self) -> None:
        while True:
            while not self.cursor.live:
                await self.outbox.wait_half_empty()
                await self.room.members.read_log(self)
            await self._catch_up.wait()
            self._catch_up.clear()


def _error_message(error: MiraError) -> Error:
    return Error(code=error.code, message=str(error)[:4096], details=error.details)
