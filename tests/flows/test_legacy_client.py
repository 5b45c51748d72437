"""An unmodified client of the legacy system, and a hub that is a process."""

from __future__ import annotations

import asyncio
import http.client
import json
import re
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hub.cli import main
from hub.store.accounts import Accounts
from hub.store.database import Database
from hub.store.household import Household
from hub.store.moves import mark
from hub.store.scope import Scope
from hub.store.store import Store
from hub.store.tables import Network
from models.location import locate
from shared.clock import steady_clock
from tests.processes import Daemon, daemon, manager_in

pytestmark = [pytest.mark.process, pytest.mark.weights]

NAME = "Living room tablet"
STARTED = datetime.now(UTC) - timedelta(days=31)


class OldClient:
    """As the legacy system's clients were: no token, a JSON content type on everything."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.headers: list[dict[str, str]] = []  # of every answer

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """One call, on a connection of its own."""
        data = None if body is None else json.dumps(body).encode()
        return self._ask(method, path, data, "application/json")

    def post(self, path: str, parts: dict[str, bytes]) -> tuple[int, Any]:
        """One call with a form."""
        boundary = uuid.uuid4().hex
        form = b"".join(
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"'.encode()
            + (b'; filename="audio.wav"\r\nContent-Type: audio/wav' if name == "audio" else b"")
            + b"\r\n\r\n"
            + content
            + b"\r\n"
            for name, content in parts.items()
        )
        data = form + f"--{boundary}--\r\n".encode()
        return self._ask("POST", path, data, f"multipart/form-data; boundary={boundary}")

    def _ask(self, method: str, path: str, data: bytes | None, kind: str) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        try:
            connection.request(method, path, data, {"Content-Type": kind})
            answer = connection.getresponse()
            self.headers.append(dict(answer.getheaders()))
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()


class Moved:
    """A hub to which a household's legacy data was moved 31 days ago."""

    def __init__(self, folder: Path, process: Daemon) -> None:
        self.config = folder / "hub.toml"
        self.process = process
        (port,) = re.findall(r"the legacy API listens on 127\.0\.0\.1 port (\d+)", process.said)
        self.client = OldClient(int(port))
        self._database = folder / "hub.db"
        self.network = ""
        self.person = ""

    async def move(self) -> None:
        """What `mira-hub migrate` leaves behind."""
        clock = steady_clock()
        database = await Database.open(self._database)
        try:
            network, _ = await Store(database, clock).create_network("Legacy Data Migration")
            self.network = network.public_id
            owner, _ = await Household(database, clock).add_person(network.network_id, "Owner")
            self.person = owner.person_id
            async with database.transaction(Scope(network.network_id)) as session:
                row = await session.get(Network, network.network_id)
                assert row is not None
                row.extra = mark("/old/mira.db", STARTED)
                session.add(row)
        finally:
            await database.close()

    async def listening(self) -> bool:
        """Whether the network's microphones may be open, as its database has it."""
        database = await Database.open(self._database)
        try:
            (network,) = await Store(database, steady_clock()).networks()
            details = await Accounts(database, steady_clock()).network(network.network_id)
            return details.settings.listening
        finally:
            await database.close()


@pytest.fixture
async def moved(tmp_path: Path) -> AsyncIterator[Moved]:
    (tmp_path / "hub.toml").write_text(
        '[server]\nhost = "127.0.0.1"\nport = 0\n'
        '[recognition]\nengine = "moonshine-tiny-en"\npartial_engine = "none"\n'
        "[discovery]\nmdns = false\n"
        '[legacy]\naccess = "lan"\nport = 0\nhost = "127.0.0.1"\n'
        f"[paths]\nstate_dir = {json.dumps(str(tmp_path))}\n"
    )
    async with AsyncExitStack() as stack:
        manager = await stack.enter_async_context(manager_in(tmp_path))
        command = ["mira-hub", "serve", "--config", str(tmp_path / "hub.toml")]
        process = await stack.enter_async_context(daemon(command, tmp_path, manager.environ()))
        await manager.until("READY=1")
        yield Moved(tmp_path, process)


