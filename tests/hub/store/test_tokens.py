"""Tokens let in whom they were issued to, and nobody can read them out of the database."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from hub.store.errors import NotFoundError
from hub.store.records import Access, NetworkInfo
from hub.store.store import Store
from shared.ids import new_id
from tests.hub.store.making import WoundClock


async def _access(store: Store, token: str) -> Access:
    access = await store.look_up(token)
    assert access is not None
    return access


async def test_a_network_token_lets_into_its_network(store: Store) -> None:
    network, token = await store.create_network("Home")
    access = await _access(store, token)
    assert (access.role, access.client_id, access.client_name) == ("network", None, None)
    assert (access.network_id, access.network_public_id, access.network_status) == (
        network.network_id,
        network.public_id,
        "active",
    )


async def test_a_client_token_names_its_device(store: Store, home: NetworkInfo) -> None:
    _, token, _ = await store.add_client(home.network_id, "Attic", client_id="attic")
    access = await _access(store, token)
    assert (access.role, access.network_id) == ("client", home.network_id)
    assert (access.client_id, access.client_name) == ("attic", "Attic")


async def test_tokens_are_told_apart_at_a_glance_and_carry_256_bits(
    store: Store, home: NetworkInfo
) -> None:
    network, client = [await store.issue_token(home.network_id, who) for who in (None, "hall")]
    assert network.startswith("mira_net_")
    assert client.startswith("mira_client_")
    assert len(client.removeprefix("mira_client_")) == 43  # 256 bits, six a character


async def test_unknown_tokens_let_nobody_in(store: Store) -> None:
    _, token = await store.create_network("Home")
    for wrong in ("", "mira_net_", token[:-1], token + "a", token.upper()):
        assert await store.look_up(wrong) is None


async def test_a_headers_stray_bytes_let_nobody_in(sqlite_store: Store) -> None:
    assert await sqlite_store.look_up("mira_net_\udcff") is None


async def test_a_revoked_token_lets_nobody_in_and_others_still_do(
    store: Store, home: NetworkInfo
) -> None:
    lost, kept = [await store.issue_token(home.network_id, "hall") for _ in range(2)]
    token_id = (await _access(store, lost)).token_id
    assert await store.revoke_token(home.network_id, token_id)
    assert await store.look_up(lost) is None
    assert await store.look_up(kept) is not None
    assert not await store.revoke_token(home.network_id, token_id)


async def test_another_network_cannot_revoke_a_token(store: Store, home: NetworkInfo) -> None:
    other, _ = await store.create_network("Neighbours")
    token = await store.issue_token(home.network_id)
    assert not await store.revoke_token(other.network_id, (await _access(store, token)).token_id)
    assert await store.look_up(token) is not None


async def test_a_token_ends_when_it_expires(
    store: Store, home: NetworkInfo, clock: WoundClock
) -> None:
    clock.now_us = 1_800_000_000_000_000
    expiry = datetime(2027, 1, 15, 8, 0, 1, tzinfo=UTC)
    token = await store.issue_token(home.network_id, expires_at=expiry)
    clock.now_us += 999_999
    assert await store.look_up(token) is not None
    clock.now_us += 1
    assert await store.look_up(token) is None


async def test_the_files_hold_no_token(
    sqlite_store: Store, sqlite_home: NetworkInfo, path: Path
) -> None:
    token = await sqlite_store.issue_token(sqlite_home.network_id, "hall")
    secret = token.removeprefix("mira_client_").encode()
    for file in path.parent.iterdir():
        assert secret not in file.read_bytes()


async def test_a_token_for_nobody_is_refused(store: Store, home: NetworkInfo) -> None:
    for network_id, client_id in ((home.network_id, "cellar"), (new_id(), None)):
        with pytest.raises(NotFoundError):
            await store.issue_token(network_id, client_id)
