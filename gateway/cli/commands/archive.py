"""``keepsake archive``: what is archived, where to, and what lies there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gateway.cli.archive_names import find_archive, find_named
from gateway.cli.client import Client, connect
from gateway.cli.commands.download import Source, fetch, put_in_place, target_of
from gateway.cli.commands.indexing import watch_job
from gateway.cli.failure import FAILED, NOT_FOUND, Failure
from gateway.cli.formats import count, moment, size
from gateway.cli.options import ListingGroup, json_option
from gateway.cli.output import print_json, print_table, say
from gateway.cli.short_ids import SHOWN

_SOURCES, _DESTINATIONS, _ARCHIVES = "/api/sources", "/api/destinations", "/api/archives"


@click.group(cls=ListingGroup)
def archive() -> None:
    """List archives; setup|source|run|contents|get|check|status."""


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
            "source": source and find_named(client, _SOURCES, source, what="source")["id"],
            "destination": destination
            and find_named(client, _DESTINATIONS, destination, what="destination")["id"],
            "limit": limit,
        },
    )
    if as_json:
        print_json(page)
        return
    names = {
        one["id"]: one["name"]
        for path in (_SOURCES, _DESTINATIONS)
        for one in client.get(path)["items"]
    }
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
                "protected" if one["protected"] else "",
            )
            for one in page["items"]
        ],
    )


@archive.command("setup")
@click.argument("name")
@click.option("--folder", metavar="PATH", help="A folder of this machine, or a mounted share.")
@click.option("--rclone", "remote", metavar="BACKEND:PATH", help="s3:bucket/folder, b2:bucket …")
@click.option("--option", "options", multiple=True, metavar="NAME=VALUE", help="Of the back end.")
@click.option("--secret", "secrets", multiple=True, metavar="NAME=REFERENCE", help="Of it, too.")
@click.option("--password", metavar="REFERENCE", help="Encrypt everything: file:/…, op://…")
@click.option("--password2", metavar="REFERENCE", help="A second one, as rclone's crypt has it.")
@json_option
@click.pass_context
def set_up(
    context: click.Context,
    *,
    name: str,
    folder: str | None,
    remote: str | None,
    options: tuple[str, ...],
    secrets: tuple[str, ...],
    password: str | None,
    password2: str | None,
    as_json: bool,
) -> None:
    """Set up the destination NAME; a store that lies there already is taken over.

    Secrets are given as references to where they lie, never as they are.
    """
    if (folder is None) == (remote is None):
        raise click.UsageError("Give --folder, or --rclone.", context)
    config: dict[str, Any] = {}
    if folder is not None:
        config["path"] = _absolute(folder)
    else:
        assert remote is not None
        backend, _, path = remote.partition(":")
        config = {
            "backend": backend,
            "path": path,
            "options": _pairs(context, options),
            "secret_options": _pairs(context, secrets),
        }
    crypt = None
    if password is not None:
        crypt = {"password_ref": password, "password2_ref": password2}
    made = connect(context).request(
        "POST",
        _DESTINATIONS,
        body={
            "name": name,
            "type": "local" if folder is not None else "rclone",
            "config": config,
            "crypt": crypt,
        },
        timeout_seconds=120.0,
    )
    if as_json:
        print_json(made)
    else:
        say(f"Destination {made['name']} is set up. `keepsake archive run` archives to it.")


@archive.group("source", cls=ListingGroup)
def source_group() -> None:
    """List what is archived; add|remove SOURCE."""


@source_group.command("list")
@json_option
@click.pass_context
def list_sources(context: click.Context, *, as_json: bool) -> None:
    """List what is archived."""
    page = connect(context).get(_SOURCES)
    if as_json:
        print_json(page)
        return
    _print_sources(page["items"])


@source_group.command("add")
@click.argument("name")
@click.option("--folder", metavar="PATH", help="Everything below this folder.")
@click.option("--device", metavar="UDID", help="The newest backup of this device.")
@click.option("--include", multiple=True, metavar="PATTERN", help="Only what fits.")
@click.option("--exclude", multiple=True, metavar="PATTERN", help="Not what fits: '*.tmp'.")
@json_option
@click.pass_context
def add_source(
    context: click.Context,
    *,
    name: str,
    folder: str | None,
    device: str | None,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    as_json: bool,
) -> None:
    """Say what NAME stands for: a folder, or a device's backup."""
    if (folder is None) == (device is None):
        raise click.UsageError("Give --folder, or --device.", context)
    config: dict[str, Any] = {"udid": device}
    if folder is not None:
        config = {
            "path": _absolute(folder),
            "include": list(include),
            "exclude": list(exclude),
        }
    made = connect(context).request(
        "POST",
        _SOURCES,
        body={
            "name": name,
            "type": "device_backup" if device else "directory",
            "config": config,
        },
    )
    if as_json:
        print_json(made)
    else:
        say(f"Source {made['name']} is known. `keepsake archive run {made['name']}` archives it.")


