"""Whatever households do, in whatever order, none of them sees anything of another."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from hub.api.routes import ROUTES
from hub.store.database import Database
from tests.hub.api.site import open_site
from tests.hub.isolation import deeds
from tests.hub.isolation.overseer import Overseer, Place
from tests.hub.isolation.town import Home, Key, Listener, Town
from tests.hub.store.making import WoundClock

T = TypeVar("T")

SEQUENCES = int(os.environ.get("MIRA_HISTORIES", "20"))
"""On each engine. A hundred take minutes: MIRA_HISTORIES=100 script/test tests/hub/isolation."""
STEPS = 12
OF_NETWORK = [route for route in ROUTES if route.of_network]
READS = [route for route in OF_NETWORK if route.method == "GET" and not route.raw]
LISTS = [route for route in READS if route.path.endswith(("/clients", "/interactions"))]

picks = st.integers(0, 59)
words = st.sampled_from(["light", "lamp", ""])


class Bench:
    """A hub that goes on from one history to the next."""

    def __init__(self, runner: asyncio.Runner, town: Town, overseer: Overseer) -> None:
        self._runner = runner
        self.town = town
        self.overseer = overseer

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Does something in the hub's loop."""
        return self._runner.run(work)


@pytest.fixture
def bench(place: Place, overseer: Overseer) -> Iterator[Bench]:
    """A hub on a fresh database, which all histories share: a database is dear."""

    @contextmanager
    def opened(runner: asyncio.Runner) -> Iterator[Bench]:
        database = runner.run(Database.open(place.hub))
        opening = open_site(database, WoundClock(), burst=100_000, requests_per_s=10_000)
        town = Town(runner.run(opening.__aenter__()))
        yield Bench(runner, town, overseer)
        runner.run(opening.__aexit__(None, None, None))
        runner.run(database.close())

    with asyncio.Runner() as runner, opened(runner) as bench:
        yield bench


