"""The microphone daemon: owns the ear, the link, the replica and what surrounds them."""

from __future__ import annotations

import asyncio
import importlib.metadata
import logging
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Literal

import msgspec

from edge.changes import Changes
from edge.control import AskChange, AskLend, AskListening, DaemonUnreachableError, Question, Status
from edge.ear import Ear
from edge.event_queue import EventQueue
from edge.hub_finder import HubFinder
from edge.hub_link import Connect, HubLink
from edge.microphone.microphone import Microphone
from edge.own_voice import OwnVoice
from edge.reminding import Reminding
from edge.replica import Replica, Scope, Switches, Written
from edge.spooler import Spooler
from edge.switching import Switching
from shared.clock import Clock
from shared.errors import MicrophoneError, WireError
from shared.logs import Trouble
from shared.tasks import until_first_ends
from shared.wire.audio import AudioFrame
from shared.wire.codec import HubMessage
from shared.wire.events import Ack, Event, ReminderDue, ResyncRequired, Snapshot
from shared.wire.fields import MIN_PROTOCOL_VERSION, PROTOCOL_VERSION, Message
from shared.wire.network import ChangeApplied, ChangeRefused
from shared.wire.session import (
    ClientStatus,
    ClockProbe,
    ClockReply,
    ConnectionEstablished,
    Error,
    Hello,
)
from shared.wire.utterance import Release, SendAudio, StopAudio

log = logging.getLogger(__name__)

MicrophoneState = Literal["open", "closed", "lost"]
REOPEN_S = 2.0
"""How often a microphone that went away is looked for."""
REWRITE_S = 5.0
"""How often a replica that cannot be written is tried again."""
OBEYED_WITHIN_S = 2.0
"""How long a person who switches listening waits at most to see it switched."""
IDLE_PULSE_S = 1.0
"""How often the audio loop shows that it moves while the microphone is closed."""


