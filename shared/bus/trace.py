"""W3C trace context: created where work begins, carried through requests, events and logs."""

from __future__ import annotations

import random
import re
from contextvars import ContextVar

import structlog

#: The header of requests and the extension attribute of envelopes.
TRACEPARENT = "traceparent"

_FORMAT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_current: ContextVar[str | None] = ContextVar("traceparent", default=None)


def new_traceparent() -> str:
    """Begin a trace."""
    return f"00-{_hex(128)}-{_hex(64)}-01"


def next_traceparent(parent: str | None = None) -> str:
    """Return a new span in the trace of *parent*, else of the work at hand, else of its own."""
    parent = parent if is_valid(parent) else _current.get()
    if parent is None:
        return new_traceparent()
    return f"{parent[:36]}{_hex(64)}{parent[52:]}"


def is_valid(traceparent: str | None) -> bool:
    """Whether *traceparent* is one that this version understands."""
    return traceparent is not None and _FORMAT.fullmatch(traceparent) is not None


def enter_trace(traceparent: str | None, **ids: str) -> str:
    """Bind the trace and *ids* to this task's context and logs; begins a trace if there is none."""
    entered = traceparent if traceparent and is_valid(traceparent) else new_traceparent()
    _current.set(entered)
    structlog.contextvars.bind_contextvars(trace_id=entered[3:35], **ids)
    return entered


def _hex(bits: int) -> str:
    # Names of work, not secrets: no need to ask the system for each of them.
    return f"{random.getrandbits(bits):0{bits // 4}x}"
