"""Who may do what: every route of the table, with every token, about every household."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from hub.api.route import Route, Who
from hub.api.routes import ROUTES
from hub.api.socket import websocket
from shared.audio import pcm_to_bytes
from shared.ids import new_id
from tests.hub.api.site import IDS, OPERATOR_TOKEN, Answer, Household, Site
from tests.voice import say

DOCUMENT = Path(__file__).parents[3] / "docs" / "api.md"
OF_NETWORK = [route for route in ROUTES if route.of_network]
TIME = "2026-11-25T12:00:00Z"
BODIES = {
    "NewClient": {"name": "Attic"},
    "NewNetwork": {"name": "New"},
    "NewPerson": {"name": "Ann"},
    "NewEvent": {"title": "Party", "start_time": TIME},
    "NewReminder": {"title": "Call", "due_time": TIME},
    "Merge": {"person_id": new_id()},
    "Split": {"interaction_ids": [new_id()]},
}
RECORDING = pcm_to_bytes(say("ba de fi ba de fi ba de fi"))
ROLES: tuple[Who, ...] = ("network", "client", "registration", "feed")


def name_of(route: Route) -> str:
    return f"{route.method} {route.path.removeprefix('/api/v1')}"


every_route = pytest.mark.parametrize("route", OF_NETWORK, ids=name_of)


async def ask(
    site: Site, route: Route, home: Household, token: str, needed: object = None, **path: str
) -> Answer:
    body = BODIES.get(route.body.__name__, {}) if route.body else None
    where, data = home.path(route.path, **path), None
    if route.recording:
        data = RECORDING
        where = f"{where}?client_id=hall" if route.recognises else where
    if route.addressed:
        where, token = f"{where}?token={quote(token)}", ""
    return await site.ask(route.method, where, token, json=needed or body, data=data)


async def needed(site: Site, route: Route, home: Household) -> object:
    """A body that names somebody or something of the household, where the route takes one."""
    network_id = home.network.network_id
    match route.body.__name__ if route.body else "":
        case "Merge":
            other, _ = await site.household_data.add_person(network_id, "Ben")
            return {"person_id": other.person_id}
        case "Split":
            await site.voices.set_speaker(network_id, home.interaction_id, home.person_id)
            return {"interaction_ids": [home.interaction_id]}
    return None


def without_id(answer: Answer) -> tuple[int, object]:
    """An answer without what differs from request to request."""
    error = {key: value for key, value in answer.body["error"].items() if key != "request_id"}
    return answer.status, error


def test_every_route_that_the_server_answers_to_is_in_the_table(site_routes: set[str]) -> None:
    table = {f"{route.method} {route.path}" for route in ROUTES}
    # What can be read can be asked for without it; a WebSocket cannot be read.
    heads = {f"HEAD {r.path}" for r in ROUTES if r.method == "GET" and r.handler is not websocket}
    assert site_routes == table | heads


@pytest.fixture
async def site_routes(site: Site) -> set[str]:
    app = site.client.app
    assert app is not None
    return {f"{route.method} {route.resource.canonical}" for route in app.router.routes()}  # type: ignore[union-attr]


def test_the_document_tells_who_may_use_each_route() -> None:
    rows = re.findall(r"^\| `(\w+ /[^`]*)` \| ([a-z, ]+) \|", DOCUMENT.read_text(), re.MULTILINE)
    assert dict(rows) == {
        f"{route.method} {route.path}": ", ".join(sorted(route.who)) for route in ROUTES
    }


@every_route
async def test_without_a_token_of_the_network_nothing_is_told(
    site: Site, home: Household, neighbours: Household, route: Route
) -> None:
    """Whoever has none, a revoked one or another network's: all get the same answer."""
    await site.accounts.revoke(home.network.network_id, "hall")
    await site.accounts.end_feeds(home.network.network_id)
    nowhere = replace(home, network=replace(home.network, public_id="net_" + "0" * 32))
    answers = [
        await ask(site, route, home, token)
        for token in (
            "",
            "mira_net_" + "x" * 43,
            home.clients["hall"],
            home.feed,
            neighbours.feed,
            neighbours.token,
            neighbours.clients["kitchen"],
            neighbours.registration,
            OPERATOR_TOKEN,
        )
    ]
    answers += [await ask(site, route, nowhere, token) for token in ("", home.token)]
    assert {str(without_id(answer)) for answer in answers} == {str(without_id(answers[0]))}
    assert (answers[0].status, answers[0].code) == (401, "UNAUTHORIZED")
    assert len(await site.store.networks()) == 2


