"""``keepsake backups``."""

from __future__ import annotations

import click

from gateway.cli.client import LONG_SECONDS, connect
from gateway.cli.formats import moment, size, together
from gateway.cli.options import json_option
from gateway.cli.output import print_json, print_table, say

_COLUMNS = [
    ("ID", "left", "whole"),
    ("NAME", "left", "cut"),
    ("STATE", "left", "whole"),
    ("ENCRYPTED", "left", "whole"),
    ("LAST BACKUP", "left", "whole"),
    ("SIZE", "right", "whole"),
    ("INDEX", "left", "whole"),
]


@click.command()
@click.option("--refresh", is_flag=True, help="Scan the folders first.")
@json_option
@click.pass_context
def backups(context: click.Context, *, refresh: bool, as_json: bool) -> None:
    """List backups, newest run first."""
    client = connect(context)
    report = None
    if refresh:
        report = client.request("POST", "/api/backups/refresh", timeout_seconds=LONG_SECONDS)
    items = [one for page in client.pages("/api/backups") for one in page["items"]]
    if as_json:
        print_json({"items": items} | ({"refresh": _changes(report)} if report else {}))
        return
    if report is not None:
        for root in report["unreadable_roots"]:
            reason = str(root.get("reason")).replace("-", " ")
            say(f"A folder cannot be read: {root.get('path')} ({reason})")
    if not items:
        say("No backup was found. KEEPSAKE_BACKUP_PATHS names the folders to look in.")
        return
    print_table(
        _COLUMNS,  # type: ignore[arg-type]
        [
            (
                one["id"][:8],
                one["label"] or one["name"] or one["udid"] or "-",
                one["state"],
                "yes" if one["encrypted"] else "no",
                moment(one["last_backup_at"]),
                size(one["size_bytes"]),
                one["index_state"],
            )
            for one in items
        ],
    )
    for problem, ids in together(
        (f"{problem['code']}: {problem['detail']}", one["id"][:8])
        for one in items
        for problem in one["problems"]
    ):
        say(f"{', '.join(ids)}: {problem}")


def _changes(report: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in report.items() if name != "items"}
