"""The OpenAPI 3.1 document, made from the table of routes."""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Sequence
from typing import Any

import msgspec

from hub.api.errors import ErrorAnswer
from hub.api.route import Call, Route

_REFERENCE = "#/components/schemas/{name}"
_PART = re.compile(r"\{(\w+)\}")
FORMATS = {
    "network_id": {"type": "string", "pattern": "^(net_[0-9a-f]{32}|legacy_migration_network)$"},
    "client_id": {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"},
}
_ID = {"type": "string", "format": "uuid"}


def document(routes: Sequence[Route]) -> dict[str, Any]:
    """The whole document."""
    types = [ErrorAnswer]
    types += [kind for route in routes for kind in (route.body, route.answer) if kind is not None]
    _, schemas = msgspec.json.schema_components(types, ref_template=_REFERENCE)
    paths: dict[str, Any] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Mira hub",
            "version": importlib.metadata.version("mira-voice"),
            "description": "Networks, devices, and what was said.",
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "address": {"type": "apiKey", "in": "query", "name": "token"},
            },
        },
    }


def _operation(route: Route, schemas: dict[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": f"{route.handler.__module__.rpartition('.')[2]}_{route.handler.__name__}",
        "summary": route.summary,
        "description": f"For: {', '.join(sorted(route.who))}.",
        "parameters": _parameters(route, schemas),
        "responses": _responses(route),
    }
    if route.addressed:
        operation["security"] = [{"address": []}]
    elif "anyone" not in route.who:
        operation["security"] = [{"token": []}]
    if route.body is not None:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": _reference(route.body)}},
        }
    if route.recording:
        kinds = ("audio/wav", "audio/flac", "application/octet-stream")
        form = {"type": "object", "properties": {"audio": {"type": "string"}}}
        content: dict[str, Any] = {kind: {} for kind in kinds}
        content["multipart/form-data"] = {"schema": form | {"required": ["audio"]}}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _parameters(route: Route, schemas: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": FORMATS.get(name, _ID)}
        for name in _PART.findall(route.path)
    ]
    if route.query is not None:
        (_,), of_query = msgspec.json.schema_components([route.query], ref_template=_REFERENCE)
        for name, schema in of_query[route.query.__name__]["properties"].items():
            # A parameter is there or not: it cannot be null.
            given = [s for s in schema.get("anyOf", [schema]) if s.get("type") != "null"]
            found.append({"name": name, "in": "query", "schema": _without_default(given[0])})
    if route.method == "PUT":
        found.append(
            {
                "name": "If-Match",
                "in": "header",
                "description": "The ETag that the change is made on.",
                "schema": {"type": "string", "pattern": '^"[0-9]{1,18}"$'},
            }
        )
    return found


def _without_default(schema: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in schema.items() if value is not None}


def _responses(route: Route) -> dict[str, Any]:
    success: dict[str, Any] = {"description": "Done."}
    if route.answer is not None:
        success["content"] = {"application/json": {"schema": _reference(route.answer)}}
        if route.text is not None:
            success["content"][route.text] = {}
    failure = {
        "description": "What went wrong, with a code.",
        "content": {"application/json": {"schema": _reference(ErrorAnswer)}},
    }
    return {str(route.status): success} | {str(status): failure for status in _failures(route)}


def _failures(route: Route) -> list[int]:
    """The statuses of all that can go wrong."""
    found = {503}
    sends = route.body is not None or route.recording
    if sends or "anyone" not in route.who:
        found |= {400, 403, 429}
    if "anyone" not in route.who:
        found |= {401, 410}
    if sends:
        found |= {408, 413}
    if "{" in route.path:
        found.add(404)
    if route.method != "GET":
        found.add(409)
    if route.method == "PUT":
        found.add(412)
    if route.recognises:
        found.add(500)
    return sorted(found)


def _reference(kind: Any) -> dict[str, str]:
    return {"$ref": _REFERENCE.format(name=kind.__name__)}


def answering(routes: Sequence[Route]) -> Any:
    """The handler that gives the document."""
    made: dict[str, Any] = {}

    async def openapi(_: Call) -> dict[str, Any]:
        """Gives this document."""
        if not made:
            made.update(document(routes))
        return made

    return openapi
