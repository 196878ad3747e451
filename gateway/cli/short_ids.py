"""Ids as people type them: the first characters are enough when only one thing begins so."""

from __future__ import annotations

from gateway.cli.client import Client
from gateway.cli.failure import NOT_FOUND, Failure

SHOWN = 8
_WHOLE = 36


def complete_id(client: Client, path: str, wanted: str, *, what: str) -> str:
    """Return the id in the list at *path* that begins with *wanted*. Raises ``Failure``."""
    wanted = wanted.strip().lower()
    if len(wanted) == _WHOLE:
        return wanted
    ids = [
        str(one["id"])
        for page in client.pages(path, params={"limit": 1000})
        for one in page["items"]
        if str(one["id"]).startswith(wanted)
    ]
    if not ids or not wanted:
        raise Failure(f"There is no such {what}.", exit_code=NOT_FOUND)
    if len(ids) > 1:
        raise Failure(f"Several {what}s begin like that.", "Give more of the id.", exit_code=2)
    return ids[0]