async def test_an_unmodified_client_goes_on_as_it_always_did(
    moved: Moved, capsys: pytest.CaptureFixture[str]
) -> None:
    client, speech = moved.client, (locate("sample-speech") / "beckett.wav").read_bytes()
    assert "without a token" in moved.process.said  # loudly, at the start
    status, body = await asyncio.to_thread(client.ask, "GET", "/")
    assert (status, list(body)) == (503, ["detail"])
    await moved.move()
    await asyncio.to_thread(live, client, speech, moved.person)
    assert not await moved.listening()
    for headers in client.headers[1:]:
        assert headers["Deprecation"] == f"@{int(STARTED.timestamp())}"
        assert headers["Sunset"].endswith("GMT")
        assert 'rel="deprecation"' in headers["Link"]
    # The hub stops, and has counted who still has to move.
    await moved.process.stop()
    listing = ["client", "list", "--network", moved.network, "--config", str(moved.config)]
    await asyncio.to_thread(main, listing)
    (line,) = capsys.readouterr().out.splitlines()
    # All but the first two: nothing was moved yet, and nobody had registered.
    assert f"legacy calls {len(client.headers) - 2}, the last " in line
    assert "from 127.0.0.1" in line
    assert line.endswith(NAME)


def live(client: OldClient, speech: bytes, person: str) -> None:
    """A day of a client: polls, registers, enables, posts audio, reads, trains, disables."""
    path = NAME.replace(" ", "%20")
    status, service = client.ask("GET", "/")
    assert (status, service["version"], service["connected_clients"]) == (200, "4.3.0", {})
    assert service["deprecation"]["new_endpoints"]["audio"].startswith("/api/v1/networks/net_")
    addresses = {"local_ip_address": "192.168.1.7", "external_ip_address": "203.0.113.9"}
    status, told = client.ask("POST", f"/service/client/register/{path}", addresses)
    assert (status, told["stream_scoring_enabled"]) == (200, True)
    assert client.ask("PATCH", "/service/disable", {"client_id": NAME})[0] == 200
    audio = {"client_id": NAME.encode(), "audio": speech}
    assert client.post("/interactions/register", audio)[0] == 503
    assert client.ask("PATCH", "/service/enable", {"client_id": NAME})[0] == 200
    status, service = client.ask("GET", "/")
    assert service["enabled"]
    assert set(service["connected_clients"]) == {NAME}

    status, said = client.post("/interactions/register", audio)
    assert status == 200, said
    assert len(said["text"].split()) > 5
    status, service = client.ask("GET", "/")
    assert service["recent_interactions"] == [said["id"]]
    assert service["best_client"]["client_id"] == NAME
    assert service["connected_clients"][NAME]["score"] > 0
    status, listed = client.ask("GET", "/interactions/?limit=5")
    assert [one["text"] for one in listed] == [said["text"]]  # a list, as ever
    assert client.ask("GET", f"/interactions/{said['id']}")[1]["timestamp"] == said["timestamp"]
    status, inferred = client.ask(
        "POST", f"/interactions/{said['id']}/inference", {"client_id": NAME}
    )
    assert (status, set(inferred)) == (200, {"message", "deprecation"})

    assert [one["index"] for one in client.ask("GET", "/persons/all")[1]] == [1]
    lesson = {"name": b"Ann", "audio": speech, "expected_text": b"and the fire"}
    status, taught = client.post(f"/persons/{person}/update", lesson)
    assert (status, taught["person"]["name"]) == (200, "Ann")
    assert client.post(f"/persons/{person}/train_embedding", {"audio": speech})[0] == 200
    status, config = client.ask("GET", f"/service/{path}/config")
    assert config["hub_url"].startswith("https://127.0.0.1:")
    assert len(config["ca_sha256"]) == 64

    assert client.ask("PATCH", "/service/disable", {"client_id": NAME})[0] == 200
    assert client.post("/interactions/register", audio)[0] == 503
    assert client.ask("DELETE", f"/service/client/deregister/{path}")[0] == 200
