"""``keepsake threads``: list conversations, read one."""

from __future__ import annotations

from typing import Any

import click

from gateway.cli.client import connect
from gateway.cli.commands.search import refuse_unknown_kind
from gateway.cli.device_names import device_udid
from gateway.cli.formats import count, moment
from gateway.cli.options import (
    ListingGroup,
    device_option,
    json_option,
    kind_option,
    lineage_option,
)
from gateway.cli.output import console, print_json, print_table, say
from gateway.cli.plain_text import plain, plain_lines
from gateway.cli.thread_names import find_thread_id

_INDENT = (0, 0, 0, 4)


@click.group(cls=ListingGroup)
def threads() -> None:
    """List conversations, or read one: threads [QUERY], threads show THREAD."""


@threads.command("list")
@click.argument("query", required=False)
@device_option
@lineage_option
@kind_option
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
    client = connect(context)
    page = client.get(
        "/api/threads",
        params={
            "q": query,
            "device": device_udid(client, device),
            "lineage": lineage,
            "kind": kind,
            "limit": limit,
        },
    )
    if not page["items"]:
        refuse_unknown_kind(client, kind)
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
            ("TEXT", "left", "spare"),
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
        empty="There is none like that."
        if query or device or kind
        else "Nothing is indexed yet; `keepsake index BACKUP` does it.",
    )
    if page["next_cursor"]:
        say("There are more; give a QUERY or a larger --limit.")


@threads.command("show")
@click.argument("thread")
@click.option("--kind", help="Of which kind, where several have that name.")
@click.option(
    "--at", metavar="TIME", help="From this moment on: a date, or RFC 3339. Default: the newest."
)
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@device_option
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
    device: str | None,
    include_removed: bool,
    lineage: str | None,
    as_json: bool,
) -> None:
    """Read THREAD (an id, or a part of its title), oldest line first."""
    client = connect(context)
    thread_id = find_thread_id(
        client, thread, kind=kind, device=device_udid(client, device), lineage=lineage
    )
    page = client.get(
        f"/api/threads/{thread_id}/artifacts",
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
    if page["items"] and not at and page["previous_cursor"]:
        say("There is more before these: --at, or a larger --limit, shows it.")
    elif page["items"] and at and page["next_cursor"]:
        say("There is more after these: a later --at, or a larger --limit, shows it.")


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
        if one["kind"] == "note":
            # `keepsake note` takes it.
            head.append(f"  note {one['id']}", style="dim")
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
