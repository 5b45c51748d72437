"""After a lively day no token is to be found in anything that the hub keeps or writes."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from edge.config import Access
from edge.pairing import pair_by_link
from edge.simulation.process import output_of, program
from edge.startup import Connector
from hub.network.session import CLOSE_REVOKED
from hub.store.tokens import hash_of
from shared.config_keys import Secret
from shared.errors import AccessDeniedError
from shared.pairing import Code, Link, PairingError
from shared.tls import client_context
from shared.wire.session import Error
from shared.wire.utterance import Release
from tests.flows.scripted import ScriptedDevice
from tests.hub.api.site import closed
from tests.hub.isolation.overseer import Overseer, Place
from tests.processes import daemon, manager_in
from tests.voice import say

OPERATOR = "the operator's own long random text"


@dataclass
class Day:
    """A hub that is a process and logs all it can, and whoever knocks at it."""

    folder: Path
    place: Place
    http: aiohttp.ClientSession
    url: str = ""
    secrets: set[str] = field(default_factory=set)
    devices: list[ScriptedDevice] = field(default_factory=list)

    @property
    def state(self) -> Path:
        """Where the hub keeps its files."""
        return self.folder / "state"

    @property
    def config(self) -> Path:
        return self.folder / "hub.toml"

    @property
    def ca(self) -> str:
        return (self.state / "tls" / "ca.pem").read_text()

    def configure(self) -> None:
        server = isinstance(self.place.hub, str)
        store = f"[store]\nurl = {json.dumps(str(self.place.hub))}\n" if server else ""
        self.config.write_text(
            '[server]\nhost = "127.0.0.1"\nport = 0\n[recognition]\nengine = "fake"\n'
            '[discovery]\nmdns = false\n[log]\nlevel = "DEBUG"\n'
            f"[api]\noperator_token = {json.dumps(OPERATOR)}\n"
            f"[paths]\nstate_dir = {json.dumps(str(self.state))}\n{store}"
        )

    async def command(self, *arguments: str) -> str:
        """What one of the hub's own commands prints."""
        return await output_of([program("mira-hub"), *arguments, "--config", str(self.config)])

    async def ask(
        self,
        method: str,
        path: str,
        token: str,
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, Any]:
        """One request; tokens in its answer are noted."""
        said = {"Authorization": f"Bearer {token}"} if headers is None else headers
        async with self.http.request(
            method, f"{self.url}/api/v1{path}", json=body, headers=said, ssl=client_context(self.ca)
        ) as answer:
            given = await answer.json() if answer.status != 204 else {}
            if isinstance(given, dict):
                self.secrets |= {v for k, v in given.items() if k.endswith("_token")}
            return answer.status, given

    async def device(self, network_id: str, client_id: str, token: str) -> ScriptedDevice:
        """A connected device that was greeted."""
        access = Access(network_id, client_id, Secret(token), self.ca)
        device = ScriptedDevice(await Connector(self.http, access)(self.url))
        self.devices.append(device)
        await device.greet()
        return device


@asynccontextmanager
async def day(folder: Path, place: Place) -> AsyncIterator[Day]:
    """A running hub; killed at the end, so that nothing is tidied up."""
    async with manager_in(folder) as manager, aiohttp.ClientSession() as http:
        day = Day(folder, place, http)
        day.configure()
        command = ["mira-hub", "serve", "--config", str(day.config)]
        async with daemon(command, folder, manager.environ()):
            found = re.search(r"listening on port (\d+)", await manager.until("READY=1"))
            assert found
            day.url = f"https://127.0.0.1:{found[1]}"
            yield day
            for device in day.devices:
                await device.channel.close()