@source_group.command("remove")
@click.argument("name", metavar="SOURCE")
@json_option
@click.pass_context
def remove_source(context: click.Context, *, name: str, as_json: bool) -> None:
    """Archive SOURCE no more; its archives stay."""
    client = connect(context)
    found = find_named(client, _SOURCES, name, what="source")
    done = client.request("DELETE", f"{_SOURCES}/{found['id']}")
    if as_json:
        print_json(done)
    else:
        say("Removed. Its archives stay.")


@archive.command("run")
@click.argument("names", nargs=-1, metavar="[SOURCE]...")
@click.option("--to", "destination", metavar="NAME", help="Where to, if there are several.")
@click.option("--dry-run", is_flag=True, help="Only tell how many files and bytes there are.")
@click.option("--wait/--no-wait", default=True, help="Wait and show progress.  [default: wait]")
@json_option
@click.pass_context
def run(
    context: click.Context,
    *,
    names: tuple[str, ...],
    destination: str | None,
    dry_run: bool,
    wait: bool,
    as_json: bool,
) -> None:
    """Archive SOURCEs, or all of them; Ctrl-C stops the waiting, not the work."""
    client = connect(context)
    sources = _chosen(client, names)
    if dry_run:
        _dry_run(client, sources, as_json=as_json)
        return
    target = _destination(client, destination)
    accepted = [
        client.request(
            "POST", _ARCHIVES, body={"source_id": one["id"], "destination_id": target["id"]}
        )["job_id"]
        for one in sources
    ]
    if not wait:
        if as_json:
            print_json({"items": [{"job_id": job} for job in accepted]})
        else:
            say(f"{count(len(accepted))} under way; `keepsake jobs` shows them.")
        return
    done = []
    for one, job_id in zip(sources, accepted, strict=True):
        job = watch_job(client, job_id, quiet=as_json)
        done.append(job)
        if not as_json:
            print_archive_report(one["name"], job)
    if as_json:
        print_json({"items": done})
    if any(job["state"] != "completed" for job in done):
        context.exit(FAILED)


def print_archive_report(name: str, job: dict[str, Any]) -> None:
    """Print how an archive went."""
    error, report = job["error"], job["report"]
    if error:
        say(f"{name}: {job['state']}. {error['title']} {error.get('detail', '')}".rstrip())
        return
    if job["state"] != "completed":
        say(f"{name}: {job['state']}.")
        return
    say(
        f"{name}: {count(report['files_done'])} files, {size(report['bytes_done'])};"
        f" read {size(report['bytes_read'])}, added {size(report['bytes_added'])}."
        f" Archive {report['archive_id'][:SHOWN]}."
    )
    if report["torn"]:
        say(
            f"{name}: {count(report['torn'])} files changed all the time; their copies may be torn."
        )
    if report["skipped"]:
        say(
            f"{name}: {count(report['skipped'])} left out;"
            f" `keepsake archive contents {report['archive_id'][:SHOWN]}` says why."
        )


@archive.command("contents")
@click.argument("wanted", metavar="ARCHIVE")
@click.option("--path-like", metavar="PATTERN", help="SQL LIKE: % and _ stand for anything.")
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True)
@json_option
@click.pass_context
def contents(
    context: click.Context, *, wanted: str, path_like: str | None, limit: int, as_json: bool
) -> None:
    """List what is in ARCHIVE (the first of its id); nothing is loaded from its destination."""
    client = connect(context)
    path = f"{_ARCHIVES}/{find_archive(client, wanted)}"
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
    tree = client.get(f"{path}/contents")["manifest"]["tree"]
    for left in tree["skipped"]:
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
    """Download one file out of ARCHIVE by its path."""
    client = connect(context)
    address = f"{_ARCHIVES}/{find_archive(client, wanted)}/files"
    escaped = path.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    found = [
        one
        for one in client.get(address, params={"path_like": escaped, "limit": 2})["items"]
        if one["type"] == "file"
    ]
    if not found:
        raise Failure("There is no such file in that archive.", exit_code=NOT_FOUND)
    source = Source(client, f"{address}/{found[0]['n']}/content", None)
    facts = source.describe()
    target = target_of(output, facts["name"])
    if target.exists() and not force:
        raise Failure(f"{target} exists.", "Use --force to replace it.", exit_code=FAILED)
    put_in_place(fetch(source, facts, target), target, force=force)
    if as_json:
        print_json({"path": str(target), "size_bytes": facts["size_bytes"]})
    else:
        say(f"{target}: {size(facts['size_bytes'])}")


