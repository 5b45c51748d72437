"""What is acknowledged is on the disk: the kernel was told so before the acknowledgement left."""

from __future__ import annotations

import asyncio
import json
import re
import signal
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import numpy as np
import pytest
from aiohttp import web

from edge.config import Access
from edge.startup import Connector
from shared.audio import SAMPLE_RATE
from shared.config_keys import Secret
from shared.ids import new_id
from shared.wav import write_wav
from shared.wire.codec import decode_device, encode
from shared.wire.events import Ack, InteractionCreated
from shared.wire.fields import Message
from shared.wire.session import ConnectionEstablished, Settings
from shared.wire.utterance import UtteranceStarted
from tests.flows.scripted import ScriptedDevice
from tests.processes import ServiceManager, manager_in, store_of
from tests.system_calls import Call, calls, parsed, traced
from tests.voice import say

pytestmark = pytest.mark.process

WRITES = 10
UTTERANCES = 3
EVENTS = 10
NETWORK = "net_" + "0" * 32


@pytest.fixture
async def manager(tmp_path: Path) -> AsyncIterator[ServiceManager]:
    async with manager_in(tmp_path) as manager:
        yield manager


def told(trace: list[Call], synced: Callable[[str], bool], **acknowledged: bytes) -> dict[str, int]:
    """Counts acknowledgements, each of which has to be preceded by a sync of its own.

    Args:
        trace: what a process did.
        synced: whether a file is the one that has to be on the disk.
        acknowledged: what an acknowledgement has in it, by its name.

    Returns:
        How many there were, by name, and as `syncs` how often the file was brought to the disk.
    """
    counted = dict.fromkeys(("syncs", *acknowledged), 0)
    on_disk = False
    for call in trace:
        if synced(call.syncs):
            counted["syncs"] += 1
            on_disk = True
        for name, part in acknowledged.items():
            if part in call.said:
                assert on_disk, f"{name} {counted[name] + 1} left before it was on the disk"
                counted[name] += 1
                on_disk = False
    return counted


async def test_the_hub_has_on_disk_what_it_acknowledges(
    tmp_path: Path, manager: ServiceManager
) -> None:
    config = tmp_path / "hub.toml"
    # Without TLS, so that the trace shows what is said; the way to the disk is the same.
    config.write_text(
        '[server]\nhost = "127.0.0.1"\nport = 0\ntls = "off"\n[recognition]\nengine = "fake"\n'
        f"[discovery]\nmdns = false\n[paths]\nstate_dir = {json.dumps(str(tmp_path))}\n"
    )
    command = ["mira-hub", "serve", "--config", str(config)]
    async with (
        traced(command, tmp_path, manager.environ()) as (process, trace),
        aiohttp.ClientSession() as http,
    ):
        port = re.search(r"listening on port (\d+)", await manager.until("READY=1"))
        assert port
        url = f"http://127.0.0.1:{port[1]}"
        async with store_of(tmp_path / "hub.db") as store:
            network, token = await store.create_network("Home")
            _, client, _ = await store.add_client(
                network.network_id, "kitchen", client_id="kitchen"
            )
        for n in range(WRITES):
            async with http.post(
                f"{url}/api/v1/networks/{network.public_id}/reminders",
                json={"title": f"reminder {n}", "due_time": "2030-01-01T12:00:00Z"},
                headers={"Authorization": f"Bearer {token}"},
            ) as answer:
                assert answer.status == 201
        connect = Connector(http, Access(network.public_id, "kitchen", Secret(client)))
        device = ScriptedDevice(await connect(url))
        await device.greet()
        for _ in range(UTTERANCES):
            await device.speak(say("ba de fi go"))
        pid = process.pid
        process.send(signal.SIGTERM)
        assert pid is not None
        assert await process.end() == 0
        await device.channel.close()
        done = await calls(trace, pid)
    counted = told(done, "hub.db-wal".__eq__, write=b"HTTP/1.1 201", release=b'"type":"release"')
    assert (counted["write"], counted["release"]) == (WRITES, UTTERANCES)
    assert counted["syncs"] >= WRITES + UTTERANCES
    # Nor is anybody told of an interaction before.
    counted = told(done, "hub.db-wal".__eq__, event=b'"type":"interaction_created"')
    assert counted["event"] == UTTERANCES


