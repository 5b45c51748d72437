"""The applications of the legacy API: bounds, and that it is not there unless somebody wants it."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path

import pytest

from hub.config import HubConfig, Legacy, load_hub_config
from hub.legacy.app import own_doorkeeper
from hub.legacy.routes import CALLS
from hub.store.database import Database
from shared.errors import ConfigError
from tests.hub.api.site import open_site
from tests.hub.legacy.site import SAMPLES, LegacySite, audio, detail
from tests.hub.store.making import WoundClock

DOCUMENT = Path(__file__).parents[3] / "docs" / "legacy-api.md"


def config(**values: str) -> HubConfig:
    return load_hub_config(None, {f"MIRA_HUB_LEGACY_{k.upper()}": v for k, v in values.items()})


def test_unless_somebody_wants_it_there_is_none() -> None:
    assert config().legacy == Legacy(access="off", port=None, network=None, guide_url=None)
    assert config(port="8000").legacy.port == 8000
    assert config(guide_url="https://a.b/c?d=e#f").legacy.guide_url == "https://a.b/c?d=e#f"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("access", "open"),
        ("port", "70000"),
        ("port", ""),
        ("host", ""),
        ("network", "home"),
        ("guide_url", "moving.html"),
        ("guide_url", 'https://a.b/">; rel="x'),
        ("guide_url", "https://a.b/\r\nX-Evil: 1"),
    ],
)
def test_what_cannot_work_is_refused(name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=r"is not allowed\. Allowed: "):
        config(**{name: value})


async def test_where_it_is_off_nothing_is_there(database: Database, clock: WoundClock) -> None:
    async with open_site(database, clock) as site:
        for path in ("/legacy/", "/legacy/interactions", "/interactions/", "/"):
            answer = await site.ask("GET", path)
            assert (answer.status, answer.code) == (404, "NOT_FOUND")
            assert "Deprecation" not in answer.headers


async def test_a_body_beyond_its_bounds_is_refused(site: LegacySite) -> None:
    await site.enter()
    spaces = io.BytesIO(b"[" + b" " * 70_000 + b"]")
    json = {"Content-Type": "application/json"}
    answer = await site.call("PATCH", "/service/enable", data=spaces, headers=json)
    assert answer.status == 413
    assert detail(answer)
    many = audio("tablet", SAMPLES, **{f"part {n}": "x" for n in range(40)})
    assert (await site.call("POST", "/interactions/register", data=many)).status == 400
    parts = {f"part {n}": "x" * 900_000 for n in range(8)}
    large = audio("tablet", io.BytesIO(b"\1" * 6 * 2**20), **parts)  # none of them is too large
    assert (await site.call("POST", "/interactions/register", data=large)).status == 413


async def test_a_body_that_is_none_is_let_be(site: LegacySite) -> None:
    for data in (b"", b"nonsense", b"[1]", b'{"client_id": 7}', b"\xff", b"[" * 10_000):
        for method, path in (("GET", "/"), ("PATCH", "/service/enable")):
            headers = {"Content-Type": "application/json"}
            answer = await site.call(method, path, data=data, headers=headers)
            assert answer.status == 200, data


async def test_a_body_that_drips_is_given_up(
    site: LegacySite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.api.body.BODY_S", 0.05)
    port = site.old.port
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        b"PATCH /service/enable HTTP/1.1\r\nHost: hub\r\nContent-Type: application/json\r\n"
        b"Content-Length: 100\r\n\r\n{"
    )
    head = await reader.readuntil(b"\r\n\r\n")
    assert b" 408 " in head.splitlines()[0]
    assert b"Deprecation: @" in head
    writer.close()
    await writer.wait_closed()


def test_the_port_of_its_own_has_fewer_places_than_the_hubs() -> None:
    doorkeeper = own_doorkeeper()
    assert doorkeeper._most <= 256
    assert doorkeeper._most_from_one <= 64


def test_the_document_lists_every_call() -> None:
    page = DOCUMENT.read_text()
    for method, path, _ in CALLS:
        assert f"`{method} {path}`" in page, path
