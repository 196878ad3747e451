"""Prometheus: the process-wide registry, the figures every service has, and their own port."""

from __future__ import annotations

import prometheus_client
from prometheus_client import Gauge

from shared.settings import Settings, SettingsError

DEPENDENCY_READY = Gauge(
    "keepsake_dependency_ready", "1 while the dependency answers.", ("service", "dependency")
)
SERVICE_READY = Gauge("keepsake_service_ready", "1 while the service is ready.", ("service",))


def serve_metrics(settings: Settings) -> None:
    """Serve ``/metrics`` on its own port, from a thread of its own, if a port is set.

    Raises ``SettingsError`` with one line when the port cannot be had.
    """
    port = settings.metrics.port
    if port is None:
        return
    try:
        prometheus_client.start_http_server(port, addr=settings.http.host)
    except OSError as error:
        raise SettingsError(
            f"KEEPSAKE_METRICS__PORT: {port} cannot be used ({error.strerror})"
        ) from None
