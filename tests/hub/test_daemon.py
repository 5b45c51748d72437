"""The hub as a service manager sees it: it says that it is ready, alive, and stopping."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import socket
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self

import aiohttp
import pytest
from aiohttp import web

import hub.daemon
from edge.config import Access
from edge.startup import Connector
from hub.cli import main
from hub.daemon import _watch
from shared.audio import pcm_to_bytes
from shared.config_keys import Secret
from shared.service import Notifier, Watchdog
from shared.tls import client_context
from shared.wire.channel import ChannelClosedError
from shared.wire.events import InteractionCreated
from shared.wire.session import ClientStatus
from shared.wire.utterance import AudioStreamSelected
from tests.flows.scripted import ScriptedDevice
from tests.processes import Daemon, ServiceManager, daemon, manager_in, store_of
from tests.voice import say

SIGTERM_LIMIT_S = 15


class Hub:
    """A hub in a folder."""

    def __init__(self, folder: Path, port: int = 0) -> None:
        self.folder = folder
        self.port = port
        self.config = folder / "hub.toml"
        self.configure()

    def configure(self, more: str = "") -> None:
        self.config.write_text(
            f'[server]\nhost = "127.0.0.1"\nport = {self.port}\n'
            '[recognition]\nengine = "fake"\n'
            "[discovery]\nmdns = false\n"
            f"[paths]\nstate_dir = {json.dumps(str(self.folder / 'state'))}\n{more}"
        )

    @asynccontextmanager
    async def running(self, manager: ServiceManager, watchdog_ms: int = 0) -> AsyncIterator[Daemon]:
        """Runs it; ready when this begins."""
        command = ["mira-hub", "serve", "--config", str(self.config)]
        async with daemon(command, self.folder, manager.environ(watchdog_ms)) as process:
            found = re.search(r"listening on port (\d+)", await manager.until("READY=1"))
            assert found
            self.port = int(found[1])
            self.configure()
            yield process

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @property
    def ca(self) -> str:
        return (self.folder / "state" / "tls" / "ca.pem").read_text()

    @property
    def database(self) -> Path:
        return self.folder / "state" / "hub.db"

    async def access(self, *names: str) -> list[Access]:
        """A new network's devices."""
        async with store_of(self.database) as store:
            network, _ = await store.create_network("Home")
            return [
                Access(
                    network.public_id,
                    name,
                    Secret((await store.add_client(network.network_id, name, client_id=name))[1]),
                    self.ca,
                )
                for name in names
            ]


@pytest.fixture
def home(tmp_path: Path) -> Hub:
    return Hub(tmp_path)


@pytest.fixture
async def manager(tmp_path: Path) -> AsyncIterator[ServiceManager]:
    async with manager_in(tmp_path) as manager:
        yield manager


# A process


@pytest.mark.process
async def test_a_hub_is_ready_when_it_listens_alive_while_it_answers_and_ends_when_asked(
    home: Hub, manager: ServiceManager
) -> None:
    async with (
        home.running(manager, watchdog_ms=60_000) as process,
        aiohttp.ClientSession() as http,
    ):
        assert manager.told == [f"READY=1\nSTATUS=listening on port {home.port}"]
        trusting = client_context(home.ca)
        async with http.get(f"{home.url}/api/v1/health", ssl=trusting) as answer:
            assert (await answer.json())["status"] == "ok"
        await manager.until("WATCHDOG=1")
        devices = []
        for access in await home.access("kitchen", "hall"):
            device = ScriptedDevice(await Connector(http, access)(home.url))
            await device.greet()
            devices.append(device)
        polite, deaf = devices  # the second takes no notice of the end
        hearing = asyncio.ensure_future(until_closed(polite))
        process.send(signal.SIGTERM)
        async with asyncio.timeout(SIGTERM_LIMIT_S):
            assert await process.wait() == 0
        assert await hearing == 1001
        assert manager.take() == ["STOPPING=1"]
        await deaf.channel.close()
    assert "Traceback" not in process.said
    assert "mira_client_" not in process.said
    async with store_of(home.database) as store:
        (network,) = await store.networks()
        clients = await store.clients(network.network_id)
        assert [client.connection_status for client in clients] == ["offline", "offline"]


async def until_closed(device: ScriptedDevice) -> int:
    """Reads until the hub closes the connection; with which code."""
    try:
        while True:
            await device.receive()
    except ChannelClosedError as closed:
        return closed.code


