"""Whether the device listens: what its network says, and over it what a person here chose since.

A choice made here is obeyed at once, kept over restarts, and told to the hub until it confirms it.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable

from edge.changes import Changes
from edge.replica import Replica, Scope, Switches
from shared.wire.events import ClientChanged, Event, SettingsChanged
from shared.wire.network import Change, ChangeApplied, ChangeRefused, SetListening

log = logging.getLogger(__name__)

SCOPES: tuple[Scope, ...] = ("network", "client")


class Switching:
    """The device's switches.

    Args:
        client_id: whose.
        replica: keeps them for the next start.
        changes: gives numbers to what the hub is told.
    """

    def __init__(self, client_id: str, replica: Replica, changes: Changes) -> None:
        self._client_id = client_id
        self._replica = replica
        self._changes = changes
        self.in_force = replica.switches
        self._said = self.in_force  # what the hub said last
        # What a person wants and the hub has not confirmed; None: nothing.
        self._pending: dict[Scope, bool | None] = {
            scope: replica.pending(scope) for scope in SCOPES
        }
        self._since_us = {scope: replica.pending_since(scope) for scope in SCOPES}
        self._pending_seq: dict[Scope, int] = {}  # of the last change that was sent
        self.removed = False  # from the network, for good
        self._unkept: dict[str, Callable[[], None]] = {}  # what is still to be written
        self.switched = asyncio.Event()  # whoever waits for it clears it first
        self.moved = asyncio.Event()  # the same; set where a choice was confirmed, too

    @property
    def listening(self) -> bool:
        """Whether the device is to listen."""
        return self.in_force.network and self.in_force.client and not self.removed

    @property
    def unremembered(self) -> bool:
        """Whether the next start may not know what was chosen."""
        return bool(self._unkept)

    def confirmed(self, scope: Scope) -> bool:
        """Whether the hub knows what a person here chose."""
        return self._pending[scope] is None

    def choose(self, listening: bool, scope: Scope) -> Change:
        """A person at this device switches listening; gives what the hub is to be told."""
        change = self._changes.make(SetListening(scope=scope, listening=listening))
        self._pending_seq[scope] = change.client_seq
        self._set_pending(scope, listening, change.made_at_us)
        self._switch(self._wanted())
        return change

    def remove(self) -> None:
        """The device belongs to no network any more: it does not listen."""
        self.removed = True
        self.switched.set()
        self.moved.set()

    # What the hub says

    def established(self, said: Switches) -> list[Change]:
        """A hub answered; gives what it is to be told of what was chosen here."""
        self._said = said
        self._switch(self._wanted())
        wishes = []
        for scope in SCOPES:
            pending = self._pending[scope]
            if pending is not None:
                deed = SetListening(scope=scope, listening=pending)
                wishes.append(self._changes.make(deed, self._since_us[scope]))
                self._pending_seq[scope] = wishes[-1].client_seq
        return wishes

    def obey(self, event: Event) -> None:
        """Switches as the log says, unless a person here said otherwise since."""
        if isinstance(event, SettingsChanged):
            self._said = Switches(event.listening, self._said.client)
        elif isinstance(event, ClientChanged) and event.client_id == self._client_id:
            self._said = Switches(self._said.network, event.listening)
        else:
            return
        self._switch(self._wanted())

    def answered(self, answer: ChangeApplied | ChangeRefused) -> None:
        """The hub has confirmed what was chosen here, or does not want it."""
        for scope in SCOPES:
            if answer.client_seq != self._pending_seq.get(scope):
                continue
            if isinstance(answer, ChangeApplied):
                self._set_pending(scope, None)
            elif self._pending[scope]:  # what was to be off stays off, and is asked for again
                self._set_pending(scope, None)
                self._switch(self._wanted())

    # Parts

    def _wanted(self) -> Switches:
        """What the hub said, and over it what a person here said since.

        That the whole network listens is for the hub to say; that it does not is obeyed at once.
        """
        network, client = self._pending["network"], self._pending["client"]
        return Switches(
            network=self._said.network and network is not False,
            client=self._said.client if client is None else client,
        )

    def _switch(self, switches: Switches) -> None:
        changed = switches != self.in_force
        self.in_force = switches
        self.switched.set()  # first of all: a full disk keeps no microphone open
        self.moved.set()
        if changed:
            self._keep("switches", lambda: self._replica.set_switches(switches))

    def _set_pending(self, scope: Scope, listening: bool | None, made_at_us: int = 0) -> None:
        self._pending[scope], self._since_us[scope] = listening, made_at_us
        self.moved.set()
        self._keep(scope, lambda: self._replica.set_pending(scope, listening, made_at_us))

    def _keep(self, name: str, write: Callable[[], None]) -> None:
        """Writes what the next start should know; where it cannot be, it is tried with the next."""
        self._unkept[name] = write
        try:
            for name in list(self._unkept):
                self._unkept[name]()
                del self._unkept[name]
        except sqlite3.Error as error:
            log.warning("listening cannot be remembered for the next start: %s", error)
