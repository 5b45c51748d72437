"""How many requests there may be, on made-up time, and how long one may take to come."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

import hub.api.body
from hub.api import limits
from hub.api.limits import RateLimits
from tests.hub.api.site import Site


def test_after_a_burst_one_comes_through_in_each_interval() -> None:
    bucket = RateLimits(rate_per_s=2, burst=3)
    assert [bucket.take("a", 0.0) for _ in range(3)] == [0, 0, 0]
    assert bucket.take("a", 0.0) == pytest.approx(0.5)
    assert bucket.take("a", 0.4) == pytest.approx(0.1)
    assert bucket.take("a", 0.5) == 0
    assert bucket.take("b", 0.5) == 0


@given(st.lists(st.floats(0, 2), max_size=200))
def test_in_the_long_run_no_more_come_through_than_may(pauses: list[float]) -> None:
    bucket, now, through = RateLimits(rate_per_s=5, burst=10), 0.0, 0
    for pause in pauses:
        now += pause
        wait = bucket.take("a", now)
        through += wait == 0
        # Whoever waits as long as it was told comes through.
        assert wait == 0 or RateLimits(5, 1).take("b", now + wait) == 0
    assert through <= 10 + 5 * now + 1e-6


def test_only_so_many_callers_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_BUCKETS", 2)
    bucket = RateLimits(rate_per_s=1, burst=1)
    for caller in ("a", "b", "c"):
        assert bucket.take(caller, 0.0) == 0
    assert bucket.take("c", 0.0) > 0
    assert bucket.take("a", 0.0) == 0  # forgotten


async def test_a_body_that_never_ends_is_answered_with_a_code(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub.api.body, "BODY_S", 0.05)
    reader, writer = await asyncio.open_connection("127.0.0.1", site.client.port)
    writer.write(b"POST /api/v1/pair HTTP/1.1\r\nHost: hub\r\nContent-Length: 100\r\n\r\n{")
    answer = await reader.readuntil(b"}}")
    writer.close()
    assert b" 408 " in answer
    assert b"REQUEST_TIMEOUT" in answer