@pytest.mark.process
async def test_a_hub_that_was_killed_has_everything_when_it_is_back(
    home: Hub, manager: ServiceManager
) -> None:
    async with aiohttp.ClientSession() as http:
        async with home.running(manager) as process:
            access, other = await home.access("kitchen", "hall")
            device = ScriptedDevice(await Connector(http, access)(home.url))
            bystander = ScriptedDevice(await Connector(http, other)(home.url))
            await device.greet()
            await bystander.greet()
            await bystander.send(ClientStatus(microphone="closed"))
            await device.speak(say("ba de fi go"))
            said = [m for m in device.said if isinstance(m, InteractionCreated)]
            assert len(said) == 1
            await process.kill()
            assert await until_closed(device) == await until_closed(bystander) == 1006
        name = (home.folder / "state" / "hub_id").read_text()
        port = home.port
        async with home.running(manager):
            assert home.port == port
            assert (home.folder / "state" / "hub_id").read_text() == name
            async with store_of(home.database) as store:
                (network,) = await store.networks()
                clients = await store.clients(network.network_id)
                # Nobody has connected to this one yet, whatever the killed one had written.
                assert {client.connection_status for client in clients} == {"offline"}
            again = ScriptedDevice(await Connector(http, access)(home.url))
            await again.greet(cursor=0)
            assert await again.expect(InteractionCreated) == said[0]
            await again.channel.close()


@pytest.mark.process
async def test_a_port_that_is_taken_is_named_with_what_to_do(
    home: Hub, manager: ServiceManager
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        home.port = taken.getsockname()[1]
        home.configure()
        command = ["mira-hub", "serve", "--config", str(home.config)]
        async with daemon(command, home.folder, manager.environ()) as process:
            assert await process.end() == 1
        last = process.said.splitlines()[-1]
        assert last.startswith(f"mira-hub: The hub cannot listen on 127.0.0.1 port {home.port}")
        assert "already in use" in last
        assert "choose another [server] port" in last
        assert "Traceback" not in process.said
        assert manager.take() == []


# Stopping in the middle


class Busy:
    """A running hub that stores a recording, in vain: somebody else writes to the database."""

    def __init__(self, home: Hub, http: aiohttp.ClientSession, access: Access) -> None:
        self._home = home
        self._http = http
        self._access = access
        self._writer = sqlite3.connect(home.database, isolation_level=None)

    async def __aenter__(self) -> Self:
        connect = Connector(self._http, self._access)
        self.device = ScriptedDevice(await connect(self._home.url))
        await self.device.greet()
        self._writer.execute("BEGIN IMMEDIATE")
        self.upload = asyncio.ensure_future(self._send())
        while not (await self.device.expect(AudioStreamSelected)).final:
            pass
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()
        self.upload.cancel()
        await self.device.channel.close()

    def let_go(self) -> None:
        """The other one has written."""
        self._writer.execute("ROLLBACK")

    async def _send(self) -> tuple[int, dict[str, Any]]:
        async with self._http.post(
            f"{self._home.url}/api/v1/networks/{self._access.network_id}/audio",
            data=pcm_to_bytes(say("ba de fi go")),
            headers={"Authorization": f"Bearer {self._access.token}"},
            ssl=client_context(self._home.ca),
        ) as answer:
            return answer.status, await answer.json()


@pytest.mark.process
async def test_what_is_being_stored_when_it_is_asked_to_stop_is_stored_told_and_answered(
    home: Hub, manager: ServiceManager
) -> None:
    async with home.running(manager) as process, aiohttp.ClientSession() as http:
        (access,) = await home.access("kitchen")
        async with Busy(home, http, access) as busy:
            process.send(signal.SIGTERM)
            await manager.until("STOPPING=1")
            busy.let_go()
            async with asyncio.timeout(SIGTERM_LIMIT_S):
                status, answer = await busy.upload
                assert await until_closed(busy.device) == 1001
                assert await process.wait() == 0
            assert (status, answer["status"]) == (200, "completed")
            (told,) = [m for m in busy.device.said if isinstance(m, InteractionCreated)]
    async with store_of(home.database) as store:
        (network,) = await store.networks()
        (stored,) = await store.recent_interactions(network.network_id, 10)
    assert stored.interaction_id == told.interaction_id
    assert "Traceback" not in process.said


@pytest.mark.process
async def test_whoever_asks_twice_need_not_wait_for_what_was_begun(
    home: Hub, manager: ServiceManager
) -> None:
    async with home.running(manager) as process, aiohttp.ClientSession() as http:
        (access,) = await home.access("kitchen")
        async with Busy(home, http, access) as busy:
            process.send(signal.SIGINT)
            await manager.until("STOPPING=1")
            process.send(signal.SIGTERM)
            async with asyncio.timeout(SIGTERM_LIMIT_S):
                status, answer = await busy.upload
                busy.let_go()
                assert await until_closed(busy.device) == 1001
                assert await process.wait() == 0
            assert (status, answer["error"]["code"]) == (503, "HUB_STOPPING")
    assert "at once, as asked for" in process.said
    assert "Traceback" not in process.said


# What cannot start


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[server]\nprot = 1\n", "line 2: [server] has no key prot. Did you mean port?"),
        ("[server]\nport = 70000\n", "line 2: [server] port = 70000 is not allowed"),
        ("[sever]\n", "there is no table [sever]"),
        ("[server\n", "not TOML"),
    ],
)
def test_a_wrong_configuration_is_named_by_line_and_not_tried_again(
    home: Hub, text: str, complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    home.config.write_text(text)
    assert main(["serve", "--config", str(home.config)]) == 78
    assert complaint in capsys.readouterr().err


def test_a_configuration_that_is_not_there_is_wrong_too(
    home: Hub, capsys: pytest.CaptureFixture[str]
) -> None:
    home.config.unlink()
    assert main(["serve", "--config", str(home.config)]) == 78
    assert "cannot be read" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"this is no database, " * 100, "The database file is damaged or is no database"),
        (None, "The database file cannot be opened"),  # a folder stands there
    ],
)
def test_a_database_that_cannot_be_used_is_no_traceback(
    home: Hub, content: bytes | None, complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = home.folder / "hub.db"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    home.configure(f"[store]\npath = {json.dumps(str(path))}\n")
    assert main(["serve", "--config", str(home.config)]) == 1
    assert complaint in capsys.readouterr().err


# The watchdog


class Health:
    """A server whose health can be good, bad, or no answer at all."""

    def __init__(self) -> None:
        self.state = "bad"
        self.asked = asyncio.Semaphore(0)
        self.port = 0

    async def answer(self, _: web.Request) -> web.Response:
        self.asked.release()
        if self.state == "hangs":
            await asyncio.Event().wait()
        return web.Response(status=200 if self.state == "good" else 503)

    async def was_asked(self, times: int) -> None:
        for _ in range(times):
            await self.asked.acquire()


class Pulses(Watchdog):
    """Counts signs of life."""

    def __init__(self) -> None:
        super().__init__(Notifier(None), None)
        self.felt = asyncio.Semaphore(0)
        self.count = 0

    def pulse(self) -> None:
        self.count += 1
        self.felt.release()


@asynccontextmanager
async def watched(health: Health, host: str, told: str) -> AsyncIterator[Pulses]:
    """The hub's round trips to a server on `host`, as if it were told to listen on `told`."""
    app = web.Application()
    app.router.add_get("/api/v1/health", health.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, host, 0).start()
    pulses = Pulses()
    task = asyncio.ensure_future(_watch(told, runner.addresses[0][1], pulses))
    try:
        async with asyncio.timeout(10):
            yield pulses
    finally:
        task.cancel()
        await asyncio.wait([task])
        await runner.cleanup()


@pytest.fixture
def quick_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub.daemon, "ROUND_TRIP_S", 0.02)


