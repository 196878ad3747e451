"""What a running service tells: logs, metrics, health. Never a secret, never content."""

from shared.telemetry.health import Health
from shared.telemetry.logs import configure_logging
from shared.telemetry.loop_watch import watch_loop
from shared.telemetry.metrics import serve_metrics

__all__ = ["Health", "configure_logging", "serve_metrics", "watch_loop"]
