"""Sentences that are said to devices."""

from __future__ import annotations

import asyncio
from random import Random

from shared.clock import steady_clock
from tests.torture.history import History
from tests.torture.household import Network
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
                history.said(network.network_id, device.name, text)
        await asyncio.sleep(AHEAD_S + length_s(text) + PAUSE_S)
