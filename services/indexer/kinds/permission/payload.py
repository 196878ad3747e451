"""The payload of what one app may do with one thing."""

from __future__ import annotations

import datetime as dt
from typing import Literal

import msgspec

#: ``limited``: some photos or contacts; ``add_only``: new ones, but not see those there;
#: ``while_using`` and ``always`` are about location; ``unknown`` has its number beside it.
Decision = Literal[
    "allowed", "denied", "limited", "add_only", "always", "while_using", "not_asked", "unknown"
]


class PermissionPayload(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The struct of the kind ``permission``."""

    #: In words; the phone's own name in ``service_raw``.
    service: str
    decision: Decision
    #: Bundle id or path, as the phone has it.
    client: str
    app_name: str | None = None
    bundle_id: str | None = None
    path: str | None = None
    service_raw: str | None = None
    decision_raw: int | None = None
    #: Who decided, in words.
    reason: str | None = None
    reason_raw: int | None = None
    changed_at: dt.datetime | None = None
    #: The phone took it back because the app had not been used.
    is_expired: bool = False
    expired_at: dt.datetime | None = None
    #: To what it is limited: the app that may be steered, for example.
    target: str | None = None
    #: How often the phone asked (until iOS 13).
    prompt_count: int | None = None

    #: Of location alone: when it was last used, in the background too, and where apps watch areas.
    last_used_at: dt.datetime | None = None
    last_used_in_background_at: dt.datetime | None = None
    last_watched_area_at: dt.datetime | None = None
    #: What the app may ask for.
    offers: tuple[Decision, ...] = ()
    is_system_service: bool = False
    #: The phone's own number for whether the place is made less exact.
    precision_raw: int | None = None
