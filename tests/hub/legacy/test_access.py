"""Who may call: with a token of the network, or from the local network without one."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from hub.legacy.app import PREFIX
from hub.legacy.routes import CALLS
from hub.store.database import Database
from shared.ids import new_id
from tests.hub.api.site import IDS, Answer, Household
from tests.hub.legacy.site import SAMPLES, LegacySite, audio, detail, open_legacy_site
from tests.hub.store.making import WoundClock

BODIES = {
    "/interactions/register": lambda: audio("kitchen", SAMPLES),
    "/persons/{person_id}/update": lambda: audio(None, SAMPLES, name="Ann"),
    "/persons/{person_id}/train_embedding": lambda: audio(None, SAMPLES),
}
ORDERED = sorted(CALLS, key=lambda call: call[0] == "DELETE" or call[1] == "/service/disable")
"""What takes something away comes last."""
PHONE = {
    "client_id": "kitchen",
    "location": {"latitude": 1.0, "longitude": 2.0},
    "phone_client_id": "kitchen",
    "target_client_id": "kitchen",
    "rssi": -50.0,
}


async def ask(
    site: LegacySite,
    method: str,
    path: str,
    home: Household,
    token: str = "",
    prefix: str = "",
    client_id: str = "kitchen",
    **headers: str,
) -> Answer:
    """One of the table's calls, about a household."""
    form = BODIES.get(path)
    where = prefix + home.path(path, client_id=client_id)
    json = PHONE if path.startswith("/streams/phone") else None
    return await site.call(
        method, where, token, json=json, data=form() if form else None, headers=headers
    )


@pytest.fixture
async def neighbours(guarded: LegacySite) -> Household:
    return await guarded.household("next door")


async def test_without_a_token_of_the_network_nothing_is_told(
    guarded: LegacySite, neighbours: Household
) -> None:
    told = set()
    for method, path, _ in CALLS:
        answers = [
            await ask(guarded, method, path, guarded.home, token)
            for token in ("", "mira_net_" + "x" * 43, neighbours.token, neighbours.clients["hall"])
        ]
        answers.append(await ask(guarded, method, path, guarded.home, "", PREFIX))
        assert {answer.status for answer in answers} == {401}, path
        told |= {detail(answer) for answer in answers}
        for answer in answers:
            assert answer.headers["WWW-Authenticate"] == "Bearer"
            assert guarded.home.network.public_id not in str(answer)
        registration = await ask(guarded, method, path, guarded.home, guarded.home.registration)
        assert registration.status == 403, path
    assert len(told) == 2  # a token is missing, or it is wrong


async def test_a_token_of_the_network_or_of_its_client_opens_every_call(
    guarded: LegacySite,
) -> None:
    home = guarded.home
    for token in (home.token, home.clients["kitchen"]):
        await guarded.enter("kitchen", token)
        for method, path, _ in ORDERED:
            guarded.clock.now_us += 60_000_000  # what is said now is another utterance
            answer = await ask(guarded, method, path, home, token, PREFIX)
            gone = token != home.token and "{interaction_id}" in path
            assert answer.status == (404 if gone else 200), (path, answer)
        await guarded.call("PATCH", "/service/enable", token)


async def test_what_is_another_networks_looks_just_like_what_is_not_there(
    guarded: LegacySite, neighbours: Household
) -> None:
    home, nobodys = guarded.home, {name: new_id() for name in IDS}
    await guarded.store.add_client(neighbours.network.network_id, "attic", client_id="attic")
    theirs_all = {name: getattr(neighbours, name) for name in IDS}
    for method, path, _ in CALLS:
        if "_id}" not in path or "/register/" in path:  # that makes what is not there
            continue
        form = BODIES.get(path)
        theirs = await guarded.call(
            method,
            path.format(client_id="attic", **theirs_all),
            home.token,
            data=form() if form else None,
        )
        nothing = await guarded.call(
            method,
            path.format(client_id="nobody", **nobodys),
            home.token,
            data=form() if form else None,
        )
        assert theirs.status == nothing.status == 404, path
        assert detail(theirs).replace("attic", "") == detail(nothing).replace("nobody", "")
    kept = await guarded.archive.interaction(
        neighbours.network.network_id, neighbours.interaction_id
    )
    assert kept.text == "said in next door"