class Daemon:
    """One device.

    Args:
        client_id: who it is in its network.
        ear: turns frames into what to say.
        microphone: what it listens to.
        replica: its copy of the network's events.
        finder: where hubs are.
        connect: opens a channel to one.
        clock: the device's clock.
        pulse: called by the audio loop whenever it moved.
        on_listening: told when the microphone opens or closes.
        spooler: puts on disk what no hub takes; None: memory alone holds it.
        reminding: says what is due.
    """

    def __init__(
        self,
        *,
        client_id: str,
        ear: Ear,
        microphone: Microphone,
        replica: Replica,
        finder: HubFinder,
        connect: Connect,
        clock: Clock,
        pulse: Callable[[], None] = lambda: None,
        on_listening: Callable[[bool], None] = lambda _: None,
        spooler: Spooler | None = None,
        reminding: Reminding | None = None,
    ) -> None:
        self._client_id = client_id
        self._ear = ear
        self._microphone = microphone
        self._clock = clock
        self._pulse = pulse
        self._on_listening = on_listening
        self._spooler = spooler
        self._reminding = reminding or Reminding(client_id, replica)
        self.replica = replica
        self.link = HubLink(self, finder, connect)
        self._own_voice = OwnVoice(ear, self.link.send)
        self.microphone_state: MicrophoneState = "closed"
        self._lent_until_s = 0.0  # the loop's time
        self._said_to_write = EventQueue[Written]()
        self._changes = Changes(replica, clock)
        self._switching = Switching(client_id, replica, self._changes)

    # Life

    async def run(self) -> None:
        """Listens and stays connected until it is cancelled; closes the microphone then."""
        try:
            remind = self._reminding.run(self._own_voice.speaking)
            jobs = [self._listen(), self.link.run(), self._write_events(), remind]
            if self._spooler:
                jobs.append(self._spooler.run(lambda: self.link.connected, self.link.send))
            await until_first_ends(*jobs)
        finally:
            await self._microphone.close()
            self._spool()

    def _spool(self) -> None:
        if self._spooler:
            self._spooler.close()

    @property
    def listening(self) -> bool:
        """Whether the device is to listen."""
        return self._switching.listening

    def status(self) -> Status:
        """What it does now, for people."""
        return Status(
            name=self._client_id,
            hub=self.link.address,
            trouble=self.link.trouble,
            listening=self.listening,
            network_listening=self._switching.in_force.network,
            microphone=self.microphone_state,
            speech=self._ear.candidates.live is not None,
            held=len(self._ear.candidates.held),
            dropped=self._ear.candidates.dropped,
            cursor=self.replica.cursor,
            waiting=len(self._changes.waiting),
            refused=self.replica.refused,
            unremembered=self._switching.unremembered,
        )

    async def answer(self, question: Question) -> Status:
        """What a person asks or wants, on the control socket."""
        if isinstance(question, AskListening):
            self.set_listening(question.listening, question.scope)
            with suppress(TimeoutError):  # then the status shows what is still missing
                async with asyncio.timeout(OBEYED_WITHIN_S):
                    await self._obeyed(question)
            if question.scope == "network" and not self._switching.confirmed("network"):
                raise DaemonUnreachableError(
                    "The hub has not confirmed it yet, so the others may not know.",
                    f"It is told as soon as it answers; here, the microphone is "
                    f"{self.microphone_state}.",
                )
        if isinstance(question, AskLend):
            await self._lend(question.seconds)
        if isinstance(question, AskChange):
            done = await self._changes.do(question.deed, self.link.send, OBEYED_WITHIN_S)
            return msgspec.structs.replace(self.status(), done=done)
        return self.status()

    async def _lend(self, seconds: float) -> None:
        """Closes the microphone for another program, which a person runs here, or opens it again.

        It is opened by itself when the time is over, whatever became of the other program.

        Raises:
            DaemonUnreachableError: listening is off, so that nobody may have it.
        """
        if seconds and not self.listening:
            raise DaemonUnreachableError(
                "Listening is off.", "Switch it on first: mira-edge listening on"
            )
        self._lent_until_s = asyncio.get_running_loop().time() + seconds
        self._switching.switched.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(OBEYED_WITHIN_S):
                while seconds and self.microphone_state != "closed":
                    self._switching.moved.clear()
                    await self._switching.moved.wait()

    @property
    def _hears(self) -> bool:
        """Whether the microphone is to be open: it is not while it is lent."""
        return self.listening and asyncio.get_running_loop().time() >= self._lent_until_s

    async def _obeyed(self, wish: AskListening) -> None:
        while True:
            self._switching.moved.clear()
            switches = self._switching.in_force
            switched = switches.network if wish.scope == "network" else switches.client
            told = wish.scope == "client" or self._switching.confirmed("network")
            closed = self.microphone_state == "closed"
            if told and switched == wish.listening and closed != self.listening:
                return
            await self._switching.moved.wait()

    def set_listening(self, listening: bool, scope: Scope) -> None:
        """A person at this device switches listening.

        The device itself obeys at once and tells the hub as soon as there is one.
        """
        self.link.send([self._switching.choose(listening, scope)])

    # The link's owner

    def hello(self) -> Hello:
        """The greeting."""
        return Hello(
            version=PROTOCOL_VERSION,
            min_version=MIN_PROTOCOL_VERSION,
            software=f"mira-edge {importlib.metadata.version('mira-voice')}",
            device_time_us=self._clock(),
            cursor=self.replica.cursor,
            capabilities=["microphone", *(["announcements"] if self._reminding.speaks else [])],
            held=self._ear.candidates.held[-1024:],
            listening=self.microphone_state == "open",
        )

    def established(self, message: ConnectionEstablished) -> Iterable[Message]:
        """The hub answered: settings first, then everything that is held.

        Raises:
            WireError: the hub takes us for another device, or its log is shorter than our copy
                of it: it lost its data.
        """
        if message.client_id != self._client_id:
            # It would take no notice of what is said to it, "off" included.
            raise WireError(
                f"The token is that of {message.client_id}, and [hub] client_id is another.",
                "Set client_id to what the hub printed with the token.",
            )
        if message.cursor < self.replica.cursor:
            self.replica.clear()
            raise WireError("The hub's log is behind our copy: our copy starts anew.")
        self._said_to_write.begin()
        hub = message.settings
        wishes = self._switching.established(Switches(hub.listening, hub.client_listening))
        self._ear.candidates.forget(message.released)
        changes = [*self._changes.waiting, *wishes]
        return [self._status_message(), *changes, *self._ear.candidates.offer_all()]

    def removed(self) -> None:
        """The hub says that the device belongs to the network no more: it forgets all of it."""
        if self._switching.removed:
            return
        log.warning("this device was removed from its network, and forgets what it knows of it")
        self._said_to_write.begin()
        try:
            self.replica.forget_network()
        except sqlite3.Error as error:
            log.error("the device's copy of its network cannot be emptied: %s", error)
        self._switching.remove()

    def received(self, message: HubMessage) -> Iterable[Message]:
        """What to answer."""
        match message:
            case ClockProbe():
                now = self._clock()
                return [ClockReply(probe_id=message.probe_id, received_at_us=now, sent_at_us=now)]
            case SendAudio() | StopAudio() | Release():
                messages = self._ear.candidates.take(message)
                self._hurry()
                return messages
            case _ if isinstance(message, Event):
                self._said_to_write.put(message)
                self._switching.obey(message)
            case ResyncRequired():
                log.info("this device was away for long: its copy is made anew")
                self._said_to_write.put(message)
            case Snapshot():
                self._said_to_write.put(message, weight=len(message.rows))
                for row in message.rows:
                    self._switching.obey(row)
            case ChangeApplied() | ChangeRefused():
                if isinstance(message, ChangeRefused):
                    log.warning("the hub refuses a change: %s", message.message)
                if self._changes.waits(message.client_seq):
                    self._said_to_write.put(message)
                self._switching.answered(message)
            case Error():
                log.warning("the hub could not use a message: %s %s", message.code, message.message)
            case _:
                pass  # who was elected, partial text, who came and went: for devices that show it
        return []

    async def ready(self) -> None:
        """Waits until more can be taken; a slow disk slows the hub."""
        await self._said_to_write.wait_for_room()

    def audio(self) -> AudioFrame | None:
        """The next audio to send."""
        frame = self._ear.candidates.audio()
        if frame is None:
            self._hurry()
        return frame

    def _hurry(self) -> None:
        if self._spooler:
            self._spooler.hurry()

    # Its tasks

    async def _write_events(self) -> None:
        """Puts what the hub said into the replica, what came together in one commit, and acks."""
        trouble, now_s = Trouble(log, "the replica"), asyncio.get_running_loop().time
        while True:
            said = await self._said_to_write.take()
            while True:
                try:
                    cursor = await asyncio.to_thread(self.replica.apply, said)
                    break
                except sqlite3.Error as error:  # a full disk; what is not applied is not acked
                    trouble.failed(error, now_s())
                    await asyncio.sleep(REWRITE_S)
            trouble.recovered(now_s())
            for message in said:
                if isinstance(message, ChangeApplied | ChangeRefused):
                    self._changes.answered(message)
                if isinstance(message, ReminderDue):
                    self._reminding.look()
            self.link.send([Ack(cursor=cursor)])
            if left_out := self._said_to_write.left_out:
                self.link.leave(f"the disk was too slow for {left_out} events, which come again")

    async def _listen(self) -> None:
        """The audio loop: opens the microphone while the device is to listen."""
        trouble = Trouble(log, f"microphone {self._microphone.name}")
        loop = asyncio.get_running_loop()
        while True:
            self._switching.switched.clear()
            if not self._hears:
                self._set_microphone("closed")
                if self._switching.removed:
                    self._ear.candidates.forget_all()
                await self._wait_for_switch(IDLE_PULSE_S)
                continue
            try:
                await self._microphone.open()
                trouble.recovered(loop.time())
                self._set_microphone("open")
                await until_first_ends(self._hear(), self._wait_until_off())
            except MicrophoneError as error:
                trouble.failed(error, loop.time())
                self._set_microphone("lost")
            except asyncio.CancelledError:
                self._ear.close()
                self._spool()  # before a driver that hangs in closing can keep it from the disk
                raise
            finally:
                await self._microphone.close()
                self.link.send(self._ear.close())
            if self.microphone_state == "lost":
                await self._wait_for_switch(REOPEN_S)

    async def _hear(self) -> None:
        async for frame in self._microphone:
            if not self._own_voice.sounds and (messages := self._ear.hear(frame)):
                self.link.send(messages)
            self._pulse()

    async def _wait_until_off(self) -> None:
        while self._hears:
            self._switching.switched.clear()
            await self._switching.switched.wait()

    async def _wait_for_switch(self, seconds: float) -> None:
        self._pulse()
        try:
            async with asyncio.timeout(seconds):
                await self._switching.switched.wait()
        except TimeoutError:
            pass

    def _set_microphone(self, state: MicrophoneState) -> None:
        if state != self.microphone_state:
            self.microphone_state = state
            self._switching.moved.set()
            log.info("the microphone is %s", state)
            self._on_listening(state == "open")
            self.link.send([self._status_message()])

    def _status_message(self) -> ClientStatus:
        return ClientStatus(
            microphone=self.microphone_state,
            utterances_dropped=self._ear.candidates.dropped,
        )
