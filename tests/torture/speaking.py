"""Sentences that are said to devices, and switches that are turned there."""

from __future__ import annotations

import asyncio
from random import Random

from edge.control import AskListening, DaemonUnreachableError, ask
from shared.clock import steady_clock
from tests.torture.history import History
from tests.torture.household import Network
from tests.torture.operations import Choice
from tests.voice import GAP_S, LENGTHS_S

WORDS = tuple(LENGTHS_S)
SPREAD = 2731
"""Prime to the number of words, so no two numbers give the same sentence."""
AHEAD_S = 0.15
"""A sentence begins so long after devices are told of it."""
PAUSE_S = 0.55
"""From its end to the next: the hangover and a little."""
TO_BOTH = 0.3
"""How often two devices hear one sentence."""
OFF_S = 2.0


def sentence(number: int) -> str:
    """The words that tell a number: three at least; neighbours have little in common."""
    length, base = 3, len(WORDS)
    while number >= base**length:
        length += 1
    mixed = number * SPREAD % base**length
    return " ".join(WORDS[mixed // base**place % base] for place in range(length))


def length_s(text: str) -> float:
    """How long it takes to say it."""
    return sum(LENGTHS_S[word] + GAP_S for word in text.split())


async def speak(network: Network, history: History, random: Random) -> None:
    """Says one sentence after the other, for ever."""
    clock = steady_clock()
    number = 0
    while True:
        number += 1
        text = sentence(number)
        devices = [member.device for member in network.members]
        random.shuffle(devices)
        hearing = devices[: 2 if random.random() < TO_BOTH else 1]
        at_us = clock() + round(AHEAD_S * 1e6)
        for gain, device in zip((0.5, 0.1), hearing, strict=False):
            if device.say(text, gain, at_us):
                history.said(device.name, text)
        await asyncio.sleep(AHEAD_S + length_s(text) + PAUSE_S)


async def switch(network: Network, history: History, random: Random, every_s: float) -> None:
    """Has somebody at a device switch its listening off, and on again, for ever."""
    count = 0
    while True:
        await asyncio.sleep(random.expovariate(1 / every_s))
        device = random.choice(network.members).device
        for value in (False, True):
            count += 1
            choice = Choice(
                f"{device.name}-switch-{count}",
                network.network_id,
                device.name,
                value,
                history.now_s(),
            )
            history.begin(choice)
            try:
                question = AskListening(listening=value)
                await asyncio.to_thread(ask, device.control, question)
            except DaemonUnreachableError as error:
                history.end(choice, "unknown", str(error))
            else:
                history.end(choice, "acked")
            await asyncio.sleep(OFF_S * random.random())
