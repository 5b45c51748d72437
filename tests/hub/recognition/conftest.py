"""Speech, recognisers that are loaded once, and a clock that can be moved."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import numpy as np
import pytest

from edge.simulation.speech import SpokenUtterance, utterances
from hub.recognition.choice import load_recogniser
from hub.recognition.recogniser import Recogniser
from models.location import locate
from shared.audio import SAMPLE_RATE, Pcm


def noise(seconds: float, level: float = 3000, seed: int = 0) -> Pcm:
    """Noise of `level` int16 steps RMS, shape (n,), int16."""
    samples = np.random.default_rng(seed).normal(0, level, round(seconds * SAMPLE_RATE))
    return samples.clip(-32768, 32767).astype(np.int16)


@pytest.fixture(scope="session")
def spoken() -> list[SpokenUtterance]:
    return utterances(locate("sample-speech"))


@pytest.fixture(scope="session")
def load() -> Callable[[str], Recogniser]:
    """Loads a recogniser, once for all tests."""
    loaded: dict[str, Recogniser] = {}

    def load(name: str) -> Recogniser:
        if name not in loaded:
            loaded[name] = load_recogniser(name)
        return loaded[name]

    return load


@pytest.fixture
async def jump(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Moves the running event loop's clock on, in seconds, while real threads do as they like."""
    loop = asyncio.get_running_loop()
    real, ahead = loop.time, 0.0
    monkeypatch.setattr(loop, "time", lambda: real() + ahead)

    def jump(seconds: float) -> None:
        nonlocal ahead
        ahead += seconds

    return jump
