"""`mira-hub migrate clients`: legacy clients get records and configurations."""

from __future__ import annotations

import argparse
import json
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from edge.config import load_edge_config
from hub import cli
from hub.authority import Authority
from hub.config import HubConfig, load_hub_config
from hub.migration.client_list import ClientListError
from hub.migration.clients import ClientFilesError, clients_command, merged
from hub.migration.errors import MigrationError
from hub.migration.legacy_system import LegacySystemError
from hub.store.database import Database
from hub.store.errors import NotFoundError
from hub.store.legacy_clients import LegacyClient, LegacyClients, public_id
from hub.store.moves import Moves
from hub.store.store import Store
from tests.hub.migration.test_legacy_system import entry, status
from tests.hub.store.making import WoundClock

ODD = "Wohnzimmer 1"
NETWORK = "legacy_migration_network"
URL = "https://192.168.1.10:8770"
Run = Callable[..., Awaitable[Any]]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "hub.toml"
    path.write_text(f'[paths]\nstate_dir = "{tmp_path / "state"}"\n[server]\nhost = "127.0.0.1"\n')
    return path


@pytest.fixture
def config(file: Path, tmp_path: Path) -> HubConfig:
    (tmp_path / "state").mkdir()
    return load_hub_config(file, {})


@pytest.fixture
async def network_id(any_database: Database, clock: WoundClock) -> str:
    """The UUID of a network that legacy data was moved into."""
    move = await Moves(any_database, clock).open(NETWORK, "Legacy", "/mira.db")
    return move.network_id


