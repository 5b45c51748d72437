"""The table of legacy calls: all that old clients may ask."""

from __future__ import annotations

from hub.legacy import household_calls, service_calls, speech_calls, stream_calls
from hub.legacy.gate import LegacyHandler

CALLS: tuple[tuple[str, str, LegacyHandler], ...] = (
    ("GET", "/", service_calls.status),
    ("POST", "/service/client/register/{client_id}", service_calls.register),
    ("DELETE", "/service/client/deregister/{client_id}", service_calls.deregister),
    ("PATCH", "/service/enable", service_calls.enable),
    ("PATCH", "/service/disable", service_calls.disable),
    ("GET", "/service/{client_id}", service_calls.client),
    ("GET", "/service/{client_id}/config", service_calls.configuration),
    ("POST", "/interactions/register", speech_calls.take),
    ("GET", "/interactions/", speech_calls.list_some),
    ("GET", "/interactions/{interaction_id}", speech_calls.read),
    ("DELETE", "/interactions/{interaction_id}", speech_calls.delete),
    ("POST", "/interactions/{interaction_id}/inference", speech_calls.infer),
    ("GET", "/conversations/all", household_calls.list_conversations),
    ("GET", "/conversations/{conversation_id}", household_calls.read_conversation),
    ("GET", "/persons/all", household_calls.list_persons),
    ("GET", "/persons/{person_id}", household_calls.read_person),
    ("POST", "/persons/{person_id}/update", household_calls.update_person),
    ("POST", "/persons/{person_id}/train_embedding", household_calls.train_embedding),
    ("GET", "/streams/best", stream_calls.best),
    ("GET", "/streams/scores", stream_calls.scores),
    ("GET", "/streams/{client_id}/info", stream_calls.info),
    ("POST", "/streams/phone/location", stream_calls.phone_location),
    ("POST", "/streams/phone/rssi", stream_calls.phone_rssi),
)
"""Method, path, and what answers. A slash at a path's end may be there or not."""
