"""What is in an archive of a database: tables, workflows, credentials, and its own files."""

from __future__ import annotations

from typing import Any

from gateway.cli.client import Client
from gateway.cli.failure import FAILED, Failure
from gateway.cli.formats import count, moment, size
from gateway.cli.output import print_json, print_table, say

KEY_STATES = {
    "proved": "The encryption key opens all that n8n encrypted.",
    "partial": "The encryption key opens only some of what n8n encrypted.",
    "wrong": "The encryption key is WRONG: n8n could not use this database with it.",
    "unproved": "The encryption key was not tried: none was named, or nothing is encrypted.",
}


def list_items(
    client: Client,
    path: str,
    *,
    manifest: dict[str, Any],
    words: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """List what has a name of its own in the archive at *path*; nothing is loaded."""
    page = client.get(f"{path}/items", params={"q": words, "limit": limit})
    if as_json:
        print_json(page)
        return
    print_table(
        [
            ("KIND", "left", "whole"),
            ("NAME", "left", "fold"),
            ("ID", "left", "fold"),
            ("", "left", "fold"),
        ],
        [(one["kind"], one["name"], one["id"], _said(one)) for one in page["items"]],
    )
    if page["next_cursor"]:
        say(f"There are more than {count(limit)}; --search narrows it down, --limit shows more.")
    if words is None:
        for member in manifest["members"]:
            say(f"File in the bundle: {member['path']}, {size(member['size_bytes'])}.")
    key = manifest["contents"].get("n8n", {}).get("encryption_key")
    if key is not None:
        say(KEY_STATES.get(key["state"], ""))


def find_item(client: Client, path: str, wanted: str) -> str | None:
    """Return where a workflow of that id or name is sent from; None if there is none.

    Raises ``Failure`` for a name that several have.
    """
    page = client.get(f"{path}/items", params={"kind": "workflow", "limit": 1000})
    found = [one["id"] for one in page["items"] if wanted in (one["id"], one["name"])]
    if len(found) > 1 and wanted not in found:
        raise Failure(
            f"There are {len(found)} workflows called {wanted}.",
            f"Name one by its id: {', '.join(found)}.",
            exit_code=FAILED,
        )
    if not found:
        return None
    return f"{path}/items/{wanted if wanted in found else found[0]}/download"


def _said(item: dict[str, Any]) -> str:
    facts = item["facts"]
    match item["kind"]:
        case "table":
            left_out = ", without its rows" if facts["is_without_rows"] else ""
            return f"{count(facts['rows'])} rows, {len(facts['columns'])} columns{left_out}"
        case "workflow":
            states = ["active" if facts["active"] else "not active"]
            if facts["archived"]:
                states.append("archived")
            if facts["draft_differs"]:
                states.append("its draft differs from what runs")
            return f"{', '.join(states)}, changed {moment(facts['updated_at'])}"
        case "credential" | "source" | "destination":
            return str(facts["type"])
        case _:
            return ""
