"""What people do on this device: kept until a hub has answered, in the order in which it was done.

That listening is switched is not kept here: only the newest wish counts, and it is said anew on
each connection (`edge.daemon`).
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import suppress

from edge.replica import Replica
from shared.clock import Clock
from shared.errors import Fault, LimitExceededError, MiraError, StoreError
from shared.wire.fields import Message
from shared.wire.network import Change, ChangeApplied, ChangeRefused, Deed, LastingDeed

MOST_WAITING = 1000
"""Nobody does more by hand before a hub is there again."""


class ChangeRefusedError(MiraError):
    """The hub did not do what was wanted."""

    code = "CHANGE_REFUSED"
    fault = Fault.PERSON


class Changes:
    """The device's changes.

    Args:
        replica: keeps them.
        clock: the device's clock.
    """

    def __init__(self, replica: Replica, clock: Clock) -> None:
        self._replica = replica
        self._clock = clock
        self._last = replica.last_change
        self._waiting = {change.client_seq: change for change in replica.changes()}
        self._keeping: set[int] = set()  # what is just being written
        self._answers: dict[int, asyncio.Future[ChangeApplied | ChangeRefused]] = {}

    @property
    def waiting(self) -> list[Change]:
        """What is on disk and no hub has answered, the oldest first."""
        return [change for seq, change in self._waiting.items() if seq not in self._keeping]

    def make(self, deed: Deed, made_at_us: int | None = None) -> Change:
        """A change with a number of its own, which a person made then; None: now.

        Numbers come from the clock, so that a device that lost its copy does not use one again.
        """
        now = self._clock()
        self._last = max(self._last + 1, now)
        made_at_us = now if made_at_us is None else made_at_us
        return Change(client_seq=self._last, made_at_us=made_at_us, deed=deed)

    async def do(
        self, deed: LastingDeed, send: Callable[[Iterable[Message]], None], patience_s: float
    ) -> bool:
        """Keeps a change, sends it if there is a hub, and waits a little for the answer.

        Returns:
            Whether the hub has done it; if not, it does it later.

        Raises:
            ChangeRefusedError: the hub does not do it.
            LimitExceededError: too many wait already.
            StoreError: it cannot be kept.
        """
        if len(self._waiting) >= MOST_WAITING:
            raise LimitExceededError(
                f"{MOST_WAITING} changes wait for a hub already.", "Connect the device to one."
            )
        change = self.make(deed)
        seq = change.client_seq
        self._waiting[seq] = change
        self._keeping.add(seq)  # a connection that is made meanwhile does not send it yet
        answer = self._answers[seq] = asyncio.get_running_loop().create_future()
        try:
            await asyncio.to_thread(self._replica.keep_change, change)
        except sqlite3.Error as error:
            del self._waiting[seq], self._answers[seq]
            raise StoreError(
                f"It cannot be kept: {error}.", "Is the device's disk full? Nothing was changed."
            ) from error
        finally:
            self._keeping.discard(seq)
        send([change])
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(patience_s):
                    said = await answer
                    if isinstance(said, ChangeRefused):
                        raise ChangeRefusedError(said.message)
                    return True
            return False
        finally:
            self._answers.pop(seq, None)

    def waits(self, client_seq: int) -> bool:
        """Whether an answer to this is waited for, so that it is to go to `Replica.apply`."""
        return client_seq in self._waiting

    def answered(self, answer: ChangeApplied | ChangeRefused) -> None:
        """The hub has answered, and the replica knows."""
        self._waiting.pop(answer.client_seq, None)
        waiting = self._answers.get(answer.client_seq)
        if waiting is not None and not waiting.done():
            waiting.set_result(answer)
