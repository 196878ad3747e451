"""The bus: requests, events in and out, dead letters, schedules. The only importer of nats."""

from shared.bus.connection import Bus
from shared.bus.consumer import EventConsumer, Handler
from shared.bus.declare import declare_topology
from shared.bus.delivery import Delivery
from shared.bus.errors import AlreadyHandled, BusError, BusUnavailable, Reject, Retry
from shared.bus.follow import StoredEvent
from shared.bus.outbox import OutboxRelay, publish
from shared.bus.serving import RawReply, RequestContext, Serialized, Serving

__all__ = [
    "AlreadyHandled",
    "Bus",
    "BusError",
    "BusUnavailable",
    "Delivery",
    "EventConsumer",
    "Handler",
    "OutboxRelay",
    "RawReply",
    "Reject",
    "RequestContext",
    "Retry",
    "Serialized",
    "Serving",
    "StoredEvent",
    "declare_topology",
    "publish",
]