@pytest.fixture
def run(config: HubConfig, any_database: Database, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command; gives its status and what it prints for programs."""

    async def run(expected: int = 0, **given: Any) -> Any:
        nothing: dict[str, Any] = dict.fromkeys(
            ("system", "list", "network", "room", "write", "url")
        )
        args = argparse.Namespace(**nothing | {"json": True} | given)
        assert await clients_command(config, any_database, args) == expected
        return json.loads(capsys.readouterr().out)

    return run


def listing(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "clients.csv"
    path.write_text(text, encoding="utf-8")
    return path


def serving(document: Any) -> TestServer:
    async def answer(_: web.Request) -> web.Response:
        return web.json_response(document)

    app = web.Application()
    app.router.add_get("/", answer)
    return TestServer(app)


async def test_those_of_the_legacy_system_and_of_a_list_are_taken_once(
    run: Run, any_database: Database, clock: WoundClock, network_id: str, tmp_path: Path
) -> None:
    known = status(kitchen=entry("192.168.1.5"), **{ODD: entry("100.64.0.7")})
    file = listing(tmp_path, f"\ufeff{ODD},Living room,Living\nbath,Bath\n")
    async with serving(known) as server:
        system = str(server.make_url("/"))
        done = await run(system=system, list=file, room="Somewhere")
        again = await run(system=system, list=file, room="Elsewhere")
    assert done == {
        "network_id": NETWORK,
        "clients": [
            {"client_id": "kitchen", "legacy_id": "kitchen", "added": True},
            {"client_id": public_id(ODD), "legacy_id": ODD, "added": True},
            {"client_id": "bath", "legacy_id": "bath", "added": True},
        ],
        "refused": [],
        "configurations": [],
    }
    assert [each["added"] for each in again["clients"]] == [False] * 3
    records = {
        each.client_id: each
        for each, _ in await LegacyClients(any_database, clock).every(network_id)
    }
    odd = records[public_id(ODD)]
    assert (odd.name, odd.location) == ("Living room", {"room": "Living"})
    assert odd.device_info == {"legacy": {"id": ODD, "address": "100.64.0.7"}}
    assert records["kitchen"].location == records["bath"].location == {"room": "Somewhere"}


async def test_an_id_that_cannot_be_stored_is_told_and_the_others_are_taken(
    run: Run, network_id: str
) -> None:
    async with serving(status(**{"a\x1bb": {}, "kitchen": {}})) as server:
        done = await run(1, system=str(server.make_url("/")))
    assert done["refused"] == ["a\x1bb"]
    assert [each["client_id"] for each in done["clients"]] == ["kitchen"]


async def test_where_something_is_wrong_nothing_is_changed(
    run: Run,
    any_database: Database,
    clock: WoundClock,
    network_id: str,
    tmp_path: Path,
) -> None:
    good, out = listing(tmp_path, "bath"), tmp_path / "out"
    async with serving({"a": "router"}) as server:
        with pytest.raises(LegacySystemError):
            await run(system=str(server.make_url("/")), list=good, write=out)
    with pytest.raises(ClientListError, match="line 2"):
        await run(list=listing(tmp_path, "bath\nbath"), write=out)
    with pytest.raises(ClientFilesError, match=r"nowhere\.csv"):
        await run(list=tmp_path / "nowhere.csv", write=out)
    latin = tmp_path / "latin.csv"
    latin.write_bytes("Küche".encode("latin-1"))
    with pytest.raises(ClientFilesError, match="UTF-8"):
        await run(list=latin, write=out)
    with pytest.raises(MigrationError, match="--list"):
        await run()
    assert await Store(any_database, clock).clients(network_id) == ()
    assert not out.exists()


async def test_the_network_is_the_one_that_data_moved_into_or_is_named(
    run: Run, any_database: Database, clock: WoundClock, tmp_path: Path
) -> None:
    file = listing(tmp_path, "bath")
    store, moves = Store(any_database, clock), Moves(any_database, clock)
    other, _ = await store.create_network("Other")
    with pytest.raises(MigrationError, match="No legacy data was moved"):
        await run(list=file)
    with pytest.raises(NotFoundError, match="no such network"):
        await run(list=file, network=NETWORK)
    assert (await run(list=file, network=other.public_id))["network_id"] == other.public_id
    await moves.open(NETWORK, "Legacy", "/mira.db")
    assert (await run(list=file))["network_id"] == NETWORK
    await moves.open("net_" + "1" * 32, "Second", "/second.db")
    with pytest.raises(MigrationError, match="several"):
        await run(list=file)


async def test_each_gets_its_configuration_with_a_token_that_lets_it_in(
    run: Run,
    any_database: Database,
    clock: WoundClock,
    config: HubConfig,
    network_id: str,
    tmp_path: Path,
) -> None:
    store = Store(any_database, clock)
    # One that came by itself, to the legacy API; and a device that is none of them.
    await store.add_client(network_id, "Attic", "legacy", client_id="attic")
    await store.add_client(network_id, "New", client_id="new")
    out = tmp_path / "configurations"
    done = await run(list=listing(tmp_path, f"{ODD},Küche,Küche"), write=out, url=URL)
    assert done["configurations"] == [
        {"client_id": key, "file": str(out / f"{key}.toml"), "state": "written"}
        for key in sorted(("attic", public_id(ODD)))
    ]
    assert {each.name for each in out.iterdir()} == {"attic.toml", f"{public_id(ODD)}.toml"}
    assert stat.S_IMODE(out.stat().st_mode) == 0o700
    ca = Authority.open(config.paths.state_dir, "").ca
    for key, name, room in (("attic", "Attic", ""), (public_id(ODD), "Küche", "Küche")):
        file = out / f"{key}.toml"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        edge = load_edge_config(file, {})
        shown = edge.access()
        assert (shown.network_id, shown.client_id, shown.ca) == (NETWORK, key, ca)
        assert edge.hub.addresses == [URL]
        assert (edge.device.name, edge.device.room) == (name, room)
        access = await store.look_up(shown.token)
        assert access is not None
        assert (access.role, access.network_id, access.client_id) == ("client", network_id, key)


async def test_what_is_written_is_not_written_again_nor_who_has_moved(
    run: Run, any_database: Database, clock: WoundClock, network_id: str, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    await run(list=listing(tmp_path, "attic\nbath"), write=out)
    before = (out / "bath.toml").read_bytes()
    await Store(any_database, clock).client_connected(network_id, "attic", "mira-edge 1", 0)
    (out / "attic.toml").unlink()
    done = await run(write=out)
    assert [each["state"] for each in done["configurations"]] == ["moved already", "there already"]
    assert (out / "bath.toml").read_bytes() == before
    assert not (out / "attic.toml").exists()


async def test_a_folder_that_cannot_be_written_leaves_nothing_half_done(
    run: Run,
    any_database: Database,
    clock: WoundClock,
    network_id: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = listing(tmp_path, "bath")
    with pytest.raises(ClientFilesError, match="cannot be written"):
        await run(list=file, write=file)
    assert await Store(any_database, clock).clients(network_id) == ()
    await run(list=file)
    out = tmp_path / "out"

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full)
        with pytest.raises(ClientFilesError, match="No space left"):
            await run(write=out)
    assert list(out.iterdir()) == []
    assert (await run(write=out))["configurations"][0]["state"] == "written"


def test_a_list_names_those_that_the_system_has_seen() -> None:
    listed = (LegacyClient("a", "Anna", "hall"), LegacyClient("b", "Ben"))
    asked = (LegacyClient("c", "c", address="1"), LegacyClient("a", "a", address="2"))
    assert merged(listed, asked) == (
        LegacyClient("c", "c", address="1"),
        LegacyClient("a", "Anna", "hall", "2"),
        LegacyClient("b", "Ben"),
    )


def command(file: Path, *arguments: object) -> int:
    return cli.main(["migrate", "clients", *map(str, arguments), "--config", str(file)])


def test_an_operator_is_told_what_was_done(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cli.main(["network", "create", "Home", "--json", "--config", str(file)])
    network = json.loads(capsys.readouterr().out)["network_id"]
    out = tmp_path / "out"
    wanted = ("--list", listing(tmp_path, f"{ODD}\nbath"), "--network", network)
    assert command(file, *wanted, "--write", out) == 0
    printed = capsys.readouterr().out
    assert printed.splitlines()[:3] == [
        f"{network}: 2 added, 0 there already",
        f"  {public_id(ODD)} ({ODD}): added",
        "  bath: added",
    ]
    assert f"{out / 'bath.toml'}: written" in printed
    assert "mira_client_" not in printed
    assert command(file, *wanted) == 0
    assert "bath: there already, left as it is" in capsys.readouterr().out
    assert command(file, "--list", listing(tmp_path, "a\n,b"), "--network", network) == 1
    assert "line 2" in capsys.readouterr().err


@pytest.mark.parametrize(
    "wrong",
    [
        ("--from", "192.168.1.5:8000"),
        ("--from", "http://192.168.1.5:8000/service"),
        ("--from", "ftp://192.168.1.5"),
        ("--room", ""),
        ("--room", "x" * 65),
        ("--url", "http://192.168.1.10:8770"),
    ],
    ids=" ".join,
)
def test_what_cannot_be_meant_is_refused(file: Path, wrong: tuple[str, str]) -> None:
    with pytest.raises(SystemExit):
        command(file, *wrong)
