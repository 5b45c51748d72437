"""Stands before every route: who asks, may they, how often, and is what they say well-formed."""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import re
from collections.abc import Collection
from typing import Any

import msgspec
from aiohttp import web

from hub.api.body import keeping_pace
from hub.api.errors import (
    ForbiddenError,
    InvalidRequestError,
    RateLimitError,
    SuspendedError,
    answer_of,
    unreadable,
)
from hub.api.limits import RateLimits
from hub.api.route import UNKNOWN_ACCESS, Call, Route, Services, Text, Versioned
from hub.config import Api
from hub.reading import from_texts
from hub.store.errors import NotFoundError
from hub.store.records import Access
from shared.errors import AccessDeniedError, MiraError, NoMemberError

MAX_BODY_BYTES = 64 * 1024
_VERSION = re.compile(r'(?:W/)?"(\d{1,18})"')


class Gate:
    """Makes aiohttp's handlers out of routes.

    Args:
        services: what routes work with.
        config: who may create networks, and how many requests there may be.
        proxies: IP addresses whose X-Forwarded-For is believed.
    """

    def __init__(self, services: Services, config: Api, proxies: Collection[str] = ()) -> None:
        self._proxies = proxies
        self._services = services
        self._config = config
        self._limits = RateLimits(config.requests_per_s, config.burst)

    def handler(self, route: Route) -> Any:
        """What aiohttp calls for a route."""

        async def handle(request: web.Request) -> web.StreamResponse:
            try:
                call = await self._admit(route, request)
                answer = await route.handler(call)
            except NotFoundError as error:
                return answer_of(error, route.missing)
            return answer if route.raw else _response(route, answer)

        return handle

    async def _admit(self, route: Route, request: web.Request) -> Call:
        if "anyone" in route.who:
            if route.body is not None:  # it takes work, and a guess may be in it
                self._throttle(self._caller(request))
            return Call(self._services, request, body=await _body(route, request))
        token = request.query.get("token", "") if route.addressed else bearer(request)
        if "operator" in route.who:
            self._throttle(self._caller(request))
            if not ipaddress.ip_address(self._caller(request)).is_loopback:
                self._admit_operator(token)
            access = UNKNOWN_ACCESS
        elif "creator" in route.who:
            self._throttle(self._caller(request))
            self._admit_creator(token)
            access = UNKNOWN_ACCESS
        else:
            access = await self._authenticate(route, request, token)
        return Call(
            self._services,
            request,
            access,
            body=await _body(route, request),
            query=_query(route, request),
            version=_if_match(request),
        )

    async def _authenticate(self, route: Route, request: web.Request, token: str) -> Access:
        access = await authenticate(self._services, request, token)
        if access is None:
            # Whoever guesses is slowed down by where they come from.
            self._throttle(self._caller(request))
            if token and await self._services.store.was_member(token):
                raise NoMemberError(
                    "The device belongs to this network no more.",
                    "It is to forget what it knows of it, and can be paired anew.",
                )
            raise no_access()
        self._throttle(access.token_id)
        if access.role not in route.who:
            raise ForbiddenError("This token does not allow that.")
        if access.network_status == "suspended":
            raise SuspendedError("The network is suspended.", "Ask the hub's operator.")
        if (
            route.own
            and access.role == "client"
            and access.client_id != request.match_info.get("client_id")
        ):
            raise NotFoundError("The network has no such device.")
        return access

    def _admit_creator(self, token: str) -> None:
        allowed = self._config.create_networks
        if allowed == "open":
            return
        if allowed == "closed" or self._config.operator_token is None:
            raise ForbiddenError("This hub's operator makes networks with `mira-hub network`.")
        self._admit_operator(token)

    def _admit_operator(self, token: str) -> None:
        known = self._config.operator_token
        if known is None or not hmac.compare_digest(token.encode(errors="replace"), known.encode()):
            raise AccessDeniedError("The operator's token is needed.")

    def _caller(self, request: web.Request) -> str:
        return caller_of(request, self._proxies)

    def _throttle(self, caller: str) -> None:
        wait_s = self._limits.take(caller, asyncio.get_running_loop().time())
        if wait_s > 0:
            raise RateLimitError("Too many requests.", retry_after_s=round(wait_s, 3))


def caller_of(request: web.Request, proxies: Collection[str]) -> str:
    """Where a request comes from, as far as proxies are to be believed."""
    direct = request.remote or ""
    if direct not in proxies:
        return direct
    # The last entry is the proxy's own; those before it are whatever the caller wrote.
    return request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip() or direct


def bearer(request: web.Request) -> str:
    """The request's bearer token; empty where there is none."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token if scheme.lower() == "bearer" else ""


async def authenticate(services: Services, request: web.Request, token: str) -> Access | None:
    """What the token gives access to; None: not to the network that the path names."""
    access = await services.store.look_up(token) if token else None
    if access is None or access.network_public_id != request.match_info["network_id"]:
        return None
    return access


def no_access() -> MiraError:
    """No token, an unknown one, another network's: all look the same."""
    return AccessDeniedError("The token gives no access to this network.")


def _response(route: Route, answer: Any) -> web.Response:
    headers = {"Cache-Control": "no-store"}
    if isinstance(answer, Versioned):
        headers["ETag"] = f'"{answer.version}"'
        answer = answer.answer
    if answer is None:
        return web.Response(status=204, headers=headers)
    if isinstance(answer, Text):
        headers["Content-Type"] = f"{answer.content_type}; charset=utf-8"
        return web.Response(body=answer.text.encode(), status=route.status, headers=headers)
    return web.Response(
        body=msgspec.json.encode(answer),
        status=route.status,
        content_type="application/json",
        headers=headers,
    )


async def _body(route: Route, request: web.Request) -> Any:
    if route.body is None:
        return None
    async with keeping_pace(request):
        data = await request.read()
    if rb"\u0000" in data:  # PostgreSQL has no place for it in a text
        raise InvalidRequestError("A text with a NUL character cannot be stored.")
    try:
        return msgspec.json.decode(data or b"{}", type=route.body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise unreadable("The body", error, route.body) from error


def _query(route: Route, request: web.Request) -> Any:
    given = dict(request.query)
    if len(given) != len(request.query):
        raise InvalidRequestError("A parameter is given twice.")
    if any("\x00" in value for value in given.values()):
        raise InvalidRequestError("A parameter with a NUL character finds nothing.")
    if route.query is None:
        if given:
            raise InvalidRequestError("This route takes no parameters.")
        return None
    try:
        return from_texts(given, route.query)
    except msgspec.ValidationError as error:
        raise unreadable("A parameter", error, route.query) from error


def _if_match(request: web.Request) -> int | None:
    header = request.headers.get("If-Match")
    if header is None or header == "*":
        return None
    found = _VERSION.fullmatch(header)
    if found is None:
        raise InvalidRequestError("If-Match is no version; take the ETag as it is.")
    return int(found[1])
