"""Jobs that live and die together."""

from __future__ import annotations

import asyncio

import pytest

from shared.tasks import until_first_ends

pytestmark = pytest.mark.looptime


class Job:
    """Ends after some seconds, and remembers whether it was ended and whether it tidied up."""

    def __init__(self, seconds: float, error: Exception | None = None) -> None:
        self._seconds = seconds
        self._error = error
        self.finished = False
        self.cancelled = False
        self.tidy = False

    async def run(self) -> None:
        try:
            await asyncio.sleep(self._seconds)
            if self._error is not None:
                raise self._error
            self.finished = True
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        finally:
            await asyncio.sleep(0.5)
            self.tidy = True


async def test_when_the_first_ends_all_end() -> None:
    first, second, third = Job(1), Job(100), Job(200)
    await until_first_ends(first.run(), second.run(), third.run())
    assert first.finished
    assert second.cancelled
    assert third.cancelled
    assert asyncio.get_running_loop().time() < 3


async def test_it_returns_only_when_all_have_tidied_up() -> None:
    first, second = Job(1), Job(100)
    await until_first_ends(first.run(), second.run())
    assert first.tidy
    assert second.tidy


async def test_the_error_of_the_first_is_raised_and_the_others_have_tidied_up() -> None:
    failing, other = Job(1, ValueError("it broke")), Job(100)
    with pytest.raises(ValueError, match="it broke"):
        await until_first_ends(other.run(), failing.run())
    assert other.cancelled
    assert other.tidy


async def test_what_fails_later_is_never_reached() -> None:
    await until_first_ends(Job(1).run(), Job(2, ValueError("too late")).run())


async def test_an_error_is_not_hidden_by_a_job_that_ends_at_the_same_moment() -> None:
    for _ in range(20):  # the order within a set is anybody's guess
        with pytest.raises(ValueError, match="it broke"):
            await until_first_ends(Job(1).run(), Job(1, ValueError("it broke")).run())


async def test_who_waits_is_cancelled_and_with_it_every_job() -> None:
    jobs = [Job(100), Job(200)]
    waiting = asyncio.ensure_future(until_first_ends(*(job.run() for job in jobs)))
    await asyncio.sleep(1)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert [(job.cancelled, job.tidy) for job in jobs] == [(True, True)] * 2
