"""``keepsake archive``: what is archived, where to, and what lies there."""

from __future__ import annotations

from typing import Any

import click

from gateway.cli.archive_names import DESTINATIONS, SOURCES, find_archive, find_named
from gateway.cli.client import Client, connect
from gateway.cli.commands.archive_deletion import collect, delete, protect, undelete
from gateway.cli.commands.archive_destinations import where
from gateway.cli.commands.archive_find import find
from gateway.cli.commands.archive_items import find_item, list_items
from gateway.cli.commands.archive_run import limit, run
from gateway.cli.commands.archive_setup import backends, set_up
from gateway.cli.commands.archive_sheet import remind_of_sheets, sheet
from gateway.cli.commands.archive_sources import print_sources, source_group
from gateway.cli.commands.archive_upkeep import rebuild
from gateway.cli.commands.archive_verification import check, reset
from gateway.cli.commands.download import Source, fetch, put_in_place, target_of
from gateway.cli.failure import FAILED, NOT_FOUND, Failure
from gateway.cli.formats import count, moment, size
from gateway.cli.job_bars import amount_of
from gateway.cli.options import ListingGroup, json_option
from gateway.cli.output import print_json, print_table, say
from gateway.cli.short_ids import SHOWN

_ARCHIVES = "/api/archives"


@click.group(cls=ListingGroup)
def archive() -> None:
    """List archives; setup|source|run|contents|find|get|check|status."""


archive.add_command(set_up)
archive.add_command(backends)
archive.add_command(check)
archive.add_command(find)
archive.add_command(sheet)
archive.add_command(source_group)
archive.add_command(run)
archive.add_command(limit)
archive.add_command(rebuild)
archive.add_command(reset)
archive.add_command(delete)
archive.add_command(undelete)
archive.add_command(protect)
archive.add_command(collect)


