"""How long the legacy API lasts, and what it says of that: counted from the recorded start."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.legacy.deprecation import Deprecation

STARTED = datetime(2026, 11, 27, 10, 30, 15, 250_000, tzinfo=UTC)
GUIDE = "https://home.example.org/moving"
MOMENT = timedelta(microseconds=1)
STAGES = ("served", "warned", "gone")


@pytest.mark.parametrize(
    ("after", "stage"),
    [
        (timedelta(days=-1), "served"),
        (timedelta(0), "served"),
        (timedelta(days=30) - MOMENT, "served"),
        (timedelta(days=30), "warned"),
        (timedelta(days=90), "warned"),
        (timedelta(days=91) - MOMENT, "warned"),
        (timedelta(days=91), "gone"),
        (timedelta(days=9_000), "gone"),
    ],
)
def test_it_is_served_then_warned_of_then_gone(after: timedelta, stage: str) -> None:
    assert Deprecation(STARTED).stage(STARTED + after) == stage


@given(st.timedeltas(timedelta(0), timedelta(days=400)), st.timedeltas(timedelta(0)))
def test_it_never_comes_back(after: timedelta, later: timedelta) -> None:
    deprecation, now = Deprecation(STARTED), STARTED + after
    then = min(now + min(later, timedelta(days=400)), STARTED + timedelta(days=1_000))
    assert STAGES.index(deprecation.stage(now)) <= STAGES.index(deprecation.stage(then))


def test_the_headers_are_as_the_rfcs_have_them() -> None:
    assert Deprecation(STARTED).headers(GUIDE) == {
        "Deprecation": "@1795775415",
        "Sunset": "Thu, 25 Feb 2027 10:30:15 GMT",
        "Link": f'<{GUIDE}>; rel="deprecation", <{GUIDE}>; rel="sunset"',
    }


def test_the_zone_of_the_recorded_start_changes_nothing() -> None:
    elsewhere = Deprecation(STARTED.astimezone(timezone(timedelta(hours=9))))
    assert elsewhere.headers(GUIDE) == Deprecation(STARTED).headers(GUIDE)
    assert elsewhere.notice(STARTED, GUIDE) == Deprecation(STARTED).notice(STARTED, GUIDE)


def test_the_notice_tells_the_day_the_guide_and_where_to_go() -> None:
    notice = Deprecation(STARTED).notice(STARTED, GUIDE, "net_1")
    assert "2027-02-25" in str(notice["warning"])
    assert notice | {"warning": ""} == {
        "warning": "",
        "deprecation_date": "2027-02-25T10:30:15+00:00",
        "migration_guide": GUIDE,
        "new_endpoints": {
            "interactions": "/api/v1/networks/net_1/interactions",
            "audio": "/api/v1/networks/net_1/audio",
        },
    }
    for_anybody = Deprecation(STARTED).notice(STARTED, GUIDE)
    assert "/networks/{network_id}/audio" in str(for_anybody["new_endpoints"])
