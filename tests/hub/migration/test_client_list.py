"""An operator's list of legacy clients."""

from __future__ import annotations

import pytest

from hub.migration.client_list import ClientListError, of_ids, parse
from hub.store.legacy_clients import LegacyClient


def test_a_line_names_a_client_and_if_wanted_what_people_call_it_and_where_it_stands() -> None:
    text = """\
# our clients
kitchen

Wohnzimmer 1, Living room
  # the old laptop
"a,b", "Anna's, old", Bad
hall,,Hall
"""
    assert parse(text) == (
        LegacyClient("kitchen", "kitchen"),
        LegacyClient("Wohnzimmer 1", "Living room"),
        LegacyClient("a,b", "Anna's, old", "Bad"),
        LegacyClient("hall", "hall", "Hall"),
    )


def test_an_id_that_is_longer_than_a_name_is_cut_for_people() -> None:
    (client,) = parse("x" * 256)
    assert (client.id, client.name) == ("x" * 256, "x" * 64)


def test_every_broken_line_is_named_with_its_number() -> None:
    text = "\n".join(
        (
            "kitchen",
            "a,b,c,d",
            ",Nobody",
            '"open',
            "kitchen,Again",
            f"hall,{'x' * 65}",
            f"hall,Hall,{'x' * 65}",
            "ha\x1bll",
            "x" * 257,
            "bath",
        )
    )
    with pytest.raises(ClientListError) as error:
        parse(text)
    lines = str(error.value).splitlines()
    assert [line.split(":")[0].strip() for line in lines[1:]] == [
        f"line {number}" for number in range(2, 10)
    ]
    assert lines[1].endswith("4 fields, where ID, NAME and ROOM are all")
    assert lines[4].endswith("'kitchen' stands in line 1 already")


def test_nothing_is_no_client() -> None:
    assert parse("") == parse("\n# nobody\n \n") == ()


def test_ids_of_a_legacy_system_that_cannot_be_stored_are_refused_and_the_others_taken() -> None:
    taken, refused = of_ids([("kitchen", "10.0.0.5"), ("", None), ("a\nb", None), ("ü", None)])
    assert taken == (
        LegacyClient("kitchen", "kitchen", address="10.0.0.5"),
        LegacyClient("ü", "ü"),
    )
    assert refused == ("", "a\nb")
