"""``keepsake devices``: list them, their indexed backups, what changed, what no backup tells."""

from __future__ import annotations

from typing import Any

import click

from gateway.cli.client import Client, connect
from gateway.cli.device_names import choose_revision, find_device
from gateway.cli.failure import Failure
from gateway.cli.formats import count, moment
from gateway.cli.options import ListingGroup, json_option, kind_option
from gateway.cli.output import print_json, print_table, say

_REASONS = {
    "expired": "expired",
    "deleted": "deleted",
    "left_with_app": "left with their app",
    "left_with_account": "left with their account",
    "unknown": "unknown why",
}
_HOLDS = {"nothing": "no backup holds anything", "survivors": "only what stayed is known"}


@click.group(cls=ListingGroup)
def devices() -> None:
    """List devices; show indexed backups of one, what changed, and gaps between them."""


@devices.command("list")
@json_option
@click.pass_context
def list_devices(context: click.Context, *, as_json: bool) -> None:
    """List devices, the one with the newest backup first."""
    page = connect(context).get("/api/devices", params={"limit": 1000})
    if as_json:
        print_json(page)
        return
    print_table(
        [
            ("UDID", "left", "whole"),
            ("NAME", "left", "cut"),
            ("MODEL", "left", "spare"),
            ("IOS", "left", "whole"),
            ("LAST BACKUP", "left", "whole"),
        ],
        [
            (
                one["udid"],
                one["name"] or "-",
                one["model"] or one["product_type"] or "-",
                one["ios_version"] or "-",
                moment(one["last_backup_at"]),
            )
            for one in page["items"]
        ],
        empty="No device is known yet; `keepsake backups` says what was found.",
    )


@devices.command("revisions")
@click.argument("device")
@json_option
@click.pass_context
def list_revisions(context: click.Context, *, device: str, as_json: bool) -> None:
    """List the indexed backups of DEVICE (a UDID, or a part of its name), newest first."""
    client = connect(context)
    found = _revisions(client, find_device(client, device)["udid"])
    if as_json:
        print_json({"items": found})
        return
    print_table(
        [
            ("REVISION", "left", "whole"),
            ("TAKEN", "left", "whole"),
            ("INDEXED", "left", "whole"),
            ("THINGS", "right", "whole"),
            ("NEW", "right", "whole"),
            ("GONE", "right", "whole"),
        ],
        [
            (
                one["revision"][:12],
                moment(one["taken_at"]),
                moment(one["indexed_at"]),
                *(count(sum(kind[of] for kind in one["kinds"])) for of in _COUNTED),
            )
            for one in found
        ],
        empty="No backup of this device is indexed yet; `keepsake index` does it.",
    )


_COUNTED = ("kept", "added", "removed")


@devices.command("compare")
@click.argument("device")
@click.argument("before", required=False)
@click.argument("after", required=False)
@json_option
@click.pass_context
def compare(
    context: click.Context, *, device: str, before: str | None, after: str | None, as_json: bool
) -> None:
    """Count what changed on DEVICE from BEFORE to AFTER, and why things went.

    Both are the beginnings of a revision or of its time, as `devices revisions` lists them; without
    them, the newest is compared with the one before it.
    """
    client = connect(context)
    udid = find_device(client, device)["udid"]
    revisions = _revisions(client, udid)
    if len(revisions) < 2:
        raise Failure("There are no two indexed backups of this device yet.")
    later = revisions[0] if after is None else choose_revision(revisions, after)
    earlier = revisions[1] if before is None else choose_revision(revisions, before)
    found = client.get(
        f"/api/devices/{udid}/diff/summary",
        params={"from": earlier["revision"], "to": later["revision"]},
    )
    if as_json:
        print_json(found)
        return
    say(f"From {moment(found['from_at'])} to {moment(found['to_at'])}:")
    print_table(
        [
            ("KIND", "left", "whole"),
            ("NEW", "right", "whole"),
            ("CHANGED", "right", "whole"),
            ("GONE", "right", "whole"),
            ("WHY", "left", "fold"),
        ],
        [
            (
                one["kind"],
                count(one["added"]),
                count(one["changed"]),
                count(one["removed"]),
                _why(one),
            )
            for one in found["kinds"]
        ],
    )


@devices.command("gaps")
@click.argument("device")
@kind_option
@click.option("--survivors", is_flag=True, help="Also times of which only what stayed is known.")
@click.option("--lineage", is_flag=True, help="Over all devices that follow each other.")
@json_option
@click.pass_context
def list_gaps(
    context: click.Context,
    *,
    device: str,
    kind: str | None,
    survivors: bool,
    lineage: bool,
    as_json: bool,
) -> None:
    """List times of which no backup of DEVICE tells."""
    client = connect(context)
    udid = find_device(client, device)["udid"]
    found = client.get(
        f"/api/devices/{udid}/gaps",
        params={
            "kind": kind,
            "survivors": "true" if survivors else None,
            "lineage": "true" if lineage else None,
        },
    )
    if as_json:
        print_json(found)
        return
    rows = [
        (one["kind"], moment(gap["from_at"]), moment(gap["to_at"]), _HOLDS[gap["holds"]])
        for one in found["kinds"]
        for gap in one["gaps"]
    ]
    if not rows:
        say("There are none.")
        return
    print_table(
        [
            ("KIND", "left", "whole"),
            ("FROM", "left", "whole"),
            ("TO", "left", "whole"),
            ("WHAT IS KNOWN", "left", "fold"),
        ],
        rows,
    )


def _revisions(client: Client, udid: str) -> list[dict[str, Any]]:
    return [
        revision
        for page in client.pages(f"/api/devices/{udid}/revisions", params={"limit": 1000})
        for revision in page["items"]
    ]


def _why(difference: dict[str, Any]) -> str:
    if difference["removed"] is None:
        return f"{difference['from_state']} then, {difference['to_state']} now"
    parts = [
        f"{number:,} {_REASONS[reason]}"
        for reason, number in (difference["reasons"] or {}).items()
        if number
    ]
    if difference["offloaded"]:
        parts.append(f"{difference['offloaded']:,} without their file now")
    return ", ".join(parts)
