"""A hub in a process of its own."""

from __future__ import annotations

from pathlib import Path

import aiohttp
import pytest

from edge.simulation.hub_process import HubProcess
from edge.simulation.process import ProcessError
from shared.tls import client_context

pytestmark = pytest.mark.process


async def connections(hub: HubProcess) -> int:
    """What the hub's health check says; raises aiohttp.ClientError where it does not answer."""
    trusting = client_context(hub.ca)
    async with (
        aiohttp.ClientSession() as http,
        http.get(f"{hub.url}/api/v1/health", ssl=trusting) as answer,
    ):
        answer.raise_for_status()
        number: int = (await answer.json())["connections"]
        return number


async def test_a_hub_answers_from_its_start_to_its_end_and_on_the_same_port_again(
    tmp_path: Path,
) -> None:
    hub = HubProcess(tmp_path / "hub", engine="fake")
    network = await hub.create_network("Rivers")
    await hub.start()
    try:
        url = hub.url
        assert await connections(hub) == 0
        assert hub.recogniser == "fake"
        assert hub.sighting.record.id == hub.hub_id

        await hub.kill()
        with pytest.raises(aiohttp.ClientError):
            await connections(hub)
        await hub.start()
        assert hub.url == url
        assert await connections(hub) == 0

        kitchen, hall = await hub.add_clients(network.network_id, ["kitchen", "hall"])
        assert kitchen.network_id == network.network_id
        assert kitchen.client_id != hall.client_id
        assert repr(kitchen.token) == "Secret(...)"
    finally:
        await hub.stop()
    with pytest.raises(aiohttp.ClientError):
        await connections(hub)


async def test_a_hub_whose_port_is_taken_says_so(tmp_path: Path) -> None:
    one = HubProcess(tmp_path / "one", engine="fake")
    await one.start()
    try:
        with pytest.raises(ProcessError, match=f"(?s)ended while it started.*port {one.port}"):
            await HubProcess(tmp_path / "two", engine="fake", port=one.port).start()
    finally:
        await one.stop()


async def test_a_hub_without_its_weights_says_how_to_get_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIRA_WEIGHTS", str(tmp_path / "empty"))
    with pytest.raises(ProcessError, match="mira-hub models pull moonshine-tiny-en"):
        await HubProcess(tmp_path / "hub", engine="auto").start()


async def test_what_the_command_line_refuses_is_passed_on(tmp_path: Path) -> None:
    hub = HubProcess(tmp_path / "hub", engine="fake")
    with pytest.raises(ProcessError, match="There is no such network"):
        await hub.add_clients("net_0", ["kitchen"])


def test_a_hub_that_was_not_started_has_no_process(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="not started"):
        HubProcess(tmp_path / "hub").process  # noqa: B018 - the access is what is tested
