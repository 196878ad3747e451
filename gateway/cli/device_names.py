"""Which device a person means, by UDID or name; and which of its revisions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from gateway.cli.ambiguity import only_match
from gateway.cli.client import Client
from gateway.cli.formats import moment
from gateway.cli.plain_text import plain

_UDID = re.compile(r"[0-9A-Fa-f]{40}|[0-9A-Fa-f]{8}-[0-9A-Fa-f]{16}")


def device_udid(client: Client, wanted: str | None) -> str | None:
    """Return the UDID of the device that is meant; none of none. Raises ``Failure``."""
    if wanted is None or _UDID.fullmatch(wanted.strip()):
        # Also of a device that was not found yet.
        return wanted and wanted.strip()
    return str(find_device(client, wanted)["udid"])


def find_device(client: Client, wanted: str) -> dict[str, Any]:
    """Ask for the list and return the device that is meant. Raises ``Failure``."""
    folded = wanted.strip().casefold()
    devices = [
        device
        for page in client.pages("/api/devices", params={"limit": 1000})
        for device in page["items"]
    ]
    return only_match(
        (
            [one for one in devices if one["udid"].casefold() == folded],
            [one for one in devices if folded and folded == (one["name"] or "").casefold()],
            [one for one in devices if folded and one["udid"].casefold().startswith(folded)],
            [one for one in devices if folded and folded in (one["name"] or "").casefold()],
        ),
        several="Several devices match; use one of these UDIDs:",
        line=lambda one: f"{one['udid']}  {plain(one['name'] or '-')}",
        none="There is no such device.",
        listed_by="keepsake devices",
    )


def choose_revision(revisions: Sequence[dict[str, Any]], wanted: str) -> dict[str, Any]:
    """Return a revision by the beginning of its id or of its time. Raises ``Failure``."""
    folded = wanted.strip().casefold()
    return only_match(
        (
            [one for one in revisions if one["revision"] == folded],
            [one for one in revisions if folded and one["revision"].startswith(folded)],
            [one for one in revisions if folded and moment(one["taken_at"]).startswith(folded)],
        ),
        several="Several revisions begin like that; use one of these:",
        line=lambda one: f"{one['revision'][:12]}  {moment(one['taken_at'])}",
        none="There is no such indexed revision.",
        listed_by="keepsake devices revisions",
    )