@archive.command("check")
@click.argument("name", metavar="[DESTINATION]", required=False)
@json_option
@click.pass_context
def check(context: click.Context, *, name: str | None, as_json: bool) -> None:
    """Look whether a destination works, with a test write."""
    client = connect(context)
    target = _destination(client, name)
    steps = client.request("POST", f"{_DESTINATIONS}/{target['id']}/check", timeout_seconds=120.0)[
        "items"
    ]
    if as_json:
        print_json({"items": steps})
    else:
        for step in steps:
            say(f"{step['outcome']:<8} {step['step']}: {step['detail']}")
    if any(step["outcome"] in ("failed", "skipped") for step in steps):
        context.exit(FAILED)


@archive.command("status")
@json_option
@click.pass_context
def status(context: click.Context, *, as_json: bool) -> None:
    """Show sources, destinations, and what is under way."""
    client = connect(context)
    known = {
        "sources": client.get(_SOURCES)["items"],
        "destinations": client.get(_DESTINATIONS)["items"],
        "jobs": [
            job
            for state in ("running", "pending")
            for job in client.get("/api/jobs", params={"state": state, "kind": "archive"})["items"]
        ],
    }
    if as_json:
        print_json(known)
        return
    _print_sources(known["sources"])
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
                _where(one),
            )
            for one in known["destinations"]
        ],
    )
    for job in known["jobs"]:
        now = job["progress"] or {"step": "waiting", "done": 0}
        say(f"Job {job['id'][:SHOWN]}: {job['state']}, {now['step']}, {size(now['done'])}.")


def _where(destination: dict[str, Any]) -> str:
    config = destination["config"]
    backend = f"{config['backend']}:" if config.get("backend") else ""
    return f"{backend}{config['path']}" + (" (encrypted)" if destination["crypt"] else "")


def _print_sources(sources: list[dict[str, Any]]) -> None:
    print_table(
        [
            ("SOURCE", "left", "whole"),
            ("TYPE", "left", "whole"),
            ("LAST ARCHIVE", "left", "whole"),
            ("WHAT", "left", "cut"),
        ],
        [
            (
                one["name"],
                one["type"],
                moment(one["last_archive_at"]),
                one["config"].get("path") or one["config"].get("udid"),
            )
            for one in sources
        ],
    )


def _chosen(client: Client, names: tuple[str, ...]) -> list[dict[str, Any]]:
    if names:
        return [find_named(client, _SOURCES, name, what="source") for name in names]
    sources: list[dict[str, Any]] = client.get(_SOURCES)["items"]
    if not sources:
        raise Failure("There is nothing to archive.", "Add a source: keepsake archive source add.")
    return sorted(sources, key=lambda one: -one["priority"])


def _destination(client: Client, name: str | None) -> dict[str, Any]:
    if name is not None:
        return find_named(client, _DESTINATIONS, name, what="destination")
    known: list[dict[str, Any]] = client.get(_DESTINATIONS)["items"]
    if len(known) == 1:
        return known[0]
    if known:
        raise Failure("There are several destinations.", "Say which one.", exit_code=2)
    raise Failure("There is no destination.", "Set one up: keepsake archive setup.")


def _dry_run(client: Client, sources: list[dict[str, Any]], *, as_json: bool) -> None:
    found = [
        {
            "source": one["name"],
            **client.request("POST", f"{_SOURCES}/{one['id']}/dry-run", timeout_seconds=120.0),
        }
        for one in sources
    ]
    if as_json:
        print_json({"items": found})
        return
    for one in found:
        say(
            f"{one['source']}: {count(one['file_count'])} files, {size(one['size_bytes'])}"
            + (f"; {count(one['skipped_count'])} cannot be read." if one["skipped_count"] else ".")
        )


def _pairs(context: click.Context, given: tuple[str, ...]) -> dict[str, str]:
    pairs = [one.partition("=") for one in given]
    if any(not sign for _, sign, _ in pairs):
        raise click.UsageError("Options and secrets are given as NAME=VALUE.", context)
    return {name: value for name, _, value in pairs}


def _absolute(folder: str) -> str:
    return str(Path(folder).expanduser().absolute())
