"""``keepsake threads``: list conversations, read one."""

from __future__ import annotations

from typing import Any

import click

from gateway.cli.client import connect
from gateway.cli.formats import count, moment
from gateway.cli.options import ListingGroup, json_option, lineage_option
from gateway.cli.output import console, print_json, print_table, say
from gateway.cli.plain_text import plain, plain_lines
from gateway.cli.thread_names import find_thread_id

_INDENT = (0, 0, 0, 4)


@click.group(cls=ListingGroup)
def threads() -> None:
    """List conversations, or read one: threads [QUERY], threads show THREAD."""


@threads.command("list")
@click.argument("query", required=False)
@click.option("--device", metavar="UDID")
@lineage_option
@click.option("--kind")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@json_option
@click.pass_context
def list_threads(
    context: click.Context,
    *,
    query: str | None,
    device: str | None,
    lineage: str | None,
    kind: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """List threads, newest first; QUERY matches titles, names and numbers."""
    page = connect(context).get(
        "/api/threads",
        params={"q": query, "device": device, "lineage": lineage, "kind": kind, "limit": limit},
    )
    if as_json:
        print_json(page)
        return
    print_table(
        [
            ("ID", "left", "whole"),
            ("KIND", "left", "whole"),
            ("TITLE", "left", "cut"),
            ("COUNT", "right", "whole"),
            ("LAST", "left", "whole"),
            ("TEXT", "left", "cut"),
        ],
        [
            (
                one["id"],
                one["kind"],
                one["title"],
                count(one["artifact_count"]),
                moment(one["last_at"]),
                (one["last_text"] or "")[:80],
            )
            for one in page["items"]
        ],
    )


@threads.command("show")
@click.argument("thread")
@click.option("--kind", help="Of which kind, where several have that name.")
@click.option("--at", metavar="TIME", help="From this moment on (default: the newest).")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@click.option("--include-removed", is_flag=True, help="Also what was deleted on the phone.")
@lineage_option
@json_option
@click.pass_context
def show_thread(
    context: click.Context,
    *,
    thread: str,
    kind: str | None,
    at: str | None,
    limit: int,
    include_removed: bool,
    lineage: str | None,
    as_json: bool,
) -> None:
    """Read THREAD (an id, or a part of its title), oldest line first."""
    client = connect(context)
    page = client.get(
        f"/api/threads/{find_thread_id(client, thread, kind=kind, lineage=lineage)}/artifacts",
        params={
            "at": at,
            "direction": "forward" if at else "backward",
            "limit": limit,
            "include_removed": "true" if include_removed else None,
            "lineage": lineage,
        },
    )
    if as_json:
        print_json(page)
        return
    if not page["items"]:
        say("There is nothing at that time.")
    _print_artifacts(page["items"])


def _print_artifacts(items: list[dict[str, Any]]) -> None:
    from rich.padding import Padding
    from rich.text import Text

    screen = console()
    for one in items:
        sender = one["sender"] or {}
        who = "me" if sender.get("is_me") else sender.get("name") or sender.get("handle") or "-"
        head = Text()
        head.append(moment(one["occurred_at"]), style="dim")
        head.append(f"  {plain(who)}", style="bold green" if sender.get("is_me") else "bold")
        if one["title"] and one["kind"] != "message":
            head.append(f"  {plain(one['title'])}")
        if one["removed_at"]:
            why = (one.get("removal") or {}).get("reason", "gone").replace("_", " ")
            head.append(f"  {why if why != 'unknown' else 'gone'}", style="red")
        screen.print(head)
        if text := _readable(one):
            screen.print(Padding(Text(plain_lines(text)), _INDENT, expand=False))
        for attachment in one["attachments"]:
            name = plain(attachment["name"] or attachment["media_type"] or "file")
            missing = "" if attachment["present"] else " (not in the backup)"
            line = Text(f"[{name}]{missing}", style="italic")
            screen.print(Padding(line, _INDENT, expand=False))
        if reactions := one["payload"].get("reactions"):
            signs = " ".join(plain(each.get("emoji") or each.get("kind")) for each in reactions)
            screen.print(Padding(Text(signs, style="dim"), _INDENT, expand=False))


def _readable(artifact: dict[str, Any]) -> str:
    """Return what stands for a line: its text, or what happened instead of a text."""
    payload = artifact["payload"]
    if artifact["text"]:
        return str(artifact["text"])
    if payload.get("unsent"):
        return "(unsent)"
    if payload.get("text_unknown"):
        return "(the text could not be decoded)"
    if event := payload.get("event"):
        return f"({str(event.get('kind')).replace('_', ' ')})"
    return str(artifact["title"] or "")
