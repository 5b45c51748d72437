"""The hub's HTTP side, made from the table of routes."""

from __future__ import annotations

from aiohttp import web

from hub.api.errors import errors
from hub.api.gate import MAX_BODY_BYTES, Gate
from hub.api.route import Services
from hub.api.routes import ROUTES
from hub.config import Api


def make_app(services: Services, api: Api) -> web.Application:
    """The application that answers to every route of the table, and to nothing else."""
    gate = Gate(services, api)
    app = web.Application(middlewares=[errors], client_max_size=MAX_BODY_BYTES)
    for route in ROUTES:
        app.router.add_route(route.method, route.path, gate.handler(route))
    return app
