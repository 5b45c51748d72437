"""What the hub says of itself, and to whom."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hub.migration.runs import Runs
from shared.audio import pcm_to_bytes
from tests.hub.api.site import OPERATOR_TOKEN, Household, Site
from tests.hub.migration.test_runs import ROWS, run
from tests.hub.store import legacy
from tests.voice import say

ELSEWHERE = {"X-Forwarded-For": "192.0.2.7"}


def figure(text: str, line: str) -> float:
    """One of the figures; 0 where there is none."""
    found = re.search(rf"^{re.escape(line)} (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else 0.0


async def metrics(site: Site) -> str:
    async with site.client.get("/metrics") as answer:
        assert answer.status == 200
        assert answer.content_type == "text/plain"
        return await answer.text()


async def test_health_pings_what_the_hub_needs(site: Site) -> None:
    answer = await site.ask("GET", "/api/v1/health")
    assert answer.status == 200
    assert answer.body["status"] == "ok"
    assert answer.body["store"]["ms"] > 0
    assert answer.body["store"]["engine"] in ("sqlite", "postgresql")
    assert answer.body["recogniser"] == {"status": "ok", "engine": "fake", "waiting": 0}
    assert answer.body["legacy"]["access"] == "off"


async def test_a_recogniser_that_fails_is_seen_and_is_no_reason_to_be_restarted(
    site: Site,
) -> None:
    site.desk.hangs = True
    answer = await site.ask("GET", "/api/v1/health")
    assert (answer.status, answer.body["status"]) == (200, "degraded")
    assert answer.body["recogniser"]["status"] == "failing"


async def test_metrics_count_what_happened_and_name_nobody(site: Site, home: Household) -> None:
    before = await metrics(site)
    device = await site.device(home, "hall")
    data = pcm_to_bytes(say("ba de fi"))
    await site.ask("GET", home.base, home.token)
    await site.ask("GET", home.base, "wrong")
    after = await metrics(site)
    assert figure(after, "mira_connections") == 1
    await device.channel.close()
    await site.ask("POST", f"{home.base}/audio", home.clients["kitchen"], data=data)
    after = await metrics(site)
    route = 'method="GET",route="/api/v1/networks/{network_id}"'
    for line, more in (
        (f'mira_http_requests_total{{{route},status="200"}}', 1),
        (f'mira_http_requests_total{{{route},status="401"}}', 1),
        (f"mira_http_request_seconds_count{{{route}}}", 2),
        ('mira_elections_total{outcome="interaction"}', 1),
        ("mira_decode_seconds_count", 1),
    ):
        assert figure(after, line) - figure(before, line) == more, line
    for line in (
        "mira_outbox_bytes_max",
        "mira_events_behind_max",
        "mira_election_audio_bytes",
        "mira_elections_queued",
        "mira_store_writers_waiting",
        "mira_recogniser_waiting",
    ):
        assert re.search(rf"^{line} 0.0$", after, re.MULTILINE), line
    for secret in (home.network.public_id, home.network.network_id, "kitchen", "hall", "ba de"):
        assert secret not in after


async def test_moves_from_a_legacy_system_are_counted(site: Site, tmp_path: Path) -> None:
    before = await metrics(site)
    legacy.write(tmp_path / "legacy.db", ROWS)
    await run(Runs(site.database, site.clock, tmp_path), tmp_path / "legacy.db")
    after = await metrics(site)
    for name, was, now in (
        ("networks_migrated", 0, 1),
        ("interactions_migrated", 0, 2),
        ("errors", 0, 0),
        ("success_rate", 1, 1),
    ):
        assert figure(before, f'mira_migration_{name}{{network="all"}}') == was
        assert figure(after, f'mira_migration_{name}{{network="all"}}') == now
        line = f'mira_migration_{name}{{network="legacy_migration_network"}}'
        assert figure(after, line) == now
    assert figure(after, 'mira_migration_start_time{network="all"}') == site.clock.now_us / 1e6


@pytest.mark.parametrize(("token", "status"), [("", 401), ("wrong", 401), (OPERATOR_TOKEN, 200)])
async def test_metrics_are_the_operators(site: Site, token: str, status: int) -> None:
    headers = ELSEWHERE | ({"Authorization": f"Bearer {token}"} if token else {})
    async with site.client.get("/metrics", headers=headers) as answer:
        assert answer.status == status


async def test_a_households_token_opens_no_metrics(site: Site, home: Household) -> None:
    headers = ELSEWHERE | {"Authorization": f"Bearer {home.token}"}
    async with site.client.get("/metrics", headers=headers) as answer:
        assert answer.status == 401
