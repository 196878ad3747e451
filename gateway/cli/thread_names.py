"""Which thread a person means: by id, or by a part of its title or of a participant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gateway.cli.ambiguity import only_match
from gateway.cli.client import Client
from gateway.cli.formats import moment
from gateway.cli.plain_text import plain


def find_thread_id(
    client: Client,
    wanted: str,
    *,
    kind: str | None = None,
    device: str | None = None,
    lineage: str | None = None,
) -> str:
    """Return the id of the thread that is meant, of *kind* if given; numbers are ids already.

    *device* is a UDID. Raises ``Failure``.
    """
    if wanted.isascii() and wanted.isdigit():
        return wanted
    found = client.get(
        "/api/threads",
        params={"q": wanted, "kind": kind, "device": device, "lineage": lineage, "limit": 1000},
    )["items"]
    return str(choose_thread(found, wanted)["id"])


def choose_thread(threads: Sequence[dict[str, Any]], wanted: str) -> dict[str, Any]:
    """Return the only match of the strictest rule that matches. Raises ``Failure``."""
    folded = wanted.strip().casefold()
    titled = [one for one in threads if folded in one["title"].casefold()]
    exact = [one for one in titled if folded == one["title"].casefold()]
    several = {one["device"] for one in threads} - {None}
    return only_match(
        (
            [one for one in exact if not one["is_group"]],
            exact,
            [one for one in titled if not one["is_group"]],
            titled,
            threads,
        ),
        several="Several threads match; give a --kind or --device, or use one of these ids:",
        line=lambda one: (
            f"{one['id']}  {one['kind']}  {plain(one['title'])}  {moment(one['last_at'])}"
            + (f"  {one['device']}" if len(several) > 1 else "")
        ),
        none="There is no such thread.",
        listed_by="keepsake threads",
    )
