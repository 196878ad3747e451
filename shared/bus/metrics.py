"""The bus's figures, of whichever service runs in this process.

Labels are subjects and outcomes. A subject that carries an id is reduced to its words, so that no
figure names a session, and their number does not grow with use.
"""

from __future__ import annotations

import re
from typing import Literal

from prometheus_client import Counter, Gauge, Histogram

#: How one delivery of an event ended. ``retried``: the handler asked for it, or was stopped.
#: ``failed``: it broke and gets another try. ``rejected``: the event became a dead letter.
EventOutcome = Literal["done", "duplicate", "retried", "rejected", "failed"]

#: What an event is called that is none, or none of ours: its own words may be anything.
UNKNOWN = "unknown"

EVENTS = Counter(
    "keepsake_events_handled_total",
    "Deliveries of events, by how they ended.",
    ("service", "subject", "outcome"),
)
EVENT_SECONDS = Histogram(
    "keepsake_event_handler_seconds",
    "Time that handlers took.",
    ("service", "subject"),
    buckets=(0.01, 0.05, 0.2, 1, 5, 30, 120, 600, 3600),
)
CONSUMER_LAG = Gauge(
    "keepsake_consumer_lag",
    "Events that wait for the service, those in hand included.",
    ("service",),
)
OUTBOX_UNPUBLISHED = Gauge(
    "keepsake_outbox_unpublished_rows", "Events that wait to be published.", ("service",)
)
OUTBOX_PARKED = Gauge(
    "keepsake_outbox_parked_rows",
    "Events that could not be published and are tried again at the next start.",
    ("service",),
)
OUTBOX_PUBLISHED = Counter(
    "keepsake_outbox_published_total", "Events that the stream has taken.", ("service", "subject")
)
REQUESTS = Counter(
    "keepsake_bus_requests_total", "Requests answered on the bus.", ("subject", "status")
)
REQUEST_SECONDS = Histogram(
    "keepsake_bus_request_seconds",
    "Time that answering took.",
    ("subject",),
    buckets=(0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60),
)

_WORD = re.compile(r"[a-z]+(_[a-z]+)*")


def subject_label(subject: str) -> str:
    """Return *subject* without its ids: ``unlock.session.<id>.read_file`` loses the third part."""
    return ".".join(part for part in subject.split(".") if _WORD.fullmatch(part))
