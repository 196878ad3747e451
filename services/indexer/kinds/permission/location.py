"""Reads the location service's list of clients: who may know where the phone is, and who asked.

Source: the list as it is known of iOS 7 to 18. Its numbers are bits: 1 never, 2 while the app is
used, 4 always; a client that was never asked has none.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

from services.indexer.kinds.app_names import AppNames
from services.indexer.kinds.permission.payload import Decision, PermissionPayload
from services.indexer.kinds.permission.vocabulary import LOCATION, LOCATION_DECISIONS
from services.indexer.kinds.plist_values import date_of, read_plist
from services.indexer.kinds.values import int_of, text_of

#: A phone has some hundreds of clients of half a kilobyte.
_LARGEST_BYTES = 8 * 1024 * 1024
_FOREGROUND = (
    "LocationTimeStarted",
    "LocationTimeStopped",
    "ReceivingLocationInformationTimeStopped",
)
_BACKGROUND = ("BackgroundLocationTimeStarted", "BackgroundLocationTimeStopped")
_BACKGROUND_TOO = (
    *_BACKGROUND, "SignificantTimeStarted", "SignificantTimeStopped",
    "NonPersistentSignificantTimeStarted", "NonPersistentSignificantTimeStopped",
    "VisitTimeStarted", "VisitTimeStopped",
)  # fmt: skip
_AREAS = (
    "FenceTimeStarted",
    "FenceTimeStopped",
    "BeaconRegionTimeStarted",
    "BeaconRegionTimeStopped",
)
_LONGEST = 1000
_PATHS = ("com.apple.locationd.bundle-", "com.apple.locationd.executable-")


def read_clients(path: Path) -> list[tuple[str, dict[str, Any]]] | None:
    """Return the clients by name, in the order of their last use; None: there is no such list."""
    plist = read_plist(path, most_bytes=_LARGEST_BYTES)
    if plist is None:
        return None
    clients = [
        (key, value)
        for key, value in plist.items()
        if isinstance(key, str) and key and isinstance(value, dict)
    ]
    return sorted(clients, key=lambda client: (_order(client[1]), client[0]))


def _order(client: dict[str, Any]) -> float:
    at = _latest(client, (*_FOREGROUND, *_BACKGROUND_TOO, *_AREAS))
    return 0.0 if at is None else at.timestamp()


def client_of(key: str, value: dict[str, Any], names: AppNames) -> PermissionPayload | None:
    """Return what one client of the list may know; None for one without a name."""
    name = text_of(key)
    if name is None:
        return None
    client, path = _identity(name, value)
    raw = int_of(value.get("Authorization"))
    if raw is None and isinstance(value.get("Authorized"), bool):  # until iOS 7
        decision: Decision = "always" if value["Authorized"] else "denied"
    else:
        decision = LOCATION_DECISIONS.get(raw or 0, "unknown")
    offered = int_of(value.get("SupportedAuthorizationMask")) or 0
    last = path.rstrip("/").rpartition("/")[2] if path else None
    bundle = None if client.startswith("/") else client
    return PermissionPayload(
        service=LOCATION,
        decision=decision,
        client=client,
        app_name=names.name(bundle) or (last.rpartition(".")[0] or last if last else None),
        bundle_id=bundle,
        path=path,
        decision_raw=raw,
        last_used_at=_latest(value, (*_FOREGROUND, *_BACKGROUND_TOO, *_AREAS)),
        last_used_in_background_at=_latest(value, _BACKGROUND_TOO),
        last_watched_area_at=_latest(value, _AREAS),
        offers=tuple(words for bit, words in LOCATION_DECISIONS.items() if bit and offered & bit),
        is_system_service=bool(value.get("IsSystemService"))
        or bool(path and path.startswith("/System/")),
        precision_raw=int_of(value.get("CorrectiveCompensationEnabled")),
    )


def _identity(name: str, value: dict[str, Any]) -> tuple[str, str | None]:
    """Return who a client is, and where it lies: the list names apps, bundles and programs."""
    bundle = value.get("BundleId")
    path = value.get("BundlePath")
    if not isinstance(path, str):
        path = value.get("Executable")
    place = text_of(path[:_LONGEST]) if isinstance(path, str) else None
    for prefix in _PATHS:
        if name.startswith(prefix):
            place = place or name.removeprefix(prefix)
            return name.removeprefix(prefix), place
    # Newer lists put one letter before the name, and a colon behind it.
    if name.endswith(":") and len(name) > 2 and name[0] in "ipe":
        name = name[1:-1] or name
        if name.startswith("/"):
            return name, place or name
    if isinstance(bundle, str) and bundle and len(bundle) <= _LONGEST:
        return bundle, place
    return name, place


def _latest(client: dict[str, Any], names: tuple[str, ...]) -> dt.datetime | None:
    moments = (date_of(client.get(name)) for name in names)
    return max((at for at in moments if at is not None), default=None)
