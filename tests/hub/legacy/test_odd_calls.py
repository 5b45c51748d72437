"""Whatever somebody near sends: no answer is a fault of the hub's, and none breaks its form."""

from __future__ import annotations

import json
from itertools import cycle

import pytest
from yarl import URL

from hub.legacy.routes import CALLS
from tests.hub.legacy.site import LegacySite

# What is no multipart form is refused; aiohttp warns of it besides.
pytestmark = [
    pytest.mark.filterwarnings("ignore::aiohttp.multipart.BadContentDispositionHeader"),
    pytest.mark.filterwarnings("ignore::aiohttp.multipart.BadContentDispositionParam"),
]

NAMES = ("%FF", "%ED%A0%80", "%00", "%0A", "%25", "a%2Fb", "..%2F", "%F0%9F%8E%A4", "x" * 300)
FORM, JSON = "multipart/form-data; boundary=x", "application/json"
HEAD = b'--x\r\nContent-Disposition: form-data; name="'
BODIES = (
    (JSON, b""),
    (JSON, b'{"client_id": "\\ud800"}'),
    (JSON, b'{"client_id": "a\\u0000b", "location": {"latitude": 1, "longitude": 2}}'),
    (JSON, b'{"client_id": "tablet", "location": {"latitude": "x", "longitude": null}}'),
    (JSON, b'{"phone_client_id": "\\n", "target_client_id": "", "rssi": 1e999}'),
    (JSON, b"[" * 9_000),
    (FORM, b""),
    (FORM, b"nonsense"),
    (FORM, b"--x--\r\n"),
    (FORM, HEAD + b'client_id"\r\n\r\n\xff\r\n--x--\r\n'),
    (FORM, HEAD + b'audio"\r\n\r\n\0\1\r\n--x--\r\n'),
    (FORM, HEAD + b'\x01"\r\n\r\n1\r\n--x--\r\n'),
    (FORM, HEAD + b'name"\r\n\r\na\0b\r\n--x--\r\n'),
    ("multipart/form-data", b"no boundary"),
    ("", b"\0\1\2"),
)


@pytest.mark.parametrize("name", NAMES)
async def test_nothing_that_is_sent_is_a_fault_of_the_hubs(site: LegacySite, name: str) -> None:
    await site.enter()
    first = NAMES.index(name)
    bodies = cycle(BODIES[first:] + BODIES[:first])
    for method, path, _ in CALLS * 2:  # with two bodies each, other ones for each name
        where = path
        for part in ("client_id", "interaction_id", "conversation_id", "person_id"):
            where = where.replace(f"{{{part}}}", name)
        kind, body = next(bodies)
        url = URL(str(site.old.make_url("/")).rstrip("/") + where, encoded=True)
        async with site.old.session.request(
            method, url, data=body, headers={"Content-Type": kind}
        ) as answer:
            text = await answer.text()
            assert answer.status < 500 or answer.status == 503, (method, where, body, text)
            assert "Deprecation" in answer.headers
            if answer.status >= 400:
                assert list(json.loads(text)) == ["detail"]
