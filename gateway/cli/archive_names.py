"""Sources, destinations and archives as people name them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gateway.cli.client import Client
from gateway.cli.failure import NOT_FOUND, Failure
from gateway.cli.short_ids import complete_id

SOURCES, DESTINATIONS = "/api/sources", "/api/destinations"


def find_named(client: Client, path: str, wanted: str, *, what: str) -> dict[str, Any]:
    """Return the one in the list at *path* with that name or id. Raises ``Failure``."""
    items: list[dict[str, Any]] = client.get(path)["items"]
    for one in items:
        if one["name"] == wanted or one["id"] == wanted.lower():
            return one
    known = ", ".join(one["name"] for one in items)
    raise Failure(
        f"There is no {what} called {wanted}.",
        f"There is: {known}." if known else f"There is no {what} at all.",
        exit_code=NOT_FOUND,
    )


def find_archive(client: Client, wanted: str) -> str:
    """Return the id of the archive that is meant: its first characters are enough."""
    return complete_id(client, "/api/archives", wanted, what="archive")


def absolute(folder: str) -> str:
    """Return a folder of this machine as the archiver takes it."""
    return str(Path(folder).expanduser().absolute())
