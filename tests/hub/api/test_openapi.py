"""The document of the API is whole, and says what the routes do."""

from __future__ import annotations

import json
import re
from typing import Any

from hub.api.routes import ROUTES
from tests.hub.api.site import Household, Site


async def fetched(site: Site) -> dict[str, Any]:
    answer = await site.ask("GET", "/api/v1/openapi.json")
    assert answer.status == 200
    document: dict[str, Any] = answer.body
    return document


async def test_every_route_but_its_own_is_in_the_document(site: Site) -> None:
    document = await fetched(site)
    assert document["openapi"] == "3.1.0"
    described = {
        f"{method.upper()} {path}" for path, item in document["paths"].items() for method in item
    }
    there = {f"{route.method} {route.path}" for route in ROUTES}
    assert described == there - {"GET /api/v1/openapi.json"}
    operations = [op for item in document["paths"].values() for op in item.values()]
    names = [operation["operationId"] for operation in operations]
    assert len(names) == len(set(names))
    for path, item in document["paths"].items():
        for operation in item.values():
            named = {p["name"] for p in operation["parameters"] if p["in"] == "path"}
            assert named == set(re.findall(r"\{(\w+)\}", path))


async def test_every_reference_leads_somewhere(site: Site) -> None:
    document = await fetched(site)
    references = set(re.findall(r'"\$ref": "#/components/schemas/(\w+)"', json.dumps(document)))
    assert "NetworkDetails" in references
    assert references <= set(document["components"]["schemas"])


async def test_an_answer_has_the_fields_that_the_document_says(site: Site, home: Household) -> None:
    schemas = (await fetched(site))["components"]["schemas"]
    for path, name in (
        ("", "NetworkDetails"),
        ("/clients", "Clients"),
        ("/clients/kitchen", "ClientDetails"),
        ("/clients/kitchen/config", "ClientConfig"),
        ("/interactions", "Interactions"),
        (f"/interactions/{home.interaction_id}", "InteractionDetails"),
        (f"/elections/{home.election_id}", "ElectionDetails"),
        ("/conversations", "Conversations"),
        (f"/conversations/{home.conversation_id}", "WholeConversation"),
        ("/persons", "Persons"),
        (f"/persons/{home.person_id}", "PersonDetails"),
        ("/actions", "Actions"),
        (f"/actions/{home.action_id}", "ActionDetails"),
        ("/calendar", "Events"),
        (f"/calendar/{home.event_id}", "EventDetails"),
        ("/reminders", "Reminders"),
        (f"/reminders/{home.reminder_id}", "ReminderDetails"),
    ):
        answer = await site.ask("GET", home.base + path, home.token)
        assert set(answer.body) == set(schemas[name]["properties"]), name
    refused = await site.ask("GET", home.base)
    assert set(refused.body) == set(schemas["ErrorAnswer"]["properties"])
    assert set(refused.body["error"]) == set(schemas["ErrorBody"]["properties"])


async def test_the_parameters_of_a_list_are_named_with_their_limits(site: Site) -> None:
    item = (await fetched(site))["paths"]["/api/v1/networks/{network_id}/interactions"]
    query = {p["name"]: p["schema"] for p in item["get"]["parameters"] if p["in"] == "query"}
    assert set(query) == {
        "limit",
        "cursor",
        "client_id",
        "speaker_id",
        "conversation_id",
        "start_date",
        "end_date",
        "text",
    }
    assert (query["limit"]["minimum"], query["limit"]["maximum"]) == (1, 500)
    assert query["start_date"]["format"] == "date-time"