class History(RuleBasedStateMachine):
    """Three households and more, in one history."""

    bench: Bench

    def __init__(self) -> None:
        super().__init__()
        self.town = self.bench.town
        self.homes: list[Home] = []
        self.listeners: dict[str, Listener] = {}
        self.whole = True  # nothing has failed yet

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        try:
            return self.bench.run(work)
        except BaseException:
            self.whole = False
            raise

    def homes_there(self) -> list[Home]:
        return [home for home in self.homes if home.there]

    def home(self, pick: int) -> Home:
        there = self.homes_there()
        return there[pick % len(there)]

    def any_home(self, pick: int) -> Home:
        return self.homes[pick % len(self.homes)]

    def good_key(self, home: Home, client_id: str, pick: int) -> Key:
        """The network's or the device's own."""
        keys = [key for key in home.keys if self.town.good(key) and key.client_id == client_id]
        return [home.key, *keys][pick % (1 + len(keys))]

    async def settle(self) -> None:
        home = await deeds.settle(self.town)
        self.homes.append(home)
        self.listeners[home.mark] = await self.town.listener(home)
        await deeds.register(self.town, home, by_registration=False)
        await deeds.say(self.town, home, "light", 0, None)

    @initialize()
    def three_households(self) -> None:
        for _ in range(3):
            self.run(self.settle())

    @precondition(lambda self: len(self.homes_there()) < 4)
    @rule()
    def another_household(self) -> None:
        self.run(self.settle())

    @precondition(lambda self: len(self.homes_there()) > 2)
    @rule(pick=picks)
    def a_household_leaves(self, pick: int) -> None:
        self.run(deeds.leave(self.town, self.home(pick)))

    @rule(pick=picks, by_registration=st.booleans())
    def register(self, pick: int, by_registration: bool) -> None:
        self.run(deeds.register(self.town, self.home(pick), by_registration=by_registration))

    @rule(pick=picks, other=picks, deed=st.sampled_from(["change", "remove", "rotate", "revoke"]))
    def a_device(self, pick: int, other: int, deed: str) -> None:
        home = self.home(pick)
        if not home.devices:
            return
        client_id = list(home.devices)[other % len(home.devices)]
        key = self.good_key(home, client_id, pick + other)
        if deed == "change":
            work = deeds.change_device(self.town, key, client_id, listening=other % 2 == 0)
        elif deed == "remove":
            work = deeds.remove(self.town, key, client_id)
        elif deed == "rotate":
            work = deeds.rotate(self.town, key, client_id, 300 * (other % 2))
        else:
            work = deeds.revoke(self.town, home, client_id)
        self.run(work)

    @rule(pick=picks, other=picks, word=words, others_names=st.booleans())
    def say(self, pick: int, other: int, word: str, others_names: bool) -> None:
        home, foreign = self.home(pick), self.any_home(other)
        named = foreign if others_names and foreign is not home else None
        self.run(deeds.say(self.town, home, word, other, named))

    @rule(pick=picks, other=picks)
    def say_again(self, pick: int, other: int) -> None:
        home = self.home(pick)
        if home.elections and home.devices:
            known = list(home.elections.values())[other % len(home.elections)]
            self.run(deeds.say_again(self.town, home, known, other))

    @rule(pick=picks, other=picks)
    def take_what_is_others(self, pick: int, other: int) -> None:
        home, foreign = self.home(pick), self.any_home(other)
        if foreign.there and foreign is not home:
            self.run(deeds.take_ids(self.town, home, foreign, other))

    @rule(pick=picks, other=picks)
    def forget(self, pick: int, other: int) -> None:
        home = self.home(pick)
        if home.said:
            key = self.good_key(home, next(iter(home.devices), ""), other)
            self.run(deeds.forget(self.town, key, list(home.said)[other % len(home.said)]))

    @rule(pick=picks, listening=st.booleans(), active=st.booleans())
    def change_settings(self, pick: int, listening: bool, active: bool) -> None:
        home = self.home(pick)
        self.run(deeds.settings(self.town, home, listening=listening, active=active))

    @rule(seconds=st.sampled_from([1, 200, 400]))
    def time_passes(self, seconds: int) -> None:
        self.town.site.clock.now_us += seconds * 1_000_000

    @rule(pick=picks, word=st.sampled_from(["l", "light", "zz"]), foreign=picks, of_device=picks)
    def search(self, pick: int, word: str, foreign: int, of_device: int) -> None:
        known = [None, *self.any_home(foreign).devices]
        self.run(self.town.search(self.home(pick).key, word, known[of_device % len(known)]))

    @rule(
        route=st.sampled_from(OF_NETWORK),
        holder=picks,
        key=picks,
        about=picks,
        naming=picks,
        which=picks,
    )
    def attempt(
        self, route: Any, holder: int, key: int, about: int, naming: int, which: int
    ) -> None:
        """Any token, about any household, naming what any household has."""
        keys = self.any_home(holder).keys
        home, source = self.any_home(about), self.any_home(naming)
        self.run(self.town.attempt(route, keys[key % len(keys)], home, source, which))

    @rule(route=st.sampled_from(OF_NETWORK), about=picks, key=picks, naming=picks, which=picks)
    def attempt_at_home(self, route: Any, about: int, key: int, naming: int, which: int) -> None:
        """Any token of a household, about that one, naming what any household has."""
        home = self.home(about)
        source = self.any_home(naming)
        self.run(self.town.attempt(route, home.keys[key % len(home.keys)], home, source, which))

    def teardown(self) -> None:
        try:
            if self.whole:
                self.run(self.look_at_all())
        finally:
            self.bench.run(self.go())

    async def go(self) -> None:
        """What is left must not make the same history end otherwise."""
        for listener in self.listeners.values():
            await listener.close()
        for home in self.homes_there():
            await self.town.site.accounts.delete_network(home.network_id)
            await self.town.site.networks.close_network(home.network_id)

    async def look_at_all(self) -> None:
        """Each token is shown what it must be; each socket heard its own; the database is sound."""
        for home in self.homes:
            for number, key in enumerate(home.keys):
                route = READS[(number + home.seq) % len(READS)]
                await self.town.attempt(route, key, home, home, number)
            for route in LISTS:
                await self.town.attempt(route, home.key, home, home, 0)
            listener = self.listeners[home.mark]
            if home.there:
                await listener.until(home.seq)
                assert listener.seqs == list(range(1, home.seq + 1))
                assert home.mark.encode() in listener.raw
            self.town.keep_private(bytes(listener.raw), home)
        for home in self.homes:
            left = self.bench.overseer.rows_of(home.network_id).keys() - {"former_tokens"}
            assert bool(left) == home.there
        assert self.bench.overseer.faults() == []


def test_each_route_refuses_whatever_another_household_has(bench: Bench) -> None:
    class Here(History):
        pass

    Here.bench = bench
    history = Here()
    history.three_households()
    home, foreign = history.homes[0], history.homes[1]
    try:
        for route in OF_NETWORK:
            for key in home.keys:
                for which in range(4):
                    history.run(bench.town.attempt(route, key, home, foreign, which))
    finally:
        history.teardown()


@pytest.mark.timeout(900)  # a failure is made small before it is shown
def test_no_history_shows_a_household_anything_of_another(bench: Bench) -> None:
    class Here(History):
        pass

    Here.bench = bench
    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=SEQUENCES,
            stateful_step_count=STEPS,
            deadline=None,
            phases=(Phase.generate,),
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
