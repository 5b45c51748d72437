"""Figures of what the hub does, for Prometheus. They name no device and no text, and a network
only where a legacy installation was moved into it."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

REGISTRY = CollectorRegistry()

REQUESTS = Counter(
    "mira_http_requests_total",
    "Requests, by route and status.",
    ["method", "route", "status"],
    registry=REGISTRY,
)
REQUEST_SECONDS = Histogram(
    "mira_http_request_seconds",
    "How long requests took; sockets of devices are not among them.",
    ["method", "route"],
    registry=REGISTRY,
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
CONNECTIONS = Gauge(
    "mira_connections", "Sockets of devices and observers that are open.", registry=REGISTRY
)
DISCONNECTED = Counter(
    "mira_disconnected_total", "Sockets that the hub closed, by code.", ["code"], registry=REGISTRY
)
LEGACY_CALLS = Counter(
    "mira_legacy_calls_total",
    "Calls of the legacy API: client (one that is known), unknown (nobody said whose), refused.",
    ["caller"],
    registry=REGISTRY,
)
REFUSED = Counter(
    "mira_connections_refused_total",
    "Connections that were refused or ended for taking too long: too_many, slow_head, "
    "slow_body, slow_reader.",
    ["reason"],
    registry=REGISTRY,
)
ELECTIONS = Counter(
    "mira_elections_total",
    "Elections that are over: interaction, failed (recognition), nothing (understood or kept), "
    "given_up (offered again by the devices).",
    ["outcome"],
    registry=REGISTRY,
)
DECODE_SECONDS = Histogram(
    "mira_decode_seconds",
    "How long final texts took to decode.",
    registry=REGISTRY,
    buckets=(0.1, 0.2, 0.3, 0.5, 0.75, 1, 2, 5, 10, 30),
)
QUEUE_SECONDS = Histogram(
    "mira_decode_queue_seconds",
    "How long utterances waited for the recogniser.",
    registry=REGISTRY,
    buckets=(0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30),
)
RECOGNISER_WAITING = Gauge(
    "mira_recogniser_waiting", "Utterances that wait for the recogniser now.", registry=REGISTRY
)
RESYNCS = Counter(
    "mira_resyncs_total",
    "Devices that were away for longer than the event log is kept, and got a snapshot.",
    registry=REGISTRY,
)
UTTERANCES_DROPPED = Counter(
    "mira_utterances_dropped_total",
    "Utterances that devices gave up for want of room, as they said.",
    registry=REGISTRY,
)
RECOGNISER_FULL = Counter(
    "mira_recogniser_full_total",
    "Utterances that found the recogniser's queue full, and waited outside.",
    registry=REGISTRY,
)
PARTIALS_SKIPPED = Counter(
    "mira_partial_texts_skipped_total",
    "Live texts that were not made for want of time; the next one makes up for it.",
    registry=REGISTRY,
)
ELECTION_AUDIO_BYTES = Gauge(
    "mira_election_audio_bytes", "Recordings held in memory for elections.", registry=REGISTRY
)
ELECTIONS_QUEUED = Gauge(
    "mira_elections_queued",
    "Utterances that the devices hold until others of their network are done with.",
    registry=REGISTRY,
)
OUTBOX_BYTES = Gauge(
    "mira_outbox_bytes_max",
    "What the slowest device has not taken yet; it is disconnected with 4408 before 1 MiB.",
    registry=REGISTRY,
)
EVENTS_BEHIND = Gauge(
    "mira_events_behind_max",
    "Events that the device lacks whose copy of the log lags most.",
    registry=REGISTRY,
)
STORE_WAITING = Gauge(
    "mira_store_writers_waiting", "Transactions that wait to write, on SQLite.", registry=REGISTRY
)
STORE_RETRIES = Counter(
    "mira_store_retries_total",
    "Times that an election could not be stored and was kept to be stored again.",
    registry=REGISTRY,
)
STORE_SECONDS = Gauge(
    "mira_store_seconds", "A round trip to the data, when this was asked for.", registry=REGISTRY
)
MIGRATION = {
    name: Gauge(f"mira_migration_{name}", about, ["network"], registry=REGISTRY)
    for name, about in {
        "networks_migrated": "Networks that a legacy installation was moved into as a whole.",
        "interactions_migrated": "Interactions that were moved from legacy installations.",
        "errors": "Legacy rows that could not be moved, and runs that failed.",
        "start_time": "When the move began, in seconds since the Unix epoch; 0: there is none.",
        "duration": "How long all runs of the move took, in seconds.",
        "success_rate": "The share of legacy rows that were moved, 0 to 1.",
    }.items()
}
"""By a network's public id, and `all`: an operator's figures of moves (docs/migration.md)."""


def exposition() -> bytes:
    """All of them, in Prometheus' text format."""
    return generate_latest(REGISTRY)
