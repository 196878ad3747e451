"""The bus: requests, events in and out, dead letters, schedules. The only importer of nats."""

from shared.bus.connection import Bus
from shared.bus.consumer import EventConsumer, Handler
from shared.bus.dead_letters import (
    DeadLetter,
    delete_dead_letter,
    list_dead_letters,
    retry_dead_letter,
)
from shared.bus.declare import declare_topology
from shared.bus.delivery import Delivery
from shared.bus.errors import AlreadyHandled, BusError, BusUnavailable, Reject, Retry
from shared.bus.follow import StoredEvent
from shared.bus.outbox import OutboxRelay, publish
from shared.bus.schedules import cancel_schedule, declare_schedule
from shared.bus.serving import RawReply, RequestContext, Serialized, Serving

__all__ = [
    "AlreadyHandled",
    "Bus",
    "BusError",
    "BusUnavailable",
    "DeadLetter",
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
    "cancel_schedule",
    "declare_schedule",
    "declare_topology",
    "delete_dead_letter",
    "list_dead_letters",
    "publish",
    "retry_dead_letter",
]
