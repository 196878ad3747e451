"""``keepsake gone``: what is in the newest backup no more, and why."""

from __future__ import annotations

from typing import Any

import click

from gateway.cli.client import connect
from gateway.cli.commands.search import refuse_unknown_kind
from gateway.cli.device_names import device_udid
from gateway.cli.formats import moment
from gateway.cli.options import device_option, json_option, kind_option
from gateway.cli.output import console, print_json, say
from gateway.cli.plain_text import plain

_REASONS = ("expired", "deleted", "offloaded", "left_with_app", "left_with_account", "unknown")
_LONGEST = 200


@click.command()
@device_option
@kind_option
@click.option(
    "--reason",
    type=click.Choice(_REASONS),
    help="Only what went for it; offloaded: what is there, but whose file only old backups hold.",
)
@click.option("--from", "since", metavar="TIME", help="Made since then: a date, or RFC 3339.")
@click.option("--to", "until", metavar="TIME", help="Made until then.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@json_option
@click.pass_context
def gone(
    context: click.Context,
    *,
    device: str | None,
    kind: str | None,
    reason: str | None,
    since: str | None,
    until: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """List what was on a phone and is gone, the newest first, with what backups tell of why."""
    client = connect(context)
    page = client.get(
        "/api/artifacts",
        params={
            "device": device_udid(client, device),
            "kind": kind,
            "reason": reason,
            "removed": "exclude" if reason == "offloaded" else "only",
            "from": since,
            "to": until,
            "limit": limit,
        },
    )
    if not page["items"]:
        refuse_unknown_kind(client, kind)
    if as_json:
        print_json(page)
        return
    for one in page["items"]:
        _print(one)
    if not page["items"]:
        say("There is nothing like that.")
    elif page["next_cursor"]:
        say(f"There is more than these {limit}: --limit, or --from and --to, show it.")


def _print(artifact: dict[str, Any]) -> None:
    from rich.padding import Padding
    from rich.text import Text

    head = Text()
    head.append(moment(artifact["occurred_at"]), style="dim")
    head.append(f"  {artifact['kind']}", style="dim")
    said = artifact["title"] or artifact["text"] or artifact["key"]
    head.append(f"  {plain(said)[:_LONGEST]}", style="bold")
    if artifact["removed_at"]:
        head.append(f"  gone by {moment(artifact['removed_at'])}")
    screen = console()
    screen.print(head)
    removal = artifact["removal"]
    if removal is not None:
        sure = "" if removal["is_certain"] else " (perhaps)"
        why = f"{removal['reason'].replace('_', ' ')}{sure}: {removal['note']}"
        screen.print(Padding(Text(why, style="dim"), (0, 0, 0, 4), expand=False))
