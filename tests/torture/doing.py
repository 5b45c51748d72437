"""People who do things at devices, whether a hub is in reach or not."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from random import Random

import msgspec

from edge.control import (
    ANSWER_TIMEOUT_S,
    AskChange,
    AskListening,
    Question,
    Refused,
    Status,
)
from shared.wire.network import CompleteReminder, DeleteInteraction, NamePerson
from tests.torture.history import History
from tests.torture.household import OWN, Member, Network
from tests.torture.operations import Choice, Outcome, Write

OFF_S = 2.0
INTERACTIONS = "SELECT interaction_id, text FROM interactions ORDER BY timestamp DESC LIMIT 20"
PENDING = (
    "SELECT reminder_id, title FROM reminders"
    " WHERE status = 'pending' AND title NOT LIKE ? || '%' ORDER BY random() LIMIT 1"
)


class Person:
    """Somebody at a device.

    Args:
        pause_s: between two deeds, on average.
    """

    def __init__(
        self, network: Network, member: Member, history: History, random: Random, pause_s: float
    ) -> None:
        self._network, self._member, self._history = network, member, history
        self._random, self._pause_s = random, pause_s
        self._name = member.device.name
        self._count = 0

    async def run(self) -> None:
        """Does one thing after the other, for ever."""
        while True:
            await asyncio.sleep(self._random.expovariate(1 / self._pause_s))
            chance = self._random.random()
            if chance < 0.1:
                await self._switch(False)
                await asyncio.sleep(OFF_S * self._random.random())
                await self._switch(True)
            elif chance < 0.2:
                await self._delete()
            elif chance < 0.6:
                await self._complete()
            else:
                await self._rename()

    async def _switch(self, on: bool) -> None:
        choice = Choice(self._op(), self._network.network_id, self._name, on, self._history.now_s())
        await self._ask(choice, AskListening(listening=on))

    async def _delete(self) -> None:
        if found := self._look_up(INTERACTIONS):
            interaction_id, text = self._random.choice(found)
            write = self._write("delete", "interaction", interaction_id, text)
            await self._ask(write, AskChange(deed=DeleteInteraction(interaction_id=interaction_id)))

    async def _complete(self) -> None:
        if found := self._look_up(PENDING, OWN):
            reminder_id, title = found[0]
            write = self._write("complete", "reminder", reminder_id, title)
            await self._ask(write, AskChange(deed=CompleteReminder(reminder_id=reminder_id)))

    async def _rename(self) -> None:
        person_id = self._member.person_id
        write = self._write("change", "person", person_id, "")
        write.value = write.op
        await self._ask(write, AskChange(deed=NamePerson(person_id=person_id, name=write.value)))

    def _op(self) -> str:
        self._count += 1
        return f"{self._name}-{self._count}"

    def _write(self, verb: object, row: object, subject: str, value: str) -> Write:
        return Write(
            self._op(),
            self._name,
            self._network.network_id,
            verb,  # type: ignore[arg-type]
            row,  # type: ignore[arg-type]
            subject,
            value,
            self._history.now_s(),
        )

    def _look_up(self, query: str, *values: str) -> list[tuple[str, str]]:
        """What the person sees: the device's own copy."""
        path = self._member.device.folder / "replica.db"
        try:
            with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
                return database.execute(query, values).fetchall()
        except sqlite3.Error:
            return []  # its disk is full

    async def _ask(self, operation: Write | Choice, question: Question) -> None:
        self._history.begin(operation)
        outcome, why = await ask(self._member, question)
        self._history.end(operation, outcome, why)


async def ask(member: Member, question: Question) -> tuple[Outcome, str]:
    """Asks a daemon something; what came of it, and why."""
    try:
        reader, writer = await asyncio.open_unix_connection(member.device.control)
    except OSError as error:
        return "refused", str(error)  # nobody has heard it
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            writer.write(msgspec.json.encode(question) + b"\n")
            line = await reader.readline()
        try:
            status = msgspec.json.decode(line, type=Status)
        except msgspec.DecodeError:
            return "refused", msgspec.json.decode(line, type=Refused).error
        if status.unremembered:  # by a device that is killed before there is room again
            return "unknown", "it could not be kept for the next start"
        return "acked", f"held {status.held}, waiting {status.waiting}"
    except (OSError, TimeoutError, msgspec.DecodeError) as error:
        return "unknown", repr(error)
    finally:
        writer.close()