@archive.command("list")
@click.option("--source", metavar="SOURCE", help="Only of this source.")
@click.option("--to", "destination", metavar="NAME", help="Only in this destination.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@json_option
@click.pass_context
def list_archives(
    context: click.Context,
    *,
    source: str | None,
    destination: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """List archives, newest first."""
    client = connect(context)
    page = client.get(
        _ARCHIVES,
        params={
            "source": source and find_named(client, SOURCES, source, what="source")["id"],
            "destination": destination
            and find_named(client, DESTINATIONS, destination, what="destination")["id"],
            "limit": limit,
        },
    )
    if as_json:
        print_json(page)
        return
    known = client.get(DESTINATIONS)["items"]
    names = {one["id"]: one["name"] for one in (*client.get(SOURCES)["items"], *known)}
    print_table(
        [
            ("ID", "left", "whole"),
            ("CREATED", "left", "whole"),
            ("SOURCE", "left", "cut"),
            ("IN", "left", "cut"),
            ("FILES", "right", "whole"),
            ("SIZE", "right", "whole"),
            ("ADDED", "right", "whole"),
            ("", "left", "whole"),
        ],
        [
            (
                one["id"][:SHOWN],
                moment(one["created_at"]),
                names.get(one["source_id"], "(removed)"),
                names.get(one["destination_id"], "(removed)"),
                count(one["file_count"]),
                size(one["source_bytes"]),
                size(one["added_bytes"]),
                _marks(one),
            )
            for one in page["items"]
        ],
    )
    remind_of_sheets(known)


def _marks(one: dict[str, Any]) -> str:
    """Return what is to be known of an archive before somebody relies on it."""
    marks = []
    if one["state"] != "complete":
        marks.append(one["state"])
    if one["protected"]:
        marks.append("protected")
    if one["deletion_scheduled_at"]:
        marks.append(f"deleted from {moment(one['deletion_scheduled_at'])} on")
    return ", ".join(marks)


@archive.command("contents")
@click.argument("wanted", metavar="ARCHIVE")
@click.option("--path-like", metavar="PATTERN", help="SQL LIKE: % and _ stand for anything.")
@click.option("--search", "words", metavar="WORDS", help="Of a database: only such names.")
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True)
@json_option
@click.pass_context
def contents(
    context: click.Context,
    *,
    wanted: str,
    path_like: str | None,
    words: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """List what is in ARCHIVE (the first of its id); nothing is loaded from its destination."""
    client = connect(context)
    path = f"{_ARCHIVES}/{find_archive(client, wanted)}"
    manifest = client.get(f"{path}/contents")["manifest"]
    if manifest["tree"] is None:
        list_items(client, path, manifest=manifest, words=words, limit=limit, as_json=as_json)
        return
    page = client.get(f"{path}/files", params={"path_like": path_like, "limit": limit})
    if as_json:
        print_json(page)
        return
    print_table(
        [
            ("MODE", "left", "whole"),
            ("SIZE", "right", "whole"),
            ("MODIFIED", "left", "whole"),
            ("PATH", "left", "fold"),
        ],
        [
            (
                f"{one['mode']:04o}",
                size(one["size_bytes"]) if one["type"] == "file" else one["type"],
                moment(one["modified_at"]),
                one["path"] + (f" -> {one['target']}" if one["target"] else ""),
            )
            for one in page["items"]
        ],
    )
    if page["next_cursor"]:
        say(f"There are more than {count(limit)}; --path-like narrows it down, --limit shows more.")
    for left in manifest["tree"]["skipped"]:
        say(f"Left out: {left['path']}: {left['reason']}.")


@archive.command("get")
@click.argument("wanted", metavar="ARCHIVE")
@click.argument("path")
@click.option("-o", "--output", metavar="FILE", help="Where to: a file, or a folder.")
@click.option("--force", is_flag=True, help="Replace an existing file.")
@json_option
@click.pass_context
def get(
    context: click.Context,
    *,
    wanted: str,
    path: str,
    output: str | None,
    force: bool,
    as_json: bool,
) -> None:
    """Download one file out of ARCHIVE by its path, or one workflow by its name or id."""
    client = connect(context)
    archive = f"{_ARCHIVES}/{find_archive(client, wanted)}"
    address = find_item(client, archive, path) or _find_file(client, archive, path)
    source = Source(client, address, None)
    facts = source.describe()
    target = target_of(output, facts["name"])
    if target.exists() and not force:
        raise Failure(f"{target} exists.", "Use --force to replace it.", exit_code=FAILED)
    put_in_place(fetch(source, facts, target), target, force=force)
    if as_json:
        print_json({"path": str(target), "size_bytes": facts["size_bytes"]})
    else:
        say(f"{target}: {size(facts['size_bytes'])}")


def _find_file(client: Client, archive: str, path: str) -> str:
    escaped = path.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    page = client.get(f"{archive}/files", params={"path_like": escaped, "limit": 2})
    found = [one for one in page["items"] if one["type"] == "file"]
    if not found:
        raise Failure("There is no such file in that archive.", exit_code=NOT_FOUND)
    return f"{archive}/files/{found[0]['n']}/content"


@archive.command("status")
@json_option
@click.pass_context
def status(context: click.Context, *, as_json: bool) -> None:
    """Show sources, destinations, and what is under way."""
    client = connect(context)
    known = {
        "sources": client.get(SOURCES)["items"],
        "destinations": client.get(DESTINATIONS)["items"],
        "jobs": [
            job
            for state in ("running", "pending")
            for job in client.get("/api/jobs", params={"state": state, "kind": "archive"})["items"]
        ],
    }
    if as_json:
        print_json(known)
        return
    print_sources(known["sources"])
    say("")
    print_table(
        [
            ("DESTINATION", "left", "whole"),
            ("ARCHIVES", "right", "whole"),
            ("STORED", "right", "whole"),
            ("WHERE", "left", "cut"),
        ],
        [
            (
                one["name"],
                count(one["archive_count"]),
                size(one["stored_bytes"]),
                where(one),
            )
            for one in known["destinations"]
        ],
    )
    for job in known["jobs"]:
        step = (job["progress"] or {"step": "asked for"})["step"]
        say(f"Job {job['id'][:SHOWN]}: {job['state']}, {step}, {amount_of(job)}".rstrip(", ") + ".")
    remind_of_sheets(known["destinations"])
