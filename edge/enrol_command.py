"""`mira-edge enrol`: somebody reads three sentences here, and is known by the voice then."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import aiohttp

from edge.activity import ActivityDetector
from edge.config import EdgeConfig
from edge.control import Ask, AskLend, DaemonUnreachableError, ask
from edge.enrolment import (
    SENTENCES,
    Enrolment,
    EnrolmentError,
    EnrolmentHub,
    Person,
    TryAgainError,
)
from edge.enrolment import record_sentence as record
from edge.microphone.microphone import Microphone
from edge.microphone.source import open_microphone
from shared.clock import steady_clock

LENT_S = 60.0
"""So long the daemon lends the microphone for one sentence."""
TRIES = 3
MAX_NAME = 64
VERDICTS = {
    "good": "The hub will know {name} well.",
    "fair": "The hub will know {name} most of the time.",
    "low": "The hub is not sure of {name} yet.",
}

AddConfig = Callable[[argparse.ArgumentParser], None]
Config = Callable[[argparse.Namespace], EdgeConfig]


def add_enrol_command(commands: Any, add_config: AddConfig, config: Config) -> None:
    """Adds it to the parser's commands; see `add_household_commands`."""
    command = commands.add_parser(
        "enrol",
        help="have somebody's voice known: reads three sentences",
        description="Shows three sentences to be read aloud, one after the other, and gives them "
        "to the hub, which knows the person by the voice from then on. Sentences of an earlier "
        "enrolment are forgotten. The daemon may run: it lends the microphone meanwhile.",
    )
    command.add_argument("name", type=_name, help="who reads; somebody new, or as `people` shows")
    add_config(command)
    command.set_defaults(handler=lambda args: asyncio.run(enrol(args.name, config(args))))


async def enrol(name: str, config: EdgeConfig) -> int:
    """Has somebody read, and says how sure the hub is then.

    Raises:
        MiraError: it cannot be done; says why.
    """
    access = config.access()
    address, lend = await _hub_of(config)
    microphone = open_microphone(
        config.microphone.source, steady_clock(), loop=config.microphone.loop
    )
    async with aiohttp.ClientSession() as http:
        hub = EnrolmentHub(http, address, access)
        await hub.check()
        person = await hub.person(name)
        await lend(LENT_S)  # where listening is off, nobody reads in vain
        print(f"{name} is going to read {len(SENTENCES)} sentences, as in talking to somebody.")
        made: Person | None = None  # who is nobody yet: no sentence was taken
        try:
            for number, sentence in enumerate(SENTENCES):
                print(f"\n{number + 1} of {len(SENTENCES)}. Please read aloud:\n\n    {sentence}\n")
                for left in reversed(range(TRIES)):
                    await lend(LENT_S)
                    try:
                        said = await _read(microphone, config)
                        if person is None:
                            person = made = await hub.add(name)
                        done = await hub.give(person, said, anew=number == 0)
                        made = None
                        break
                    except TryAgainError as error:
                        if not left:
                            raise
                        print(f"{error.message} Once more, please.", file=sys.stderr)
        finally:
            try:
                if made is not None:
                    with suppress(EnrolmentError):  # what went wrong first is what is told
                        await hub.remove(made)
            finally:
                await microphone.close()
                await lend(0)
    _show(name, done)
    return 0


async def _read(microphone: Microphone, config: EdgeConfig) -> Any:
    await microphone.open()
    try:
        return await record(microphone, ActivityDetector(config.activity.vad_mode, 1000))
    finally:
        await microphone.close()


async def _hub_of(config: EdgeConfig) -> tuple[str, Callable[[float], Any]]:
    """Where the hub is, and how the microphone is got from a daemon that runs.

    Raises:
        EnrolmentError: no hub is known.
        DaemonUnreachableError: the daemon does not lend the microphone.
    """
    path = config.paths.control_socket
    address: str | None = None
    try:
        address = (await asyncio.to_thread(ask, path, Ask())).hub
    except DaemonUnreachableError:
        running = False
    else:
        running = True
    address = address or next(iter(config.hub.addresses), None)
    if address is None:
        raise EnrolmentError(
            "No hub is known here.", "Start the daemon, which finds it: systemctl start mira-edge"
        )

    async def lend(seconds: float) -> None:
        if running:
            await asyncio.to_thread(ask, path, AskLend(seconds=seconds))

    return address, lend


def _show(name: str, done: Enrolment) -> None:
    print(VERDICTS[done.sure].format(name=name))
    if done.likeness is not None:
        other = (
            "nobody else is known" if done.nearest_other is None else f"{done.nearest_other:.2f}"
        )
        print(f"alike      {done.likeness:.2f} (each sentence to the others; 1 is the same)")
        print(f"others     {other}" + (" (the nearest voice)" if done.nearest_other else ""))
    if done.merged:
        print(f"Who was nameless until now is {name}, too, with what was said.")
    if done.sure == "low":
        print("Read once more where it is quiet, near the microphone: mira-edge enrol", name)


def _name(text: str) -> str:
    if not text.strip() or len(text) > MAX_NAME or not text.isprintable():
        raise argparse.ArgumentTypeError(f"1 to {MAX_NAME} printable characters")
    return text
