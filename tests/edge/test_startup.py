"""From a configuration to a daemon that runs, tells its service manager so, and ends when asked."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import msgspec
import numpy as np
import pytest
from aiohttp import web

import edge.startup
from edge.cli import main
from edge.config import Access, Discovery, EdgeConfig, Hub, load_edge_config
from edge.control import Ask, AskListening, DaemonUnreachableError, Status, ask
from edge.replica import Switches
from edge.spool import Spool
from edge.startup import Connector, make_ear, open_replica
from edge.unpaired import wait_for_pairing
from shared.audio import FRAME_SAMPLES, SAMPLE_RATE
from shared.config_keys import Secret
from shared.discovery import UNPAIRED, Browser, DeviceRecord, Sighting, open_mdns
from shared.errors import AccessDeniedError
from shared.service import notifier_from
from shared.wav import write_wav
from shared.wire.channel import ChannelClosedError
from shared.wire.codec import MAX_MESSAGE_BYTES, decode_device, encode
from shared.wire.fields import Message
from shared.wire.session import ConnectionEstablished, Settings
from shared.wire.utterance import UtteranceEnded, UtteranceStarted
from tests.edge.test_ear import hear, silence, spoken
from tests.processes import Daemon, ServiceManager, daemon, manager_in
from tests.voice import say

NETWORK = "net_" + "0" * 32
ACCESS = Access(NETWORK, "kitchen", Secret("mira_client_secret"))
WATCHDOG_MS = 2
"""So short that a timer anywhere would have shown itself in the course of a test."""


SIGTERM_LIMIT_S = 15

# The connector


@asynccontextmanager
async def connector() -> AsyncIterator[Connector]:
    async with aiohttp.ClientSession() as http:
        yield Connector(http, ACCESS)


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def site(handler: Handler) -> AsyncIterator[str]:
    """A server that answers everything with `handler`; its address."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def test_it_shows_its_token_to_its_own_network_and_speaks_in_text_and_bytes() -> None:
    seen: list[tuple[str, str | None]] = []

    async def echo(request: web.Request) -> web.WebSocketResponse:
        seen.append((request.path, request.headers.get("Authorization")))
        ws = web.WebSocketResponse(max_msg_size=0)
        await ws.prepare(request)
        async for message in ws:
            await (ws.send_str if isinstance(message.data, str) else ws.send_bytes)(message.data)
        return ws

    async with site(echo) as address, connector() as connect:
        channel = await connect(address)
        for data in ("text", b"bytes", "x" * MAX_MESSAGE_BYTES):
            await channel.send(data)
            assert await channel.receive() == data
        await channel.send("x" * (MAX_MESSAGE_BYTES + 2))
        with pytest.raises(ChannelClosedError) as closed:
            await channel.receive()
        assert closed.value.code == 1009
        assert seen == [(f"/api/v1/networks/{NETWORK}/ws", "Bearer mira_client_secret")]


async def test_a_refused_token_is_said_with_what_to_do_and_not_shown() -> None:
    async def refuse(_: web.Request) -> web.Response:
        return web.Response(status=401)

    async with site(refuse) as address, connector() as connect:
        with pytest.raises(AccessDeniedError, match="mira-edge pair --again") as refused:
            await connect(address)
    assert "secret" not in str(refused.value)


async def test_that_it_was_removed_a_device_believes_its_own_hub_only(
    tmp_path: Path,
) -> None:
    async def gone(_: web.Request) -> web.Response:
        return web.Response(status=410)

    async with site(gone) as address, connector() as connect:
        with pytest.raises(ConnectionError, match="410"):  # anybody may say so without TLS
            await connect(address)


@pytest.mark.parametrize("status", [200, 302, 404, 429, 500, 503])
async def test_any_other_answer_is_no_connection_and_says_which(status: int) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status)

    async with site(answer) as address, connector() as connect:
        with pytest.raises(ConnectionError, match=str(status)):
            await connect(address)


async def test_a_hub_that_is_not_there_refuses_the_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    async with connector() as connect:
        with pytest.raises(OSError, match=r"[Cc]onnect"):
            await connect(f"http://127.0.0.1:{port}")


@pytest.mark.parametrize(
    "address",
    ["http://nowhere.invalid:8770", "http://127.0.0.1:99999", "http://[::1:80", "http://"],
)
async def test_an_address_that_cannot_be_is_no_connection(address: str) -> None:
    async with connector() as connect:
        with pytest.raises(OSError):  # noqa: PT011 - each says something else
            await connect(address)


