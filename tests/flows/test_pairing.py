"""Pairing over real sockets and TLS, and what a false hub gets of it: nothing."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

import edge.cli
import edge.pairing
from edge.config import Access, load_edge_config
from edge.hub_finder import HubFinder
from edge.pairing import pair_by_code, pair_by_link
from edge.startup import Connector
from hub.api.route import Services
from hub.app import make_app
from hub.authority import Authority
from hub.config import Api
from hub.networks import Networks
from hub.recognition.desks import Desks
from hub.speakers.desk import SpeakersDesk
from hub.store.accounts import Accounts
from hub.store.archive import Archive
from hub.store.database import Database
from hub.store.household import Household
from hub.store.pairing import PairingCodes
from hub.store.records import NetworkInfo
from hub.store.store import Store
from hub.store.voice_deeds import VoiceDeeds
from shared.clock import steady_clock
from shared.config_keys import Secret
from shared.discovery import HubRecord, Sighting
from shared.pairing import ATTEMPTS, Code, Link, PairingError
from tests.certificates import server_context
from tests.fakes import VirtualDesk
from tests.flows.scripted import ScriptedDevice
from tests.hub.speakers.people import FakeEncoder
from tests.voice import understand


@dataclass
class TlsHub:
    """A hub on a port, with a CA of its own."""

    authority: Authority
    network: NetworkInfo
    token: str
    store: Store
    codes: PairingCodes
    url: str = ""

    async def link(self) -> Link:
        """What `mira-hub pair` would show."""
        code, _ = await self.codes.new(self.network.network_id)
        return Link(self.url, self.authority.fingerprint, code)

    async def clients(self) -> list[str]:
        """The names of its devices."""
        return [client.name for client in await self.store.clients(self.network.network_id)]


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[TlsHub]:
    async with open_hub(tmp_path) as made:
        yield made


@asynccontextmanager
async def open_hub(tmp_path: Path, public_url: str | None = None) -> AsyncIterator[TlsHub]:
    """A hub with its own certificates; with a `public_url`, in the clear behind a proxy."""
    clock = steady_clock()
    authority = Authority.open(tmp_path / "hub", "hub_1")
    database = await Database.open(tmp_path / "hub.db")
    store, codes = Store(database, clock), PairingCodes(database, clock)
    network, token = await store.create_network("Home")
    networks = Networks(store, Desks(VirtualDesk(understand)), clock)
    services = Services(
        store,
        Accounts(database, clock),
        Archive(database, clock),
        Household(database, clock),
        networks,
        codes,
        "hub_1",
        voices=VoiceDeeds(database, clock),
        speakers=SpeakersDesk(FakeEncoder),
        ca=None if public_url else authority.ca,
        public_url=public_url,
    )
    runner = web.AppRunner(make_app(services, Api(burst=10_000)), access_log=None)
    await runner.setup()
    context = None if public_url else server_context(authority)
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
    await site.start()
    made = TlsHub(authority, network, token, store, codes)
    made.url = f"http{'s' if context else ''}://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    await networks.close()
    await runner.cleanup()
    await database.close()


@dataclass
class FalseHub:
    """Pretends to be the hub; notes every request that reaches it, decrypted where it can."""

    ca: str
    url: str = ""
    taken: list[str] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Whatever keeps a device talking."""
        self.taken.append(f"{request.method} {request.path_qs} {dict(request.headers)}")
        self.taken.append((await request.read()).decode(errors="replace"))
        if request.path == "/api/v1/ca":
            return web.json_response({"ca": self.ca})
        if request.path == "/api/v1/pair":
            return web.json_response(
                {
                    "proof": "ab" * 32,
                    "hub_id": "hub_1",
                    "network_id": "net_" + "0" * 32,
                    "network_name": "Home",
                    "client_id": "client_1",
                    "client_token": "mira_client_false",
                },
                status=201,
            )
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            self.taken.append(str(message.data))
        return socket


@asynccontextmanager
async def pretending(context: ssl.SSLContext | None, ca: str) -> AsyncIterator[FalseHub]:
    """A false hub on a port of this machine."""
    false = FalseHub(ca)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", false.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    false.url = f"http{'s' if context else ''}://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield false
    finally:
        await runner.cleanup()


