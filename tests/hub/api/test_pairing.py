"""Pairing by the API: a code lets one device join, soon or never."""

from __future__ import annotations

import asyncio

from hub.network.session import CLOSE_REVOKED
from shared.pairing import ATTEMPTS, LIFETIME_S, Code, Link, proof, proves
from shared.wire.events import ClientChanged
from tests.hub.api.site import PUBLIC_URL, Answer, Household, Site, closed

CA = ""  # the site is behind a reverse proxy whose certificate everybody trusts


async def issued(site: Site, home: Household) -> Code:
    made = await site.ask("POST", f"{home.base}/pairing-codes", home.token)
    assert made.status == 201
    link = Link.parse(made.body["link"])
    assert (link.url, link.ca_sha256) == (PUBLIC_URL, CA)
    assert str(link.code) == made.body["code"]
    return link.code


def wind(site: Site, seconds: int) -> None:
    site.clock.now_us += seconds * 1_000_000


async def join(site: Site, code: Code, ca_sha256: str = CA, name: str = "Attic") -> Answer:
    body = {
        "code": code.public,
        "proof": proof(code.key(), "device", ca_sha256),
        "name": name,
        "location": {"room": "attic"},
    }
    return await site.ask("POST", "/api/v1/pair", json=body)


async def test_a_device_that_knows_the_code_joins_and_may_speak(
    site: Site, home: Household
) -> None:
    code = await issued(site, home)
    hall = await site.device(home, "hall")
    joined = await join(site, code)
    assert joined.status == 201
    assert proves(joined.body["proof"], code.key(), "hub", CA)
    assert joined.body["network_id"] == home.network.public_id
    assert joined.body["hub_id"] == "hub_1"
    client_id = joined.body["client_id"]
    seen = await site.ask("GET", f"{home.base}/clients/{client_id}", joined.body["client_token"])
    assert (seen.body["name"], seen.body["location"]) == ("Attic", {"room": "attic"})
    home.clients[client_id] = joined.body["client_token"]
    await site.device(home, client_id)
    while (await hall.expect(ClientChanged)).client_id != client_id:
        pass  # what was told of the devices before it


async def test_a_code_is_good_for_one_device(site: Site, home: Household) -> None:
    code = await issued(site, home)
    both = await asyncio.gather(join(site, code), join(site, code, name="Cellar"))
    assert sorted(answer.status for answer in both) == [201, 403]
    again = await join(site, code)
    assert (again.status, again.code) == (403, "INVALID_PAIRING_CODE")


async def test_a_code_is_over_after_ten_minutes(site: Site, home: Household) -> None:
    code, late = await issued(site, home), await issued(site, home)
    wind(site, LIFETIME_S - 1)
    assert (await join(site, code)).status == 201
    wind(site, 1)
    assert (await join(site, late)).code == "INVALID_PAIRING_CODE"


async def test_a_code_bears_five_attempts(site: Site, home: Household) -> None:
    code, spared = await issued(site, home), await issued(site, home)
    wrong = Code(code.public, "22222222")
    for _ in range(ATTEMPTS - 1):
        assert (await join(site, wrong)).status == 403
    assert (await join(site, Code(spared.public, "22222222"))).status == 403
    assert (await join(site, wrong)).status == 403
    assert (await join(site, code)).code == "INVALID_PAIRING_CODE"
    assert (await join(site, spared)).status == 201  # each code counts for itself


async def test_a_proof_that_was_made_for_another_ca_is_worth_nothing(
    site: Site, home: Household
) -> None:
    """Whoever stands between device and hub under a CA of their own gets no more than that."""
    code = await issued(site, home)
    assert (await join(site, code, ca_sha256="ab" * 32)).status == 403


async def test_all_that_is_refused_looks_the_same(site: Site, home: Household) -> None:
    used, suspended = await issued(site, home), await issued(site, home)
    await join(site, used)
    await site.store.set_network_status(home.network.network_id, "suspended")
    answers = [
        await join(site, code)
        for code in (used, suspended, Code("2222", "22222222"), Code(used.public, "22222222"))
    ]
    errors = [answer.body["error"] | {"request_id": ""} for answer in answers]
    assert errors == [errors[0]] * 4
    assert {answer.status for answer in answers} == {403}


async def test_codes_that_are_over_are_forgotten(site: Site, home: Household) -> None:
    first = await issued(site, home)
    wind(site, LIFETIME_S)
    await issued(site, home)
    wind(site, -LIFETIME_S)
    assert (await join(site, first)).status == 403


async def test_a_device_that_was_paired_can_be_revoked(site: Site, home: Household) -> None:
    joined = (await join(site, await issued(site, home))).body
    home.clients[joined["client_id"]] = joined["client_token"]
    device = await site.device(home, joined["client_id"])
    await site.ask("DELETE", f"{home.base}/clients/{joined['client_id']}/token", home.token)
    assert await closed(device) == CLOSE_REVOKED