@pytest.mark.usefixtures("quick_rounds")
@pytest.mark.parametrize("trouble", ["bad", "hangs"])
async def test_a_hub_that_does_not_answer_well_gives_no_sign_of_life_until_it_does(
    trouble: str,
) -> None:
    health = Health()
    health.state = trouble
    async with watched(health, "127.0.0.1", "127.0.0.1") as pulses:
        await health.was_asked(4)
        assert pulses.count == 0
        health.state = "good"
        for _ in range(3):
            await pulses.felt.acquire()
        health.state = trouble
        await health.was_asked(2)  # the first may have been under way
        known = pulses.count
        await health.was_asked(4)
        assert pulses.count <= known + 1


@pytest.mark.usefixtures("quick_rounds")
@pytest.mark.parametrize(
    ("host", "told"),
    [("127.0.0.1", "127.0.0.1"), ("127.0.0.1", "0.0.0.0"), ("::1", "::1"), ("::1", "::")],  # noqa: S104 - nothing is bound to it
)
async def test_a_hub_reaches_itself_wherever_it_listens(host: str, told: str) -> None:
    if ":" in host and not has_ipv6():
        pytest.skip("this machine has no IPv6")
    health = Health()
    health.state = "good"
    async with watched(health, host, told) as pulses:
        await pulses.felt.acquire()


def has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


@pytest.mark.process
async def test_a_second_hub_with_the_same_state_is_refused(
    home: Hub, manager: ServiceManager
) -> None:
    async with home.running(manager):
        command = ["mira-hub", "serve", "--config", str(home.config)]
        async with daemon(command, home.folder, manager.environ()) as second:
            assert await second.end() == 1
        assert "Another hub runs with the state in" in second.said
        assert "Traceback" not in second.said


def test_a_state_that_cannot_be_kept_is_named_without_a_traceback(
    home: Hub, capsys: pytest.CaptureFixture[str]
) -> None:
    (home.folder / "state").touch()
    assert main(["serve", "--config", str(home.config)]) == 1
    complaint = capsys.readouterr().err.splitlines()[-1]
    assert f"The folder {home.folder / 'state'} cannot be used" in complaint
