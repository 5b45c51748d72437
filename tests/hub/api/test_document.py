"""The API does what its own document says, whatever is asked of it, by whomever."""

from __future__ import annotations

import asyncio
import os
import shutil
import threading
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode, openapi
from schemathesis.checks import CheckFunction, not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

from hub.api.route import Route
from hub.api.routes import ROUTES
from hub.store.database import Database
from tests.hub.api.site import IDS, OPERATOR_TOKEN, Household, Site, open_site
from tests.hub.store.making import WoundClock

# What is no multipart form is refused; aiohttp warns of it besides.
pytestmark = [
    pytest.mark.filterwarnings("ignore::aiohttp.multipart.BadContentDispositionHeader"),
    pytest.mark.filterwarnings("ignore::aiohttp.multipart.BadContentDispositionParam"),
]

T = TypeVar("T")

ALWAYS: list[CheckFunction] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
ASKED = [route for route in ROUTES if not route.raw and route.path != "/api/v1/openapi.json"]
EXAMPLES = int(os.environ.get("MIRA_DOCUMENT_EXAMPLES", "5"))
"""Of each route, for each role that may use it; the same in every run."""
ROLES = ["network", "client", "registration", "creator", "nobody"]


class Served:
    """A hub on a port, in a thread of its own: whoever asks waits for answers."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Does something in the hub's loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    def __enter__(self) -> Served:
        self._thread.start()
        self._database = self.run(Database.open(self._path))
        self._opening = open_site(
            self._database, WoundClock(), burst=100_000, requests_per_s=10_000
        )
        self.site: Site = self.run(self._opening.__aenter__())
        schema = self.run(self.site.ask("GET", "/api/v1/openapi.json")).body
        self.schema = openapi.from_dict(schema)
        self.url = str(self.site.client.make_url(""))
        return self

    def __exit__(self, *_: object) -> None:
        self.run(self._opening.__aexit__(None, None, None))
        self.run(self._database.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@pytest.fixture(scope="module")
def served(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with Served(Path(shutil.copy(template, tmp_path_factory.mktemp("served")))) as served:
        yield served


def token_of(home: Household, role: str) -> str:
    return {
        "network": home.token,
        "client": home.clients["kitchen"],
        "registration": home.registration,
        "creator": OPERATOR_TOKEN,
        "nobody": "",
    }[role]


def cases(served: Served, route: Route, home: Household, mode: GenerationMode) -> Any:
    """What the document allows of a route, or forbids, about things that are there or not."""
    operation = served.schema[route.path][route.method]
    own = {"network_id": home.network.public_id, "client_id": "kitchen"}
    own |= {name: getattr(home, name) for name in IDS}
    there = {name: value for name, value in own.items() if f"{{{name}}}" in route.path}
    network = {name: value for name, value in there.items() if name == "network_id"}
    return st.one_of(
        operation.as_strategy(mode, path_parameters=there),
        operation.as_strategy(mode, path_parameters=network),
    )


@pytest.mark.parametrize("mode", GenerationMode, ids=lambda mode: mode.value)
@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("route", ASKED, ids=lambda route: f"{route.method} {route.path}")
def test_what_is_asked_is_answered_as_the_document_says(
    served: Served, route: Route, role: str, mode: GenerationMode
) -> None:
    negative = mode is GenerationMode.NEGATIVE
    if negative and not route.body and "{" not in route.path:
        return  # nothing can be wrong about it
    home = served.run(served.site.household("home"))
    headers = {"Authorization": f"Bearer {token_of(home, role)}"}
    checks = [*ALWAYS, negative_data_rejection] if negative else ALWAYS
    may = role in route.who or "anyone" in route.who

    @settings(
        max_examples=EXAMPLES if may else 1,
        derandomize=True,
        database=None,
        deadline=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(cases(served, route, home, mode))
    def ask(case: Case[Any]) -> None:
        answer = case.call_and_validate(base_url=served.url, headers=headers, checks=checks)
        if not may:
            assert answer.status_code in (401, 403)

    ask()
