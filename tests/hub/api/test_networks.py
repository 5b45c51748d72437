"""Networks by the API."""

from __future__ import annotations

import pytest

from hub.store.database import Database
from hub.store.settings import NetworkSettings, settings_document
from shared.ids import new_id
from shared.pairing import Code, proof
from shared.wire.events import SettingsChanged
from shared.wire.session import Error
from shared.wire.utterance import UtteranceStarted
from tests.hub.api.site import OPERATOR_TOKEN, Household, Site, closed, open_site
from tests.hub.store.making import WoundClock


async def test_a_new_network_comes_with_all_that_is_needed_to_use_it(site: Site) -> None:
    made = await site.ask(
        "POST",
        "/api/v1/networks",
        OPERATOR_TOKEN,
        json={"name": "Rivers", "description": "By the sea", "settings": {"language": "en-GB"}},
    )
    assert made.status == 201
    given = ("websocket_url", "network_token", "client_registration_token")
    network = {name: value for name, value in made.body.items() if name not in given}
    token = made.body["network_token"]
    assert (network["name"], network["status"], network["version"]) == ("Rivers", "active", 1)
    assert network["settings"] == settings_document(NetworkSettings(language="en-GB"))
    path = f"/api/v1/networks/{network['network_id']}"
    assert made.body["websocket_url"].endswith(f"{path}/ws")
    assert made.body["websocket_url"].startswith("wss://mira.example.org/")
    shown = await site.ask("GET", path, token)
    assert shown.body == network
    assert shown.headers["ETag"] == '"1"'
    assert shown.headers["Cache-Control"] == "no-store"
    registered = await site.ask(
        "POST", f"{path}/clients", made.body["client_registration_token"], json={"name": "Hall"}
    )
    assert registered.status == 201


@pytest.mark.parametrize(
    ("allowed", "token", "status"),
    [
        ("open", "", 201),
        ("operator", OPERATOR_TOKEN, 201),
        ("operator", "", 401),
        ("operator", "wrong", 401),
        ("closed", OPERATOR_TOKEN, 403),
    ],
)
async def test_who_may_make_networks_is_the_operators_setting(
    database: Database, clock: WoundClock, allowed: str, token: str, status: int
) -> None:
    async with open_site(database, clock, create_networks=allowed) as site:
        made = await site.ask("POST", "/api/v1/networks", token, json={"name": "Rivers"})
        assert made.status == status
        assert len(await site.store.networks()) == (status == 201)


async def test_without_an_operators_token_nobody_has_it(
    database: Database, clock: WoundClock
) -> None:
    async with open_site(database, clock, operator_token=None) as site:
        for token in ("", "None"):
            made = await site.ask("POST", "/api/v1/networks", token, json={"name": "Rivers"})
            assert made.status == 403


async def test_new_settings_are_in_force_and_told_to_the_devices(
    site: Site, home: Household
) -> None:
    device = await site.device(home, "kitchen")
    changed = await site.ask("PUT", home.base, home.token, json={"settings": {"listening": False}})
    assert changed.body["settings"]["listening"] is False
    told = await device.expect(SettingsChanged)
    while told.listening:
        told = await device.expect(SettingsChanged)
    assert told.language == "en"


@pytest.mark.parametrize(
    "body",
    [
        {"settings": {"listening": "perhaps"}},
        {"settings": {"volume": 3}},
        {"status": "suspended"},
        {"name": ""},
        {"name": "x" * 65},
        {"nmae": "Rivers"},
        {"name": "Ri\x00vers"},
        [],
        "name",
        None,
    ],
)
async def test_what_cannot_be_is_refused_and_nothing_is_changed(
    site: Site, home: Household, body: object
) -> None:
    answer = await site.ask("PUT", home.base, home.token, json=body)
    if body is None:  # nothing to change
        assert answer.status == 200
        return
    assert answer.status == 400
    assert answer.code in ("INVALID_REQUEST", "INVALID_SETTINGS")
    assert (await site.ask("GET", home.base, home.token)).body["version"] == 1


async def test_two_who_change_at_once_do_not_overwrite_each_other(
    site: Site, home: Household
) -> None:
    etag = (await site.ask("GET", home.base, home.token)).headers["ETag"]
    answers = [
        await site.ask("PUT", home.base, home.token, json={"name": name}, **{"If-Match": etag})
        for name in ("First", "Second")
    ]
    assert [answer.status for answer in answers] == [200, 412]
    assert answers[1].code == "VERSION_CONFLICT"
    assert (await site.ask("GET", home.base, home.token)).body["name"] == "First"
    wrong = await site.ask("PUT", home.base, home.token, json={}, **{"If-Match": "first"})
    assert (wrong.status, wrong.code) == (400, "INVALID_REQUEST")