@every_route
async def test_a_role_that_a_route_is_not_for_is_refused(
    site: Site, home: Household, route: Route
) -> None:
    tokens: dict[Who, str] = {
        "network": home.token,
        "client": home.clients["kitchen"],
        "registration": home.registration,
        "feed": home.feed,
    }
    for role in ROLES:
        if role in route.who:
            continue
        answer = await ask(site, route, home, tokens[role])
        assert (answer.status, answer.code) == (403, "FORBIDDEN"), role


@every_route
async def test_those_whom_a_route_is_for_may_use_it(
    site: Site, home: Household, route: Route
) -> None:
    tokens: dict[Who, str] = {
        "client": home.clients["kitchen"],
        "registration": home.registration,
        "feed": home.feed,
    }
    for role in ROLES:
        if role in route.who and role != "network":
            answer = await ask(site, route, home, tokens[role])
            assert answer.status in (route.status, 400 if route.raw else 404), answer
            break
    if "network" in route.who:
        fresh = await site.household("fresh")
        answer = await ask(site, route, fresh, fresh.token, needed=await needed(site, route, fresh))
        # A GET that asks for no WebSocket is told so.
        assert answer.status == (400 if route.raw else route.status), answer


@every_route
async def test_what_is_another_networks_looks_just_like_what_is_not_there(
    site: Site, home: Household, neighbours: Household, route: Route
) -> None:
    named = re.findall(r"\{(\w+)\}", route.path)
    if named == ["network_id"] or not route.who & {"network"}:
        return
    await site.store.add_client(neighbours.network.network_id, "attic", client_id="attic")
    theirs_all: dict[str, Any] = {name: getattr(neighbours, name) for name in IDS}
    foreign = replace(home, **theirs_all)
    nobodys_all: dict[str, Any] = {name: new_id() for name in IDS}
    unknown = replace(home, **nobodys_all)
    for token in (home.token, home.clients["kitchen"]):
        if token != home.token and "client" not in route.who:
            continue
        theirs = await ask(site, route, foreign, token, client_id="attic")
        nobodys = await ask(site, route, unknown, token, client_id="nobody")
        assert without_id(theirs) == without_id(nobodys)
        assert (theirs.status, theirs.code) == (404, route.missing)
        assert route.missing.startswith("INVALID_")
    theirs_now = await site.archive.interaction(
        neighbours.network.network_id, neighbours.interaction_id
    )
    assert theirs_now.text == "said in next door"
    assert len(await site.accounts.clients(neighbours.network.network_id)) == 3


@pytest.mark.parametrize("route", [route for route in OF_NETWORK if route.own], ids=name_of)
async def test_a_device_may_change_itself_only(site: Site, home: Household, route: Route) -> None:
    token = home.clients["kitchen"]
    other = await ask(site, route, home, token, client_id="hall")
    nobody = await ask(site, route, home, token, client_id="nobody")
    assert without_id(other) == without_id(nobody)
    assert (other.status, other.code) == (404, "INVALID_CLIENT_ID")
    assert (await ask(site, route, home, token)).status == route.status
    assert "hall" in {
        client.client_id for client in await site.accounts.clients(home.network.network_id)
    }


@every_route
async def test_a_suspended_network_is_refused_with_a_code(
    site: Site, home: Household, route: Route
) -> None:
    await site.store.set_network_status(home.network.network_id, "suspended")
    token = home.token if "network" in route.who else home.registration
    token = home.feed if "feed" in route.who else token
    answer = await ask(site, route, home, token)
    assert (answer.status, answer.code) == (403, "NETWORK_SUSPENDED")
