"""How a service is: what it reports about its dependencies, and what others are told."""

from __future__ import annotations

import datetime as dt
from importlib.metadata import PackageNotFoundError, version

from shared.contracts.health import DependencyHealth, ServiceHealth
from shared.telemetry.metrics import DEPENDENCY_READY, SERVICE_READY


class Health:
    """The last word on each dependency. A service is ready while all of them are."""

    def __init__(self, service: str) -> None:
        self._service = service
        self._started_at = dt.datetime.now(dt.UTC)
        self._dependencies: dict[str, DependencyHealth] = {}

    def report(self, dependency: str, *, ready: bool, detail: str = "") -> bool:
        """Record how *dependency* is; return whether that is news. *detail* holds no secret."""
        before = self._dependencies.get(dependency)
        now = DependencyHealth(state="ready" if ready else "unavailable", detail=detail)
        self._dependencies[dependency] = now
        DEPENDENCY_READY.labels(self._service, dependency).set(ready)
        SERVICE_READY.labels(self._service).set(self.is_ready)
        return before is None or before.state != now.state

    @property
    def is_ready(self) -> bool:
        """Whether nothing is known to be away."""
        return all(one.state == "ready" for one in self._dependencies.values())

    def describe(self) -> ServiceHealth:
        """Return what is told to others."""
        return ServiceHealth(
            service=self._service,
            state="ready" if self.is_ready else "degraded",
            dependencies=dict(self._dependencies),
            version=program_version(),
            started_at=self._started_at,
        )


def program_version() -> str:
    """Return the installed version, or a development one in a bare check-out."""
    try:
        return version("keepsake")
    except PackageNotFoundError:
        return "0.0.0+source"
