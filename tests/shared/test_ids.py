"""Identifiers."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import msgspec
import pytest

from shared.ids import CLIENT_ID, NETWORK_ID, new_client_id, new_id, new_network_id
from shared.wire import fields


def _accepts(kind: object, text: str) -> bool:
    try:
        msgspec.convert(text, kind)
    except msgspec.ValidationError:
        return False
    return True


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (new_network_id, fields.NetworkId),
        (new_client_id, fields.ClientId),
        (new_id, fields.Uuid),
    ],
)
def test_a_new_id_is_new_and_fits_the_wire(make: Callable[[], str], kind: object) -> None:
    made = [make() for _ in range(100)]
    assert len(set(made)) == 100
    assert all(_accepts(kind, one) for one in made)


def test_public_ids_show_what_they_name() -> None:
    assert NETWORK_ID.fullmatch(new_network_id())
    assert len(new_network_id()) == len("net_") + 32
    assert CLIENT_ID.fullmatch(new_client_id())
    assert len(new_client_id()) == len("client_") + 16


def test_other_ids_are_dashed_uuids() -> None:
    made = new_id()
    assert str(uuid.UUID(made)) == made


@pytest.mark.parametrize(
    ("text", "network", "client"),
    [
        ("legacy_migration_network", True, True),
        ("kitchen-pi.local_2", False, True),
        ("x" * 64, False, True),
        ("x" * 65, False, False),
        ("", False, False),
        ("net_", False, True),
        ("net_" + "A" * 32, False, True),
        ("../etc", False, False),
        ("-x", False, False),
        ("kitchen\n", False, False),
        ("küche", False, False),
    ],
)
def test_the_wire_and_the_patterns_agree_on_what_is_an_id(
    text: str, network: bool, client: bool
) -> None:
    assert bool(NETWORK_ID.fullmatch(text)) is network
    assert bool(CLIENT_ID.fullmatch(text)) is client
    assert _accepts(fields.NetworkId, text) is network
    assert _accepts(fields.ClientId, text) is client
