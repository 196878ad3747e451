"""The gateway's figures. Labels are route templates and scopes, never addresses or identifiers."""

from __future__ import annotations

from functools import cache

from prometheus_client import Counter, Gauge, Histogram

_REQUESTS = Counter(
    "keepsake_http_requests_total", "Answered requests.", ("method", "route", "status")
)
_SECONDS = Histogram(
    "keepsake_http_request_seconds",
    "Time to the end of the answer.",
    ("route",),
    buckets=(0.005, 0.02, 0.1, 0.5, 2, 10, 60, 600),
)
STREAMED_BYTES = Counter("keepsake_http_streamed_bytes_total", "Decrypted bytes sent to callers.")
LIVE_CLIENTS = Gauge("keepsake_live_clients", "Open event streams.")
ENDED_CONNECTIONS = Counter(
    "keepsake_http_connections_ended_total",
    "Connections that were refused, or ended for what they did not do.",
    ("reason",),
)
DROPPED_CLIENTS = Counter(
    "keepsake_live_clients_dropped_total", "Event streams that were too slow."
)

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def observe_request(method: str, route: str | None, status: int, seconds: float) -> None:
    """Count one answered request."""
    # Methods are free text on the wire: unknown ones share a label.
    count, times = _figures(method if method in _METHODS else "other", route or "none", status)
    count.inc()
    times.observe(seconds)


@cache
def _figures(method: str, route: str, status: int) -> tuple[Counter, Histogram]:
    # Finding them by their labels takes longer than counting. There are as many as there are routes
    # and statuses.
    return _REQUESTS.labels(method, route, str(status)), _SECONDS.labels(route)
