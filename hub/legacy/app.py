"""The legacy API as an application: on a port of its own, or under `/legacy` on the hub's."""

from __future__ import annotations

from aiohttp import web

from hub.api.counting import counted
from hub.api.gate import MAX_BODY_BYTES
from hub.doorkeeper import Doorkeeper
from hub.legacy.call import GUIDE, Door, Legacy
from hub.legacy.gate import LegacyGate, answering, guide_page
from hub.legacy.routes import CALLS

PREFIX = "/legacy"
SHOWN = 50
"""Interactions that are listed under the prefix to who does not say how many."""
MAX_CONNECTIONS = 256
MAX_FROM_ONE_ADDRESS = 64
"""To the port of its own. A household's old clients are few; each asks once a second."""


def under_prefix(legacy: Legacy) -> web.Application:
    """For the hub's own port; to be added to the hub's application under `PREFIX`."""
    return _app(legacy, Door(PREFIX, SHOWN))


def at_old_paths(legacy: Legacy, door: Door, doorkeeper: Doorkeeper) -> web.Application:
    """For a port of its own."""
    return _app(legacy, door, doorkeeper)


def own_doorkeeper() -> Doorkeeper:
    """Watches the connections to the port of its own."""
    return Doorkeeper(most=MAX_CONNECTIONS, most_from_one=MAX_FROM_ONE_ADDRESS)


def _app(legacy: Legacy, door: Door, doorkeeper: Doorkeeper | None = None) -> web.Application:
    gate = LegacyGate(legacy, door)
    watched = [doorkeeper.middleware, counted] if doorkeeper else []
    app = web.Application(middlewares=[*watched, gate.middleware], client_max_size=MAX_BODY_BYTES)
    app.on_response_prepare.append(gate.put_headers)
    app.router.add_get(GUIDE, guide_page, allow_head=False)
    for method, path, handler in CALLS:
        answer = answering(handler)
        bare = path.rstrip("/")
        app.router.add_route(method, f"{bare}/", answer)
        if bare:
            app.router.add_route(method, bare, answer)
    return app