async def test_a_device_is_paired_by_a_link_and_let_in_with_what_it_got(hub: TlsHub) -> None:
    pairing = await pair_by_link(await hub.link(), "kitchen", "Kitchen")
    assert pairing.ca == hub.authority.ca
    assert (pairing.hub_id, pairing.network_id) == ("hub_1", hub.network.public_id)
    access = Access(pairing.network_id, pairing.client_id, Secret(pairing.token), pairing.ca)
    async with aiohttp.ClientSession() as http:
        device = ScriptedDevice(await Connector(http, access)(pairing.address))
        assert (await device.greet()).client_id == pairing.client_id
        await device.channel.close()
    assert await hub.clients() == ["kitchen"]


async def test_a_typed_code_finds_its_hub_among_false_ones(
    hub: TlsHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = Authority.open(tmp_path / "false", "hub_1")
    async with pretending(server_context(theirs), theirs.ca) as false:

        async def sighted(_: list[str]) -> list[str]:
            return [false.url, "https://127.0.0.1:9", hub.url]

        monkeypatch.setattr(edge.pairing, "_sighted", sighted)
        code = (await hub.link()).code
        pairing = await pair_by_code(code, "kitchen", "", [])
    assert pairing.address == hub.url
    assert pairing.token != "mira_client_false"
    assert code.secret not in str(false.taken)


async def test_a_false_hub_cannot_pair_and_what_it_gets_opens_nothing(
    hub: TlsHub, tmp_path: Path
) -> None:
    """It gets a proof that is bound to its own CA; passed on, the hub refuses it."""
    theirs = Authority.open(tmp_path / "false", "hub_1")
    code = (await hub.link()).code
    async with pretending(server_context(theirs), theirs.ca) as false:
        link = Link(false.url, theirs.fingerprint, code)
        with pytest.raises(PairingError, match="does not know the code"):
            await pair_by_link(link, "kitchen", "")
        taken = json.loads(next(text for text in false.taken if '"proof"' in text))
    trusting = ssl.create_default_context(cadata=hub.authority.ca)
    async with (
        aiohttp.ClientSession() as http,
        http.post(f"{hub.url}/api/v1/pair", json=taken, ssl=trusting) as answer,
    ):
        assert answer.status == 403
    assert await hub.clients() == []
    await pair_by_link(Link(hub.url, hub.authority.fingerprint, code), "kitchen", "")


async def test_a_link_is_for_one_hub_only(hub: TlsHub, tmp_path: Path) -> None:
    theirs = Authority.open(tmp_path / "false", "hub_1")
    async with pretending(server_context(theirs), hub.authority.ca) as false:
        link = await hub.link()
        with pytest.raises(PairingError, match="No hub answers"):  # the CA is not theirs to use
            await pair_by_link(replace(link, url=false.url), "kitchen", "")
        false.ca = theirs.ca
        with pytest.raises(PairingError, match="is not the hub of the link"):
            await pair_by_link(replace(link, url=false.url), "kitchen", "")
        assert [text.split()[:2] for text in false.taken if text] == [["GET", "/api/v1/ca"]] * 2


@pytest.mark.parametrize("answer", [b"", b"{}", b'{"ca": 1}', b'{"ca": "x"}', b"\xff" * 100_000])
async def test_what_is_no_hub_is_said_to_be_none(hub: TlsHub, answer: bytes) -> None:
    async def odd(_: web.Request) -> web.Response:
        return web.Response(body=answer)

    app = web.Application()
    app.router.add_get("/api/v1/ca", odd)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=server_context(hub.authority)).start()
    url = f"https://127.0.0.1:{runner.addresses[0][1]}"
    with pytest.raises(PairingError, match=url):
        await pair_by_link(replace(await hub.link(), url=url), "kitchen", "")
    await runner.cleanup()


def spoof(number: int, port: int, ca_sha256: str, own_sha256: str) -> Sighting[HubRecord]:
    """One of many ways to announce a hub that is none."""
    tls = (ca_sha256, own_sha256, None)[number % 3]
    hub_id = ("hub_1", "hub_2")[number % 5 == 4]
    change = ("appeared", "updated", "heard")[number % 7 % 3]
    path = "/" if number % 2 else "/mira"
    record = HubRecord(hub_id, "Hub", path, tls)
    return Sighting(change, f"instance {number}", record, ("127.0.0.1",), port)  # type: ignore[arg-type]


