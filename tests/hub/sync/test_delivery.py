"""Log, cursor and outbox together against a model: whatever a device takes, and however often its
connection ends, it gets every event once and in order."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from hub.sync.cursor import Cursor
from shared.outbox import Outbox

AT_ONCE = 3
MOST = 4  # messages in the outbox


class Slow:
    """A channel that takes so many messages as it is allowed to."""

    def __init__(self, device: list[int]) -> None:
        self.allowed = asyncio.Semaphore(0)
        self._device = device

    async def send(self, *messages: str | bytes) -> None:
        for message in messages:
            await self.allowed.acquire()
            self._device.append(int(message))

    async def receive(self) -> str:
        raise AssertionError

    async def close(self, code: int = 1000, reason: str = "") -> None:
        raise AssertionError


class Delivery(RuleBasedStateMachine):
    """One device and its network's log; the hub's side as `Session` and `Members` have it."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.newest = 0
        self.unseen = False  # something was committed elsewhere, and nobody has looked since
        self.device: list[int] = []  # what it has stored
        self.task: asyncio.Task[None] | None = None
        self.outbox: Outbox
        self.cursor: Cursor
        self.channel: Slow
        self.read: list[int] | None = None
        self.connect()

    @property
    def connected(self) -> bool:
        return self.task is not None

    def tick(self) -> None:
        async def some() -> None:
            for _ in range(30):
                await asyncio.sleep(0)

        self.runner.run(some())
        if self.connected and self.outbox.overflown:
            self.disconnect()

    def send(self, seq: int) -> None:
        self.outbox.put(str(seq))

    @rule()
    def connect(self) -> None:
        """Anew; what was on its way is lost."""
        self.disconnect()

        async def begin() -> None:
            self.channel, self.outbox = Slow(self.device), Outbox(max_messages=MOST)
            self.cursor = Cursor(self.device[-1] if self.device else 0)
            self.task = asyncio.ensure_future(self.outbox.drain(self.channel))

        self.runner.run(begin())

    def disconnect(self) -> None:
        """It breaks; what is on its way is lost."""

        async def end() -> None:
            if self.task:
                self.task.cancel()
                with suppress(asyncio.CancelledError):
                    await self.task

        self.runner.run(end())
        self.task = self.read = None

    @rule()
    def commit(self) -> None:
        self.newest += 1
        if self.connected and self.cursor.offer(self.newest):
            self.send(self.newest)
            self.tick()

    @rule()
    def commit_elsewhere(self) -> None:
        """By another process of the hub, which this one notices later."""
        self.newest += 1
        self.unseen = True

    @rule()
    def poll(self) -> None:
        if self.connected:
            self.unseen = False
            self.cursor.notice(self.newest)

    @rule()
    def begin_reading(self) -> None:
        """The log is read as it is now; what is committed before that is sent comes later."""
        if not self.connected:
            self.connect()
        if not self.cursor.live and self.outbox.half_empty and self.read is None:
            self.read = list(range(self.cursor.seq + 1, self.newest + 1))[:AT_ONCE]

    @rule()
    def end_reading(self) -> None:
        if self.read is None:
            return
        last, more = self.cursor.seq, len(self.read) == AT_ONCE
        for seq in self.read:
            if not self.outbox.half_empty:
                more = True
                break
            self.send(seq)
            last = seq
        self.read = None
        self.cursor.read(last, more=more)
        self.tick()

    @rule(count=st.integers(1, 5))
    def take(self, count: int) -> None:
        if self.connected:
            for _ in range(count):
                self.channel.allowed.release()
            self.tick()

    @invariant()
    def nothing_is_missing_or_doubled(self) -> None:
        assert self.device == list(range(1, len(self.device) + 1))

    def teardown(self) -> None:
        """In the end it takes what comes; what was committed here needs no poll to get there."""
        try:
            for _ in range(3 * self.newest + 3):
                if self.unseen or not self.connected:
                    self.poll()
                self.begin_reading()
                self.end_reading()
                self.take(5)
            assert self.device == list(range(1, self.newest + 1))
        finally:
            self.disconnect()
            self.runner.close()


TestDelivery = Delivery.TestCase
TestDelivery.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None, phases=[Phase.generate, Phase.shrink]
)