class Hub:
    """A hub that tells a device of one interaction after the other."""

    def __init__(self) -> None:
        self.heard = asyncio.Event()  # the device says that it hears speech
        self.acked: list[int] = []

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse()
        await ws.prepare(request)

        async def say_it(message: Message) -> None:
            await ws.send_str(encode(message))

        await ws.receive()
        now = datetime.now(UTC)
        await say_it(
            ConnectionEstablished(
                version=1,
                client_id="kitchen",
                network_id=NETWORK,
                cursor=EVENTS,
                server_time=now,
                settings=Settings(listening=True, client_listening=True),
            )
        )
        for seq in range(1, EVENTS + 1):
            await say_it(
                InteractionCreated(
                    seq=seq,
                    interaction_id=new_id(),
                    text=f"sentence {seq}",
                    speaker_id=None,
                    client_id="hall",
                    timestamp=now,
                    processing_status="completed",
                )
            )
            while len(self.acked) < seq:
                self._take(decode_device((await ws.receive()).data))
        while not self.heard.is_set():
            self._take(decode_device((await ws.receive()).data))
        await asyncio.Event().wait()
        return ws

    def _take(self, message: object) -> None:
        if isinstance(message, Ack):
            self.acked.append(message.cursor)
        elif isinstance(message, UtteranceStarted):
            self.heard.set()


async def test_a_device_has_on_disk_what_it_acknowledges_and_what_it_keeps(
    tmp_path: Path, manager: ServiceManager
) -> None:
    hub, app = Hub(), web.Application()
    app.router.add_get("/{path:.*}", hub.serve)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    quiet = np.random.default_rng(0).normal(0, 10, 2 * SAMPLE_RATE).astype(np.int16)
    write_wav(tmp_path / "sound.wav", np.concatenate([quiet, say("ba de fi go " * 3, 0.5)]))
    config = tmp_path / "edge.toml"
    config.write_text(
        f'[hub]\naddresses = ["http://127.0.0.1:{runner.addresses[0][1]}"]\n'
        f'network_id = "{NETWORK}"\nclient_id = "kitchen"\ntoken = "mira_client_secret"\n'
        f"[microphone]\nsource = {json.dumps(f'file:{tmp_path}/sound.wav')}\nloop = true\n"
        f"[discovery]\nmdns = false\n[paths]\nstate_dir = {json.dumps(str(tmp_path))}\n"
    )
    command = ["mira-edge", "run", "--config", str(config)]
    try:
        async with traced(command, tmp_path, manager.environ()) as (process, trace):
            async with asyncio.timeout(60):
                await hub.heard.wait()
            pid = process.pid
            process.send(signal.SIGTERM)
            assert pid is not None
            assert await process.end() == 0
            done = await calls(trace, pid)
    finally:
        await runner.cleanup()
    counted = told(done, lambda name: name.startswith("replica.db"), ack=b'"type":"ack"')
    assert hub.acked == list(range(1, EVENTS + 1))
    assert counted["ack"] == EVENTS
    assert counted["syncs"] >= EVENTS
    # An utterance is whole on the disk, then in the spool, then so is that it is there.
    (flac,) = (tmp_path / "spool").iterdir()
    part, folder = str(flac.with_suffix(".part")), str(flac.parent)
    kept = [call.name for call in done if call.file in (part, folder) or part.encode() in call.data]
    assert kept[-4:] == ["write", "fsync", "rename", "fsync"]


def test_an_acknowledgement_that_leaves_too_early_is_seen() -> None:
    connection = "TCP:[127.0.0.1:1->127.0.0.1:2]"
    interrupted = f"""\
12  fdatasync(9</state/hub.db-wal> <unfinished ...>
11  sendto(14<{connection}>, "HTTP/1.1 201 \\303\\r\\n", 16, 0, NULL, 0 <unfinished ...>
12  <... fdatasync resumed>)    = 0
11  <... sendto resumed>) = 16
13  sendto(15<{connection}>, "\\201\\205\\1\\2\\3\\4igohn", 11, 0, NULL, 0) = 11
13  rename("/spool/a.part", "/spool/a.flac") = 0
12  +++ exited with 0 +++
"""
    sent, synced, frame, renamed = trace = parsed(interrupted)
    assert sent.said == b"HTTP/1.1 201 \xc3\r\n"
    assert (synced.syncs, synced.said) == ("hub.db-wal", b"")
    assert frame.said == b"hello"
    assert renamed.data == (b"/spool/a.part", b"/spool/a.flac")
    with pytest.raises(AssertionError, match="write 1 left before"):
        told(trace, "hub.db-wal".__eq__, write=b"HTTP/1.1 201")
    counted = told([synced, sent], "hub.db-wal".__eq__, write=b"HTTP/1.1 201")
    assert counted == {"syncs": 1, "write": 1}