async def test_of_a_hundred_spoofed_announcements_none_gets_a_byte_of_the_token(
    hub: TlsHub, tmp_path: Path
) -> None:
    pairing = await pair_by_link(await hub.link(), "kitchen", "")
    access = Access(pairing.network_id, pairing.client_id, Secret(pairing.token), pairing.ca)
    theirs = Authority.open(tmp_path / "false", "hub_1")
    tried = 0
    async with (
        pretending(server_context(theirs), theirs.ca) as false,
        pretending(None, theirs.ca) as plain,
        aiohttp.ClientSession() as http,
    ):
        connect = Connector(http, access)
        for number in range(100):
            finder = HubFinder([], pairing.hub_id, hub.authority.fingerprint)
            port = int((false if number % 4 else plain).url.rpartition(":")[2])
            finder.heard(spoof(number, port, hub.authority.fingerprint, theirs.fingerprint))
            for address in finder.addresses():
                tried += 1
                with pytest.raises(ConnectionError):
                    await connect(address)
        assert tried > 20  # those that claim to be of the hub's CA
        assert false.taken == []
        assert plain.taken == []
        device = ScriptedDevice(await connect(hub.url))
        await device.greet()
        await device.channel.close()


# Behind a reverse proxy


async def test_a_hub_behind_a_proxy_with_a_certificate_that_all_trust_works_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    public = Authority.open(tmp_path / "public", "somebody")
    trusted = tmp_path / "trusted.pem"
    trusted.write_text(public.ca)
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))  # what the system trusts
    behind = 0

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        theirs, ours = await asyncio.open_connection("127.0.0.1", behind)

        async def copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
            while data := await source.read(65_536):
                target.write(data)
            target.close()

        await asyncio.gather(copy(reader, ours), copy(theirs, writer), return_exceptions=True)

    proxy = await asyncio.start_server(pass_on, "127.0.0.1", 0, ssl=server_context(public))
    url = f"https://localhost:{proxy.sockets[0].getsockname()[1]}"
    async with proxy, open_hub(tmp_path, url) as hub, aiohttp.ClientSession() as http:
        behind = int(hub.url.rpartition(":")[2])
        made = await http.post(
            f"{hub.url}/api/v1/networks/{hub.network.public_id}/pairing-codes",
            headers={"Authorization": f"Bearer {hub.token}"},
        )
        link = Link.parse((await made.json())["link"])
        assert (link.url, link.ca_sha256) == (url, "")
        pairing = await pair_by_link(link, "kitchen", "")
        assert pairing.ca is None
        access = Access(pairing.network_id, pairing.client_id, Secret(pairing.token), pairing.ca)
        device = ScriptedDevice(await Connector(http, access)(pairing.address))
        assert (await device.greet()).client_id == pairing.client_id
        await device.channel.close()
        # Whom the system does not trust is not spoken to.
        monkeypatch.delenv("SSL_CERT_FILE")
        with pytest.raises(ConnectionError):
            await Connector(http, access)(pairing.address)


# The command


def pair(*arguments: str) -> int:
    return edge.cli.main(["pair", *arguments])


async def test_the_command_writes_the_configuration_and_uses_a_code_for_nothing_less(
    hub: TlsHub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, link = tmp_path / "edge.toml", await hub.link()
    path.write_text('# ours\n[log]\nlevel = "DEBUG"\n')
    missing = tmp_path / "nowhere" / "edge.toml"
    assert await asyncio.to_thread(pair, str(link), "--config", str(missing)) == 78
    assert await asyncio.to_thread(pair, "https://x", "--config", str(path)) == 1
    command = (str(link), "--config", str(path), "--name", "kitchen", "--room", "Küche")
    assert await asyncio.to_thread(pair, *command) == 0
    assert "kitchen belongs to Home now" in capsys.readouterr().out
    config = load_edge_config(path, {})
    assert config.access().ca == hub.authority.ca
    assert (config.device.name, config.device.room) == ("kitchen", "Küche")
    assert config.log.level == "DEBUG"
    assert "# ours" in path.read_text()

    assert await asyncio.to_thread(pair, *command) == 1
    assert "belongs to net_" in capsys.readouterr().err
    again = str(await hub.link())
    assert await asyncio.to_thread(pair, again, "--config", str(path), "--again") == 0
    assert load_edge_config(path, {}).device.name == "kitchen"
    assert load_edge_config(path, {}).hub.client_id != config.hub.client_id


async def test_a_code_that_was_guessed_wrong_too_often_pairs_nobody(hub: TlsHub) -> None:
    link = await hub.link()
    for _ in range(ATTEMPTS):
        with pytest.raises(PairingError, match="The pairing code is wrong"):
            await pair_by_link(replace(link, code=Code(link.code.public, "22222222")), "x", "")
    with pytest.raises(PairingError, match="The pairing code is wrong"):
        await pair_by_link(link, "x", "")
    assert await hub.clients() == []
