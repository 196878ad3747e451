"""Which backup a person means: by id, UDID, name or label, or by a part of id or name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gateway.cli.ambiguity import only_match
from gateway.cli.client import Client
from gateway.cli.formats import moment
from gateway.cli.plain_text import plain


def find_backup(client: Client, wanted: str) -> dict[str, Any]:
    """Ask for the list and return the one that is meant. Raises ``Failure``."""
    backups = [
        backup
        for page in client.pages("/api/backups", params={"limit": 1000})
        for backup in page["items"]
    ]
    return choose_backup(backups, wanted)


def choose_backup(backups: Sequence[dict[str, Any]], wanted: str) -> dict[str, Any]:
    """Return the only match of the strictest rule that matches. Raises ``Failure``.

    Of several copies of one device, found in several folders, the newest is meant.
    """
    folded = wanted.strip().casefold()
    rules = (
        [one for one in backups if one["id"] == folded],
        _newest([one for one in backups if (one.get("udid") or "").casefold() == folded]),
        _newest(
            [
                one
                for one in backups
                if folded and folded in ((one.get("name") or "").casefold(), _label(one))
            ]
        ),
        [one for one in backups if len(folded) >= 3 and one["id"].startswith(folded)],
        # Phones write "Mira's" with a typographic apostrophe that few can type: "mira" is enough.
        _newest(
            [one for one in backups if folded and folded in (one.get("name") or "").casefold()]
        ),
    )
    return only_match(
        rules,
        several="Several backups match; use one of these ids:",
        line=lambda one: (
            f"{one['id']}  {plain(one.get('name') or '-')}  {moment(one['last_backup_at'])}"
        ),
        none="There is no such backup.",
        listed_by="keepsake backups",
    )


def _newest(matches: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the newest where all are copies of one device, else all."""
    devices = {one.get("udid") for one in matches}
    if len(devices) != 1 or None in devices:
        return matches
    return [max(matches, key=lambda one: one.get("last_backup_at") or "")]


def _label(backup: dict[str, Any]) -> str:
    return (backup.get("label") or "").casefold()