@pytest.mark.parametrize(
    "banner", [b"", b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 200 OK\r\n\r\n", b"\0" * 99_999]
)
async def test_what_speaks_something_else_is_no_connection(banner: bytes) -> None:
    async def speak(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(banner)
        writer.close()

    server = await asyncio.start_server(speak, "127.0.0.1", 0)
    async with server, connector() as connect:
        with pytest.raises(OSError):  # noqa: PT011 - each says something else
            await connect(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")


async def test_a_hub_that_takes_the_call_and_says_nothing_is_not_waited_for_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(edge.startup, "CONNECT_TIMEOUT_S", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        async with connector() as connect:
            with pytest.raises(TimeoutError):
                await connect(f"http://127.0.0.1:{deaf.getsockname()[1]}")


# The parts


def config(folder: Path, text: str = "") -> EdgeConfig:
    file = folder / "edge.toml"
    file.write_text(f"[paths]\nstate_dir = {json.dumps(str(folder))}\n{text}")
    return load_edge_config(file, {})


def test_a_device_that_is_new_listens_unless_it_is_told_not_to(tmp_path: Path) -> None:
    replica = open_replica(config(tmp_path), NETWORK)
    assert replica.switches == Switches(network=True, client=True)
    assert replica.pending("client") is None
    replica.close()


def test_a_new_device_that_is_not_to_listen_says_so_to_its_hub(tmp_path: Path) -> None:
    replica = open_replica(config(tmp_path, "[microphone]\nlistening = false\n"), NETWORK)
    assert replica.switches == Switches(network=True, client=False)
    assert replica.pending("client") is False
    replica.close()


def test_what_a_person_chose_since_is_kept_whatever_the_configuration_says(
    tmp_path: Path,
) -> None:
    for given, chosen in (("false", True), ("true", False)):
        folder = tmp_path / given
        folder.mkdir()
        settings = config(folder, f"[microphone]\nlistening = {given}\n")
        replica = open_replica(settings, NETWORK)
        replica.set_switches(Switches(network=True, client=chosen))
        replica.set_pending("client", None)
        replica.close()
        replica = open_replica(settings, NETWORK)
        assert replica.switches.client is chosen
        assert replica.pending("client") is None
        replica.close()


def test_the_ear_is_the_one_that_the_configuration_describes(tmp_path: Path) -> None:
    def ended(text: str) -> tuple[float, float, int]:
        """Pre-roll and tail in seconds, and how many utterances 6 s of speech become."""
        ear = make_ear(config(tmp_path, f"[activity]\n{text}"))
        sounds = silence(2), spoken("ba de fi go hu ka le mi " * 2), silence(2)
        messages: list[Message] = hear(ear, *sounds)
        first = ear.candidates._held[ear.candidates.held[0]]
        ends = [m for m in messages if isinstance(m, UtteranceEnded)]
        whole = sum(m.samples for m in ends) / SAMPLE_RATE
        spoken_s = len(sounds[1]) / SAMPLE_RATE
        onset_s = first.onset_sample / SAMPLE_RATE
        return onset_s, whole - onset_s - spoken_s, len(ends)

    preroll, tail, number = ended("")
    assert 0.4 < preroll < 0.6
    assert 0.5 < tail < 0.8
    assert number == 1
    assert ended("preroll_ms = 1000\n")[0] == pytest.approx(preroll + 0.5, abs=0.05)
    assert ended("hangover_ms = 1200\n")[1] == pytest.approx(tail + 0.5, abs=0.05)
    assert ended("longest_s = 5\n")[2] == 2


def test_no_more_audio_is_held_than_the_configuration_allows(tmp_path: Path) -> None:
    ear = make_ear(config(tmp_path, "[buffers]\nheld_s = 60\n[activity]\nlongest_s = 5\n"))
    for number in range(18):
        hear(
            ear, silence(1), spoken("ba de fi go hu ka le mi"), silence(1), start_us=number * 10**7
        )
    held = [ear.candidates._held[one].samples for one in ear.candidates.held]
    assert 50 * SAMPLE_RATE < sum(held) <= 60 * SAMPLE_RATE
    assert ear.candidates.dropped == 18 - len(held)


# What cannot start


@pytest.mark.parametrize(
    ("paths", "complaint"),
    [
        ({"state_dir": "file/state"}, "Not a directory"),
        ({"state_dir": "damaged"}, "file is not a database"),
        ({"control_socket": "file/control.sock"}, "The control socket"),
    ],
)
def test_a_place_that_cannot_be_used_is_named_with_what_to_do(
    tmp_path: Path,
    paths: dict[str, str],
    complaint: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "replica.db").write_bytes(b"no database " * 1000)
    device = Device(tmp_path)
    given = {"state_dir": ".", "control_socket": "control.sock"} | paths
    places = "".join(f"{key} = {json.dumps(str(tmp_path / at))}\n" for key, at in given.items())
    text = device.config.read_text()
    device.config.write_text(text[: text.index("[paths]")] + f"[paths]\n{places}")
    assert main(["run", "--config", str(device.config)]) == 1
    complaints = capsys.readouterr().err
    (wrong,) = paths.values()
    assert str(tmp_path / wrong) in complaints
    assert complaint in complaints


# The whole daemon, as a process


class Device:
    """A daemon in a folder, with a file for a microphone and nobody for a hub."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.recording = folder / "sound.wav"
        self.control = folder / "control.sock"
        self.config = folder / "edge.toml"
        # Nobody listens there: the port is one for which this process has no listener.
        self.config.write_text(
            f'[hub]\naddresses = ["http://127.0.0.1:9"]\nnetwork_id = "{NETWORK}"\n'
            'client_id = "kitchen"\ntoken = "mira_client_secret"\n'
            f"[microphone]\nsource = {json.dumps(f'file:{self.recording}')}\nloop = true\n"
            "[discovery]\nmdns = false\n"
            f"[paths]\nstate_dir = {json.dumps(str(folder))}\n"
        )

    def record(self) -> None:
        """A microphone that hears faint noise."""
        noise = np.random.default_rng(0).normal(0, 10, 50 * FRAME_SAMPLES)
        write_wav(self.recording, noise.astype(np.int16))

    async def let_go(self) -> None:
        """What waits to read the pipe gets something, though it is no sound."""
        await asyncio.to_thread(self.recording.write_bytes, b"no sound")

    @asynccontextmanager
    async def running(
        self, manager: ServiceManager, watchdog_ms: int = WATCHDOG_MS
    ) -> AsyncIterator[Daemon]:
        """Runs it; ready when this begins."""
        command = ["mira-edge", "run", "--config", str(self.config)]
        async with daemon(command, self.folder, manager.environ(watchdog_ms)) as process:
            await manager.until("READY=1")
            yield process

    async def ask(self, question: Ask | AskListening | None = None) -> Status:
        return await asyncio.to_thread(ask, self.control, question or Ask())


@pytest.fixture
def device(tmp_path: Path) -> Device:
    return Device(tmp_path)


@pytest.fixture
async def manager(tmp_path: Path) -> AsyncIterator[ServiceManager]:
    async with manager_in(tmp_path) as manager:
        yield manager


@pytest.mark.process
async def test_a_daemon_is_ready_alive_listening_or_not_and_ends_when_asked(
    device: Device, manager: ServiceManager
) -> None:
    device.record()
    async with device.running(manager) as process:
        assert manager.told == ["READY=1\nSTATUS=listening"]
        for _ in range(10):
            await manager.until("WATCHDOG=1")
        assert (await device.ask()).microphone == "open"

        await device.ask(AskListening(listening=False))
        while (await device.ask()).microphone != "closed":
            pass
        manager.take()
        await manager.until("WATCHDOG=1")
        await manager.until("WATCHDOG=1")
        assert (await device.ask()).microphone == "closed"

        process.send(signal.SIGTERM)
        assert await process.end() == 0
        assert manager.take()[-1] == "STOPPING=1"
    assert "Traceback" not in process.said
    assert "secret" not in process.said
    # What is left of the socket misleads nobody.
    with pytest.raises(DaemonUnreachableError, match="Is mira-edge running"):
        await device.ask()

    async with device.running(manager) as process:
        assert manager.told[-1] == "READY=1\nSTATUS=not listening"
        assert (await device.ask()).microphone == "closed"
        process.send(signal.SIGINT)
        assert await process.end() == 0


@pytest.mark.process
async def test_a_daemon_whose_microphone_hangs_answers_but_shows_no_sign_of_life(
    device: Device, manager: ServiceManager
) -> None:
    # Opening a pipe hangs until somebody writes: as a driver may.
    os.mkfifo(device.recording)
    async with device.running(manager):
        for _ in range(100):
            assert (await device.ask()).microphone == "closed"
        assert manager.take() == []
        await device.let_go()
        await manager.until("WATCHDOG=1")
        assert (await device.ask()).microphone == "lost"


@pytest.mark.process
async def test_a_daemon_without_its_microphone_is_alive_and_looks_for_it(
    device: Device, manager: ServiceManager
) -> None:
    async with device.running(manager) as process:
        await manager.until("WATCHDOG=1")
        assert (await device.ask()).microphone == "lost"
        device.record()
        while (await device.ask()).microphone != "open":
            await manager.until("WATCHDOG=1")
        process.send(signal.SIGTERM)
        assert await process.end() == 0


@asynccontextmanager
async def hub_that_hangs() -> AsyncIterator[tuple[str, asyncio.Event]]:
    """A hub that greets, and is stuck once it was told of speech; its address."""
    stuck = asyncio.Event()

    async def greet(request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        await ws.receive()
        settings = Settings(listening=True, client_listening=True)
        await ws.send_str(
            encode(
                ConnectionEstablished(
                    version=1,
                    client_id="kitchen",
                    network_id=NETWORK,
                    cursor=0,
                    server_time=datetime.now(UTC),
                    settings=settings,
                )
            )
        )
        while not isinstance(decode_device((await ws.receive()).data), UtteranceStarted):
            pass
        stuck.set()
        await asyncio.Event().wait()
        return ws

    async with site(greet) as address:
        yield address, stuck


@pytest.mark.process
async def test_what_is_being_said_when_it_is_asked_to_stop_is_on_disk_though_the_hub_hangs(
    device: Device, manager: ServiceManager
) -> None:
    write_wav(device.recording, np.concatenate([silence(1.0), say("ba de fi go " * 3, 0.5)]))
    async with hub_that_hangs() as (address, stuck):
        device.config.write_text(device.config.read_text().replace("http://127.0.0.1:9", address))
        async with device.running(manager, watchdog_ms=0) as process:
            await stuck.wait()
            assert (await device.ask()).speech
            process.send(signal.SIGTERM)
            async with asyncio.timeout(SIGTERM_LIMIT_S):
                assert await process.wait() == 0
        assert "Traceback" not in process.said
    spool = Spool(device.folder / "spool", 10_000_000)
    (held,) = spool.held
    about, pcm = spool.read(held)
    assert about.ended == "closed"
    assert np.abs(pcm).max() > 1_000


# Before it is paired


@pytest.fixture
def unpaired(tmp_path: Path) -> EdgeConfig:
    return load_edge_config(
        None,
        {
            "MIRA_EDGE_DEVICE_NAME": "Kitchen",
            "MIRA_EDGE_DISCOVERY_INTERFACES": "127.0.0.1",
            "MIRA_EDGE_PATHS_STATE_DIR": str(tmp_path),
        },
    )


async def test_a_device_is_seen_before_it_is_paired(unpaired: EdgeConfig) -> None:
    seen: asyncio.Queue[DeviceRecord] = asyncio.Queue()

    def heard(sighting: Sighting[DeviceRecord]) -> None:
        if sighting.record.name == "Kitchen":
            seen.put_nowait(sighting.record)

    async with open_mdns(["127.0.0.1"]) as mdns, Browser(mdns, DeviceRecord, heard):
        waiting = asyncio.ensure_future(
            wait_for_pairing(unpaired, lambda: unpaired, notifier_from({}))
        )
        record = await seen.get()
        os.kill(os.getpid(), signal.SIGTERM)
        assert await waiting is None
    assert (record.network, record.listening) == (UNPAIRED, False)


@pytest.mark.looptime
async def test_once_it_is_paired_it_goes_on_by_itself(unpaired: EdgeConfig) -> None:
    quiet = msgspec.structs.replace(unpaired, discovery=Discovery(mdns=False))
    paired = msgspec.structs.replace(quiet, hub=Hub(network_id=NETWORK, client_id="kitchen"))
    read = iter([quiet, quiet, paired])
    assert await wait_for_pairing(quiet, lambda: next(read), notifier_from({})) is paired


@pytest.mark.process
async def test_a_daemon_listens_as_soon_as_it_is_paired(
    device: Device, manager: ServiceManager
) -> None:
    device.record()
    configured = device.config.read_text()
    device.config.write_text("[discovery]\nmdns = false\n")
    async with device.running(manager) as process:
        assert manager.told == ["READY=1\nSTATUS=not paired"]
        await manager.until("WATCHDOG=1")
        device.config.write_text(configured)
        await manager.until("READY=1\nSTATUS=listening")
        process.send(signal.SIGTERM)
        assert await process.end() == 0
    assert "Traceback" not in process.said


def test_a_device_is_unpaired_only_if_it_was_told_nothing(unpaired: EdgeConfig) -> None:
    assert unpaired.unpaired
    for hub in (Hub(network_id=NETWORK), Hub(client_id="kitchen"), Hub(token=Secret("a"))):
        assert not msgspec.structs.replace(unpaired, hub=hub).unpaired