async def live(day: Day) -> None:
    """Networks, devices, pairing, rotation, sockets, speech, and all that can go wrong."""
    _, made = await day.ask("POST", "/networks", OPERATOR, {"name": "Home"})
    network_id, owner = made["network_id"], made["network_token"]
    base = f"/networks/{network_id}"
    _, other = await day.ask("POST", "/networks", OPERATOR, {"name": "Next door"})
    stranger = other["network_token"]
    registration = made["client_registration_token"]
    _, kitchen = await day.ask("POST", f"{base}/clients", registration, {"name": "Kitchen"})
    _, hall = await day.ask("POST", f"{base}/clients", owner, {"name": "Hall"})
    await day.ask("POST", f"{base}/registration-tokens", owner)
    _, feed = await day.ask("POST", f"{base}/calendar-feed", owner)
    for url, status in ((feed["url"], 200), (f"{feed['url']}&x=1", 400), (feed["url"] + "x", 401)):
        async with day.http.get(url, ssl=client_context(day.ca)) as answer:
            assert answer.status == status
    client_id, token = kitchen["client_id"], kitchen["client_token"]

    device = await day.device(network_id, client_id, token)
    await device.send_raw(json.dumps({"type": "hello", "token": token}))
    await device.send_raw(json.dumps({"type": token}))
    await device.expect(Error)
    await device.expect(Error)
    spoken = await device.speak(say("ba de fi go"))
    assert any(isinstance(m, Release) and m.utterance_id == spoken for m in device.said)
    await day.device(network_id, "", owner)

    own = f"{base}/clients/{client_id}"
    _, rotated = await day.ask("POST", f"{own}/token", token, {"overlap_s": 0})
    second = await day.device(network_id, hall["client_id"], hall["client_token"])
    hall_token = f"{base}/clients/{hall['client_id']}/token"
    assert (await day.ask("DELETE", hall_token, owner))[0] == 204
    assert await closed(second) == CLOSE_REVOKED

    refused = [
        await day.ask("POST", f"{base}/clients", registration, {"name": "Again"}),
        await day.ask("GET", base, token),
        await day.ask("GET", base, stranger),
        await day.ask("PUT", base, owner, {"settings": {owner: owner}}),
        await day.ask("PUT", base, owner, {"token": owner}),
        await day.ask("GET", f"{base}/interactions?cursor={owner}", owner),
        await day.ask("GET", f"{base}/interactions?token={owner}", owner),
        await day.ask("GET", f"{base}?token={owner}", owner),
        await day.ask("GET", f"{base}/interactions/{owner}", owner),
        await day.ask("GET", f"/networks/{owner}", owner),
        await day.ask("GET", f"/{owner}", owner),
        await day.ask("GET", base, "", headers={"Authorization": f"Basic {owner}"}),
        await day.ask("PUT", base, "", {}, {"Authorization": owner, "If-Match": owner}),
        await day.ask("PUT", own, rotated["client_token"], {"name": 1, "x": owner}),
    ]
    assert all(400 <= status < 500 for status, _ in refused)
    with pytest.raises(AccessDeniedError):
        await day.device(network_id, client_id, token)

    link = Link.parse(json.loads(await pairing_code(day, network_id))["link"])
    day.secrets |= {link.code.secret, str(link.code), str(link)}
    wrong = Link(link.url, link.ca_sha256, Code.new())
    with pytest.raises(PairingError):
        await pair_by_link(wrong, "Stranger", "")
    day.secrets.add((await pair_by_link(link, "Attic", "")).token)

    network = json.loads(await day.command("network", "create", "By hand", "--json"))
    day.secrets.add(network["token"])
    added = json.loads(
        await day.command("client", "add", "Cellar", "--network", network["network_id"], "--json")
    )
    day.secrets.add(added[0]["token"])
    client = [added[0]["client_id"], "--network", network["network_id"]]
    day.secrets.add((await day.command("client", "rotate", *client)).strip())
    await day.ask("DELETE", f"/networks/{other['network_id']}", stranger)


async def pairing_code(day: Day, network_id: str) -> str:
    return await day.command("pair", "--network", network_id, "--url", day.url, "--json")


@pytest.mark.process
async def test_after_a_lively_day_no_token_is_in_anything_that_the_hub_keeps(
    tmp_path: Path, place: Place
) -> None:
    folder = tmp_path / "day"
    folder.mkdir()
    if isinstance(place.hub, Path):
        place = Place(folder / "state" / "hub.db", f"sqlite:///{folder / 'state' / 'hub.db'}")
    async with day(folder, place) as lived:
        await live(lived)
        written = kept(lived)  # while it runs: the write-ahead log is there
        assert isinstance(place.hub, str) or written_ahead(lived)
    written += kept(lived)
    if isinstance(place.hub, str):
        with Overseer.of(place) as overseer:
            written += overseer.dump()
    assert len(lived.secrets) >= 14
    secrets = {secret.encode() for secret in lived.secrets}
    found = {secret for secret in secrets if secret in written}
    # Without the part that all tokens of a kind begin with.
    found |= {s for s in secrets if s.startswith(b"mira_") and s.split(b"_", 2)[2] in written}
    assert not found
    # What is looked through is really all of it.
    assert b" DEBUG " in written
    hashes = [hash_of(s) for s in lived.secrets if s.startswith(("mira_client_", "mira_net_"))]
    assert sum(each.encode() in written for each in hashes) >= len(hashes) - 1  # one network left


def kept(lived: Day) -> bytes:
    """Every byte of every file of the hub's, its logs too; not the operator's configuration."""
    files = [file for file in lived.folder.rglob("*") if file.is_file() and file != lived.config]
    assert lived.folder / "mira-hub.log" in files
    return b"".join(file.read_bytes() for file in files)


def written_ahead(lived: Day) -> bool:
    return (lived.state / "hub.db-wal").stat().st_size > 0