async def test_an_inactive_network_is_read_and_takes_no_audio(site: Site, home: Household) -> None:
    device = await site.device(home, "kitchen")
    assert (await site.ask("PUT", home.base, home.token, json={"status": "inactive"})).status == 200
    told = await device.expect(SettingsChanged)
    assert not told.listening
    assert (await site.ask("GET", f"{home.base}/interactions", home.token)).status == 200
    late = await site.device(home, "hall")
    await late.send(
        UtteranceStarted(
            utterance_id=new_id(), captured_at_us=late.clock(), onset_sample=0, reoffered=False
        )
    )
    assert (await late.expect(Error)).code == "FORBIDDEN"


async def test_a_deleted_network_is_gone_with_its_tokens_and_connections(
    site: Site, home: Household, neighbours: Household
) -> None:
    device = await site.device(home, "kitchen")
    assert (await site.ask("DELETE", home.base, home.token)).status == 204
    assert await closed(device) == 1001
    for token in (home.token, home.clients["kitchen"], home.registration):
        assert await site.store.look_up(token) is None
    assert (await site.ask("GET", home.base, home.token)).status == 401
    assert [n.public_id for n in await site.store.networks()] == [neighbours.network.public_id]
    assert (await site.ask("GET", neighbours.base, neighbours.token)).status == 200


async def test_too_many_requests_are_told_when_to_come_back(
    database: Database, clock: WoundClock
) -> None:
    async with open_site(database, clock, burst=3, requests_per_s=0.1) as site:
        home = await site.household("home")
        statuses = [(await site.ask("GET", home.base, home.token)).status for _ in range(4)]
        assert statuses == [200, 200, 200, 429]
        refused = await site.ask("GET", home.base, home.token)
        assert refused.code == "RATE_LIMIT_EXCEEDED"
        assert 8 <= int(refused.headers["Retry-After"]) <= 10
        # One household's haste is not another's.
        assert (await site.ask("GET", home.base, home.clients["hall"])).status == 200
        guesses = [(await site.ask("GET", home.base, f"guess {n}")).status for n in range(5)]
        assert guesses == [401, 401, 401, 429, 429]


# Settings


async def test_a_language_that_no_recogniser_knows_is_refused(site: Site, home: Household) -> None:
    settings = {"language": "fr", "listening": False}
    made = {"name": "Rivers", "settings": settings}
    for answer in (
        await site.ask("PUT", home.base, home.token, json={"settings": settings}),
        await site.ask("POST", "/api/v1/networks", OPERATOR_TOKEN, json=made),
    ):
        assert (answer.status, answer.code) == (400, "LANGUAGE_UNAVAILABLE")
    shown = await site.ask("GET", home.base, home.token)
    assert (shown.body["settings"]["language"], shown.body["settings"]["listening"]) == ("en", True)


@pytest.mark.parametrize(
    "settings",
    [
        {"registration": "anybody"},
        {"retention_days": 0},
        {"retention_days": "many"},
        {"min_quality_score": 101},
        {"min_confidence": -0.1},
        {"language": ""},
        {"time_zone": "Europe/Nowhere"},
        {"time_zone": "../etc/passwd"},
        {"time_zone": "localtime"},
        {"time_zone": "posixrules"},
        {"time_zone": "Factory"},
        {"time_zone": "right/Europe/Berlin"},
        {"control_phrases": {"Mira, stop!": "network_off"}},
        {"control_phrases": {"mira stop": "explode"}},
        {"control_by": "me"},
        {"unknown": 1},
    ],
)
async def test_a_setting_that_cannot_be_changes_nothing(
    site: Site, home: Household, settings: dict[str, object]
) -> None:
    before = await site.ask("GET", home.base, home.token)
    answer = await site.ask(
        "PUT", home.base, home.token, json={"settings": {"listening": False} | settings}
    )
    assert (answer.status, answer.code) == (400, "INVALID_SETTINGS")
    message = answer.body["error"]["message"]
    assert message.startswith("These are no settings of a network: ")
    assert message.endswith(".")
    if "registration" in settings:
        assert "(at registration). Allowed: closed, network, token." in message
    assert (await site.ask("GET", home.base, home.token)).body == before.body


@pytest.mark.parametrize(
    ("registration", "by_token", "by_network"),
    [("token", 201, 201), ("network", 403, 201), ("closed", 403, 403)],
)
async def test_who_may_register_is_the_networks_to_say(
    site: Site, home: Household, registration: str, by_token: int, by_network: int
) -> None:
    code = (await site.ask("POST", f"{home.base}/pairing-codes", home.token)).body["code"]
    await site.ask("PUT", home.base, home.token, json={"settings": {"registration": registration}})
    path = f"{home.base}/clients"
    answers = [
        await site.ask("POST", path, token, json={"name": "New"})
        for token in (home.registration, home.token)
    ]
    assert [answer.status for answer in answers] == [by_token, by_network]
    for answer in answers:
        assert answer.status == 201 or answer.code == "REGISTRATION_CLOSED"
    for issue in ("pairing-codes", "registration-tokens"):
        assert (await site.ask("POST", f"{home.base}/{issue}", home.token)).status == by_token
    typed = Code.parse(code)
    joining = {
        "code": typed.public,
        "proof": proof(typed.key(), "device", ""),
        "name": "Attic",
    }
    assert (await site.ask("POST", "/api/v1/pair", json=joining)).status == by_token
