"""In which time zone the hub's machine is."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib import resources
from pathlib import Path

from hub.own_zone import own_zone

SUMMER = datetime(2026, 7, 1, 12, tzinfo=UTC)


def test_the_environment_names_it_first(tmp_path: Path) -> None:
    assert str(own_zone({"TZ": "Europe/Berlin"}, tmp_path / "none")) == "Europe/Berlin"
    assert str(own_zone({"TZ": ":Asia/Kathmandu"}, tmp_path / "none")) == "Asia/Kathmandu"
    assert own_zone({"TZ": "Nowhere/At_All"}, tmp_path / "none") is UTC
    assert own_zone({"TZ": "CET-1CEST,M3.5.0,M10.5.0/3"}, tmp_path / "none") is UTC


def test_the_systems_clock_says_it_by_a_link_or_by_a_copy(tmp_path: Path) -> None:
    folder = tmp_path / "zoneinfo" / "Europe"
    folder.mkdir(parents=True)
    berlin = resources.files("tzdata.zoneinfo.Europe") / "Berlin"
    (folder / "Berlin").write_bytes(berlin.read_bytes())
    link, copy = tmp_path / "localtime", tmp_path / "copied"
    link.symlink_to(folder / "Berlin")
    copy.write_bytes((folder / "Berlin").read_bytes())
    assert str(own_zone({}, link)) == "Europe/Berlin"
    assert SUMMER.astimezone(own_zone({}, copy)).hour == 14


def test_where_nobody_says_it_is_utc(tmp_path: Path) -> None:
    assert own_zone({}, tmp_path / "none") is UTC
    (tmp_path / "damaged").write_bytes(b"no zone")
    assert own_zone({}, tmp_path / "damaged") is UTC