async def test_a_clients_token_is_for_that_client(guarded: LegacySite) -> None:
    home, token = guarded.home, guarded.home.clients["kitchen"]
    await guarded.enter("hall", home.token)
    for method, path, data in (
        ("POST", "/service/client/register/hall", None),
        ("POST", "/service/client/register/nobody", None),
        ("DELETE", "/service/client/deregister/hall", None),
        ("POST", "/interactions/register", audio("hall")),
    ):
        answer = await guarded.call(method, path, token, data=data)
        assert answer.status == 404, path
    assert (await guarded.call("GET", "/service/hall", token)).status == 200
    clients = await guarded.store.clients(home.network.network_id)
    assert {client.client_id for client in clients} == {"kitchen", "hall"}


async def test_a_token_that_is_revoked_opens_nothing(guarded: LegacySite) -> None:
    home = guarded.home
    await guarded.accounts.revoke(home.network.network_id, "kitchen")
    assert (await guarded.call("GET", "/", home.clients["kitchen"])).status == 401
    await guarded.store.set_network_status(home.network.network_id, "suspended")
    assert (await guarded.call("GET", "/", home.token)).status == 403


# Without a token


async def test_a_wrong_token_is_refused_from_near_too(site: LegacySite) -> None:
    neighbours = await site.household("next door")
    for token in ("wrong", neighbours.token):
        assert (await site.call("GET", "/", token)).status == 401
    assert (await site.call("GET", "/", site.home.token)).status == 200


async def test_the_local_network_opens_legacy_calls_and_no_others(site: LegacySite) -> None:
    for path in ("", "/interactions", "/clients"):
        assert (await site.ask("GET", site.home.base + path)).status == 401


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"])
async def test_what_comes_through_a_proxy_is_from_nowhere(site: LegacySite, header: str) -> None:
    for address in ("192.168.1.7", "203.0.113.9", "127.0.0.1"):
        said = {header: address}
        for path in ("/", f"{PREFIX}/"):
            assert (await site.call("GET", path, headers=said)).status == 401
            assert (await site.call("GET", path, site.home.token, headers=said)).status == 200


@pytest.fixture
async def behind_proxy(database: Database, clock: WoundClock) -> AsyncIterator[LegacySite]:
    async with open_legacy_site(database, clock, proxies=["127.0.0.1"]) as site:
        yield site


async def test_a_configured_proxy_is_no_way_in_whatever_it_says(behind_proxy: LegacySite) -> None:
    for headers in ({}, {"X-Forwarded-For": "192.168.1.7"}):
        for prefix in ("", PREFIX):
            answer = await behind_proxy.call("GET", f"{prefix}/", headers=headers)
            assert answer.status == 401


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("192.168.1.7", 200),
        ("100.100.1.1", 200),
        ("fd12::1", 200),
        ("203.0.113.9", 401),
        ("2001:db8::1", 401),
        ("100.128.0.1", 401),
        ("", 401),
    ],
)
async def test_where_a_request_comes_from_decides(
    site: LegacySite, address: str, status: int
) -> None:
    app = site.old.app
    assert app is not None
    request = make_mocked_request("GET", "/", headers={"Host": "hub"}, app=app)
    request = request.clone(remote=address)
    (middleware,) = [m for m in app.middlewares if "LegacyGate" in repr(m)]

    async def handler(_: web.Request) -> web.StreamResponse:
        return web.Response()

    request._match_info = await app.router.resolve(request)
    response = await middleware(request, handler)
    assert response.status == status


# How often


async def test_who_asks_too_often_is_told_to_wait(database: Database, clock: WoundClock) -> None:
    async with open_legacy_site(database, clock) as site:
        site.legacy.limits._burst = 5
        site.legacy.limits._rate_per_s = 0.001
        answers = [await site.call("GET", "/") for _ in range(7)]
        assert [answer.status for answer in answers] == [200] * 5 + [429] * 2
        assert int(answers[-1].headers["Retry-After"]) > 1
        assert "Deprecation" in answers[-1].headers
        # A token is another caller.
        assert (await site.call("GET", "/", site.home.token)).status == 200
        assert (await site.call("OPTIONS", "/")).status == 429
        assert (await site.call("GET", "/guide")).status == 429


async def test_guessing_tokens_is_slowed_down_by_address(
    database: Database, clock: WoundClock
) -> None:
    async with open_legacy_site(database, clock, "token") as site:
        site.legacy.limits._burst = 3
        site.legacy.limits._rate_per_s = 0.001
        answers = [await site.call("GET", "/", f"guess {n}") for n in range(4)]
        assert [answer.status for answer in answers] == [401] * 3 + [429]
