"""The HTTP side: who may come in, and how everybody else is told no."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestClient, TestServer

from hub.api import socket
from hub.api.route import Services
from hub.app import make_app
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
from shared.errors import StoreError
from shared.wire.channel import ChannelClosedError, WebSocketChannel
from shared.wire.codec import MAX_MESSAGE_BYTES
from shared.wire.session import Error
from tests.fakes import VirtualDesk
from tests.flows.scripted import ScriptedDevice
from tests.hub.speakers.people import FakeEncoder
from tests.voice import understand

UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
}


class Site:
    """The application on a port, with one network and one device."""

    def __init__(self, database: Database, api: Api) -> None:
        clock = steady_clock()
        self.store = Store(database, clock)
        self.networks = Networks(self.store, Desks(VirtualDesk(understand)), clock)
        services = Services(
            self.store,
            Accounts(database, clock),
            Archive(database, clock),
            Household(database, clock),
            self.networks,
            PairingCodes(database, clock),
            "hub_1",
            voices=VoiceDeeds(database, clock),
            speakers=SpeakersDesk(FakeEncoder),
        )
        self.client = TestClient(TestServer(make_app(services, api)))
        self.network: NetworkInfo
        self.token = ""

    async def open(self) -> None:
        self.network, _ = await self.store.create_network("Home")
        _, self.token, _ = await self.store.add_client(
            self.network.network_id, "kitchen", client_id="kitchen"
        )
        await self.client.start_server()

    def path(self, network: NetworkInfo | None = None) -> str:
        return f"/api/v1/networks/{(network or self.network).public_id}/ws"

    async def refusal(
        self, path: str = "", token: str = "", **headers: str
    ) -> tuple[int, dict[str, Any]]:
        """Asks for a WebSocket; status and error of the refusal."""
        given = UPGRADE | ({"Authorization": f"Bearer {token}"} if token else {}) | headers
        async with self.client.get(path or self.path(), headers=given) as answer:
            assert answer.content_type == "application/json"
            body = await answer.json()
            assert set(body) == {"error"}
            assert set(body["error"]) == {"code", "message", "details", "request_id"}
            return answer.status, body["error"]

    async def device(self, authorization: str = "") -> ScriptedDevice:
        headers = {"Authorization": authorization or f"Bearer {self.token}"}
        opened = await self.client.ws_connect(self.path(), headers=headers)
        return ScriptedDevice(WebSocketChannel(opened))


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    database = await Database.open(tmp_path / "hub.db")
    site = Site(database, Api(burst=10_000))
    await site.open()
    yield site
    await site.networks.close()
    await site.client.close()
    await database.close()


# Who may come in


async def test_a_devices_token_opens_a_socket_to_its_network(site: Site) -> None:
    device = await site.device()
    established = await device.greet()
    assert (established.client_id, established.network_id) == ("kitchen", site.network.public_id)


async def test_the_scheme_of_the_token_may_be_written_as_http_allows(site: Site) -> None:
    assert await (await site.device(f"bearer {site.token}")).greet()


async def test_whoever_may_not_come_in_learns_nothing_of_why(site: Site) -> None:
    neighbours, _ = await site.store.create_network("Neighbours")
    soon = datetime.now(UTC) - timedelta(seconds=1)
    expired = await site.store.issue_token(site.network.network_id, "kitchen", soon)
    revoked = await site.store.issue_token(site.network.network_id, "kitchen")
    access = await site.store.look_up(revoked)
    assert access is not None
    assert await site.store.revoke_token(site.network.network_id, access.token_id)
    nobody = "/api/v1/networks/net_" + "0" * 32 + "/ws"
    odd = "/api/v1/networks/%00%2e%2e'--/ws"
    answers = [
        await site.refusal(),
        await site.refusal(token="mira_client_" + "x" * 43),
        await site.refusal(token="x"),
        await site.refusal(token=expired),
        await site.refusal(token=revoked),
        await site.refusal(token="x" * 4000),
        await site.refusal(site.path(neighbours), site.token),
        await site.refusal(nobody, site.token),
        await site.refusal(odd, site.token),
        await site.refusal(nobody),
        await site.refusal(Authorization="Bearer "),
        await site.refusal(Authorization=f"Basic {site.token}"),
        await site.refusal(Authorization=site.token),
    ]
    told = {
        (status, error["code"], error["message"], *error["details"]) for status, error in answers
    }
    assert told == {(401, "UNAUTHORIZED", "The token gives no access to this network.")}
    assert len({error["request_id"] for _, error in answers}) == len(answers)


async def test_a_refusal_says_how_to_come_in(site: Site) -> None:
    async with site.client.get(site.path()) as answer:
        assert answer.headers["WWW-Authenticate"] == "Bearer"


async def test_a_token_in_the_address_is_not_taken_for_it_would_stand_in_logs(site: Site) -> None:
    for name in ("token", "access_token", "authorization"):
        assert (await site.refusal(f"{site.path()}?{name}={site.token}"))[0] == 401


@pytest.mark.parametrize("origin", ["https://example.org", "null", "http://127.0.0.1"])
async def test_no_page_in_a_browser_opens_a_socket(site: Site, origin: str) -> None:
    status, error = await site.refusal(token=site.token, Origin=origin)
    assert (status, error["code"]) == (401, "UNAUTHORIZED")


async def test_beyond_so_many_connections_the_next_is_told_to_come_later(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "MAX_CONNECTIONS", 1)
    await (await site.device()).greet()
    status, error = await site.refusal(token=site.token)
    assert (status, error["code"]) == (429, "LIMIT_EXCEEDED")
    # Whoever has no token learns nothing of how much is going on.
    assert (await site.refusal())[0] == 401


async def test_a_network_that_has_all_it_may_takes_no_place_of_the_others(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "MAX_OF_ONE_NETWORK", 1)
    await (await site.device()).greet()
    _, hall, _ = await site.store.add_client(site.network.network_id, "hall")
    status, error = await site.refusal(token=hall)
    assert (status, error["code"]) == (429, "LIMIT_EXCEEDED")
    await (await site.device()).greet()  # the same device, which comes back
    neighbours, _ = await site.store.create_network("Next door")
    _, theirs, _ = await site.store.add_client(neighbours.network_id, "hall")
    headers = {"Authorization": f"Bearer {theirs}"}
    opened = await site.client.ws_connect(site.path(neighbours), headers=headers)
    await ScriptedDevice(WebSocketChannel(opened)).greet()


async def test_what_asks_for_no_websocket_is_told_so(site: Site) -> None:
    headers = {"Authorization": f"Bearer {site.token}"}
    async with site.client.get(site.path(), headers=headers) as answer:
        assert answer.status == 400
        assert (await answer.json())["error"]["code"] == "INVALID_REQUEST"


# The socket


async def test_the_largest_message_is_taken_and_a_larger_one_ends_the_connection(
    site: Site,
) -> None:
    device = await site.device()
    await device.greet()
    await device.send_raw("x" * MAX_MESSAGE_BYTES)
    assert (await device.expect(Error)).code == "MALFORMED_MESSAGE"
    await device.send_raw("x" * (MAX_MESSAGE_BYTES + 1))
    with pytest.raises(ChannelClosedError) as closed:
        await device.expect(Error)
    assert closed.value.code == 1009


async def test_nothing_is_compressed(site: Site) -> None:
    headers = {"Authorization": f"Bearer {site.token}"}
    opened = await site.client.ws_connect(site.path(), headers=headers, compress=15)
    assert not opened.compress
    await opened.close()


async def test_a_store_that_fails_behind_an_open_socket_closes_it(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: object) -> None:
        raise StoreError("the disk is gone")

    site.store.client = broken  # type: ignore[method-assign, assignment]
    device = await site.device()
    with pytest.raises(ChannelClosedError) as closed:
        await device.greet()
    assert (closed.value.code, closed.value.reason) == (1011, "STORE_UNAVAILABLE")
    assert not [r for r in caplog.records if r.levelno >= logging.ERROR]


# Health, and what is not there


async def test_health_is_a_round_trip_to_the_store(site: Site) -> None:
    async with site.client.get("/api/v1/health") as answer:
        assert answer.status == 200
        health = await answer.json()
        assert (health["status"], health["connections"]) == ("ok", 0)
        assert 0 < health["store_ms"] < 10_000
    await (await site.device()).greet()
    async with site.client.get("/api/v1/health") as answer:
        assert (await answer.json())["connections"] == 1


async def test_a_store_that_does_not_answer_is_no_health(site: Site) -> None:
    async def broken() -> None:
        raise StoreError("the disk is gone")

    site.store.ping = broken  # type: ignore[method-assign]
    status, error = await site.refusal("/api/v1/health")
    assert (status, error["code"], error["message"]) == (
        503,
        "STORE_UNAVAILABLE",
        "the disk is gone",
    )


async def test_while_the_store_fails_nobody_is_called_a_stranger(site: Site) -> None:
    async def broken(_: str) -> None:
        raise StoreError("the disk is gone")

    site.store.look_up = broken  # type: ignore[method-assign, assignment]
    assert (await site.refusal(token=site.token))[0] == 503


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/", 404, "NOT_FOUND"),
        ("GET", "/api/v1/networks", 405, "METHOD_NOT_ALLOWED"),
        ("GET", "/api/v1/health/", 404, "NOT_FOUND"),
        ("POST", "/api/v1/health", 405, "METHOD_NOT_ALLOWED"),
    ],
)
async def test_what_is_not_there_has_the_shape_of_every_error(
    site: Site, method: str, path: str, status: int, code: str
) -> None:
    async with site.client.request(method, path) as answer:
        assert answer.status == status
        assert (await answer.json())["error"]["code"] == code


async def test_a_request_that_breaks_http_harms_nobody(site: Site) -> None:
    url = site.client.make_url("/api/v1/health")
    async with aiohttp.ClientSession() as http:
        with pytest.raises(aiohttp.ClientError):
            async with http.get(url, headers={"X-Long": "x" * 20_000}) as answer:
                answer.raise_for_status()
    async with site.client.get("/api/v1/health") as answer:
        assert answer.status == 200
