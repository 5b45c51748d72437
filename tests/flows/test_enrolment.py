"""Somebody reads three sentences at a device, and is known by the hub."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlmodel import select

from edge import enrol_command
from edge.config import EdgeConfig, load_edge_config
from edge.control import DaemonUnreachableError
from edge.enrolment import SENTENCES, EnrolmentError
from edge.microphone.microphone import Frame
from hub.store.scope import Scope
from hub.store.settings import NetworkSettings
from hub.store.tables import Person, VoiceCentroid
from shared.audio import FRAME_SAMPLES, Pcm
from tests.flows.conftest import RealHub
from tests.voice import say

ANN = "ba ba ba ba ba ba ba ba ba ba"
BOB = "ka ka ka ka ka ka ka ka ka ka"
SHORT = "ba ba"
ANNS = (ANN, f"{ANN} ba", f"{ANN} ba ba")


class Reader:
    """Reads the next piece each time it is opened, faster than anybody could."""

    name = "a reader"

    def __init__(self, *texts: str) -> None:
        self._texts = list(texts)
        self._frames: list[Pcm] = []
        self.is_open = False

    async def open(self) -> None:
        self.is_open = True
        quiet = np.random.default_rng(0).integers(-3, 4, 32_000).astype(np.int16)
        sound = np.concatenate((quiet, say(self._texts.pop(0), 0.7), quiet))
        sound = sound[: len(sound) // FRAME_SAMPLES * FRAME_SAMPLES]
        self._frames = list(sound.reshape(-1, FRAME_SAMPLES))

    async def close(self) -> None:
        self.is_open = False

    def __aiter__(self) -> Reader:
        return self

    async def __anext__(self) -> Frame:
        if not self._frames:
            raise StopAsyncIteration
        return Frame(self._frames.pop(0), 0)


@pytest.fixture
async def config(real_hub: RealHub, tmp_path: Path) -> EdgeConfig:
    access = await real_hub.access("kitchen")
    path = tmp_path / "edge.toml"
    path.write_text(
        f'[paths]\nstate_dir = "{tmp_path}"\n[hub]\naddresses = ["{real_hub.url}"]\n'
        f'network_id = "{access.network_id}"\nclient_id = "kitchen"\ntoken = "{access.token}"\n'
    )
    return load_edge_config(path, {})


def reads(monkeypatch: pytest.MonkeyPatch, *texts: str) -> Reader:
    reader = Reader(*texts)

    def opened(*_: Any, **__: Any) -> Reader:
        return reader

    monkeypatch.setattr(enrol_command, "open_microphone", opened)
    return reader


async def people(hub: RealHub) -> list[tuple[str | None, int]]:
    """Who there is, and how many sentences each has read."""
    database = hub.store._database
    async with database.session(Scope(hub.network.network_id)) as session:
        persons = list(await session.exec(select(Person)))
        read = [one.person_id for one in await session.exec(select(VoiceCentroid)) if one.enrolled]
    return [(person.name, read.count(person.id)) for person in persons]


async def test_who_reads_is_known_and_reading_again_replaces_it(
    real_hub: RealHub,
    config: EdgeConfig,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    reader = reads(monkeypatch, *ANNS, ANN, SHORT, ANNS[1], BOB, ANNS[2])
    assert await enrol_command.enrol("Ann", config) == 0
    out = capsys.readouterr().out
    assert all(sentence in out for sentence in SENTENCES)
    assert "The hub will know Ann well." in out
    assert not reader.is_open
    assert await people(real_hub) == [("Ann", 3)]
    assert await enrol_command.enrol("ann", config) == 0
    assert capsys.readouterr().err.count("Once more, please.") == 2
    assert await people(real_hub) == [("Ann", 3)]


async def test_what_the_hub_refuses_is_said_and_the_microphone_closed(
    real_hub: RealHub,
    config: EdgeConfig,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    reader = reads(monkeypatch, SHORT, SHORT, SHORT)
    await real_hub.store.change_settings(real_hub.network.network_id, NetworkSettings(voices=False))
    with pytest.raises(EnrolmentError, match="wants no voices"):
        await enrol_command.enrol("Ann", config)
    assert SENTENCES[0] not in capsys.readouterr().out  # nobody reads in vain
    assert await people(real_hub) == []
    await real_hub.store.change_settings(real_hub.network.network_id, NetworkSettings())
    with pytest.raises(EnrolmentError, match=r"needed to tell a voice|too little speech"):
        await enrol_command.enrol("Ann", config)
    assert not reader.is_open
    assert await people(real_hub) == []


@pytest.mark.parametrize("taken", [0, 1])
async def test_who_stops_before_a_sentence_was_taken_leaves_nobody_behind(
    real_hub: RealHub, config: EdgeConfig, monkeypatch: pytest.MonkeyPatch, taken: int
) -> None:
    reads(monkeypatch, *[ANN] * taken, SHORT, ANN)
    refused, read = 0, enrol_command._read

    async def interrupted(*given: Any) -> Any:
        nonlocal refused
        refused += 1
        if refused == taken + 2:  # as Ctrl-C does, after a try that the hub refused
            raise asyncio.CancelledError
        return await read(*given)

    monkeypatch.setattr(enrol_command, "_read", interrupted)
    with pytest.raises(asyncio.CancelledError):
        await enrol_command.enrol("Ann", config)
    assert await people(real_hub) == [("Ann", 1)] * taken


async def test_somebody_who_was_known_before_stays_whatever_is_refused(
    real_hub: RealHub, config: EdgeConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads(monkeypatch, *ANNS, SHORT, SHORT, SHORT)
    assert await enrol_command.enrol("Ann", config) == 0
    with pytest.raises(EnrolmentError):
        await enrol_command.enrol("Ann", config)
    assert await people(real_hub) == [("Ann", 3)]


async def test_where_listening_is_off_no_sentence_is_shown(
    real_hub: RealHub,
    config: EdgeConfig,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    reads(monkeypatch)

    async def refuse(_: float) -> None:
        raise DaemonUnreachableError("Listening is off.", "Switch it on.")

    async def hub_of(_: EdgeConfig) -> tuple[str, Any]:
        return real_hub.url, refuse

    monkeypatch.setattr(enrol_command, "_hub_of", hub_of)
    with pytest.raises(DaemonUnreachableError, match="Listening is off"):
        await enrol_command.enrol("Ann", config)
    assert SENTENCES[0] not in capsys.readouterr().out
    assert await people(real_hub) == []
