"""How a service says how it is. Every service answers on ``cmd.<service>.health``."""

from __future__ import annotations

import datetime as dt
from typing import ClassVar, Literal

import msgspec

from shared.contracts.requests import Request


class DependencyHealth(msgspec.Struct, frozen=True, kw_only=True):
    """One thing a service needs. ``detail`` is for people and holds no address and no secret."""

    state: Literal["ready", "unavailable"]
    detail: str = ""


class ServiceHealth(msgspec.Struct, frozen=True, kw_only=True):
    """A service is degraded while any of its dependencies is unavailable."""

    service: str
    state: Literal["ready", "degraded"]
    dependencies: dict[str, DependencyHealth]
    version: str
    started_at: dt.datetime


class GetHealth(Request[ServiceHealth], frozen=True, kw_only=True):
    """How a service is; asked on ``health_subject(service)``."""

    subject: ClassVar[str] = "health"
    reply: ClassVar[object] = ServiceHealth


def health_subject(service: str) -> str:
    """Return the subject on which *service* tells its health."""
    return f"cmd.{service}.health"
