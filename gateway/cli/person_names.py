"""Which person is meant: by id or the beginning of it, by a handle, or by a part of the name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gateway.cli.ambiguity import only_match
from gateway.cli.client import Client
from gateway.cli.plain_text import plain
from gateway.cli.short_ids import SHOWN

_WHOLE = 36


def find_person_id(client: Client, wanted: str) -> str:
    """Return the id of the person who is meant. Raises ``Failure``."""
    wanted = wanted.strip()
    if len(wanted) == _WHOLE and wanted.count("-") == 4:
        return wanted.lower()
    found = client.get("/api/people", params={"q": wanted, "limit": 1000})["items"]
    if not any(_is_named(one, wanted) for one in found):
        # Beginnings of ids are for those who have read them in a list.
        found = found or [
            one
            for page in client.pages("/api/people", params={"limit": 1000})
            for one in page["items"]
            if wanted and str(one["id"]).startswith(wanted.lower())
        ]
    return str(choose_person(found, wanted)["id"])


def choose_person(people: Sequence[dict[str, Any]], wanted: str) -> dict[str, Any]:
    """Return the only match of the strictest rule that matches. Raises ``Failure``."""
    owners = [one for one in people if wanted in one["handles"]]
    named = [one for one in people if _is_named(one, wanted)]
    return only_match(
        (owners, named, people),
        several="Several people match; use one of these ids:",
        line=lambda one: f"{one['id'][:SHOWN]}  {plain(one['name'])}  {plain(one['handles'][0])}",
        none="There is no such person.",
        listed_by="keepsake people",
    )


def _is_named(person: dict[str, Any], wanted: str) -> bool:
    return str(person["name"]).casefold() == wanted.casefold()
