"""The hub's HTTP side, made from the table of routes."""

from __future__ import annotations

from collections.abc import Collection

from aiohttp import web

from hub.api.counting import counted
from hub.api.errors import errors
from hub.api.gate import MAX_BODY_BYTES, Gate
from hub.api.route import Services
from hub.api.routes import ROUTES
from hub.config import Api
from hub.doorkeeper import Doorkeeper
from hub.legacy.app import PREFIX, under_prefix
from hub.legacy.call import Legacy


def make_app(
    services: Services,
    api: Api,
    proxies: Collection[str] = (),
    doorkeeper: Doorkeeper | None = None,
    legacy: Legacy | None = None,
) -> web.Application:
    """The application that answers to every route of the table, and to nothing else.

    Args:
        services: what routes work with.
        api: who may create networks, and how many requests there may be.
        proxies: IP addresses whose X-Forwarded-For is believed.
        doorkeeper: watches the connections that the requests come over.
        legacy: what the legacy API works with, where it is served too.
    """
    gate = Gate(services, api, proxies)
    watched = [doorkeeper.middleware] if doorkeeper else []
    app = web.Application(middlewares=[*watched, counted, errors], client_max_size=MAX_BODY_BYTES)
    for route in ROUTES:
        handler = gate.handler(route)
        app.router.add_route(route.method, route.path, handler)
        if route.method == "GET" and route.status != 101:  # RFC 9110, 9.1; calendars ask so
            app.router.add_route("HEAD", route.path, handler)
    if legacy is not None:
        app.add_subapp(PREFIX, under_prefix(legacy))
    return app
