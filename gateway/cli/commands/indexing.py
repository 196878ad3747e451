"""``keepsake index``."""

from __future__ import annotations

import sys
import time
from typing import Any

import click

from gateway.cli.backup_names import find_backup
from gateway.cli.client import Client, connect
from gateway.cli.failure import FAILED
from gateway.cli.formats import count, size
from gateway.cli.options import json_option
from gateway.cli.output import console, print_json, print_table, say
from gateway.cli.session_tokens import find_token
from gateway.cli.short_ids import SHOWN

_OVER = frozenset({"completed", "failed", "cancelled", "interrupted"})
_POLL_SECONDS = 0.4


@click.command()
@click.argument("backup")
@click.option("--kind", "kinds", multiple=True, help="Only this kind; may be repeated.")
@click.option("--wait/--no-wait", default=True, help="Wait and show progress.  [default: wait]")
@json_option
@click.pass_context
def index(
    context: click.Context, *, backup: str, kinds: tuple[str, ...], wait: bool, as_json: bool
) -> None:
    """Index BACKUP; Ctrl-C stops the waiting, not the work."""
    client = connect(context)
    backup_id = find_backup(client, backup)["id"]
    session = find_token(context, client.url, backup_id)
    accepted = client.request(
        "POST",
        f"/api/backups/{backup_id}/index",
        body={"kinds": list(kinds) or None},
        session=session,
    )
    if not wait:
        if as_json:
            print_json(accepted)
        else:
            say(f"Job {accepted['job_id']} is under way; `keepsake jobs` shows it.")
        return
    job = watch_job(client, accepted["job_id"], quiet=as_json)
    if as_json:
        print_json(job)
    else:
        print_job_report(job)
    if job["state"] != "completed":
        context.exit(FAILED)


def watch_job(client: Client, job_id: str, *, quiet: bool) -> dict[str, Any]:
    """Follow a job until it is over and return it."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    screen = console(error=True)
    shows = not quiet and sys.stderr.isatty()
    with Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[amount]}", markup=False),
        TimeElapsedColumn(),
        console=screen,
        transient=True,
        disable=not shows,
    ) as progress:
        task = progress.add_task("waiting", total=None, amount="")
        while True:
            job: dict[str, Any] = client.get(f"/api/jobs/{job_id}")
            if job["state"] in _OVER:
                return job
            if now := job["progress"]:
                amount = count(now["done"])
                if now["total"]:
                    amount += f" of {count(now['total'])}"
                progress.update(
                    task,
                    description=now["step"],
                    completed=now["done"],
                    total=now["total"],
                    amount=f"{amount} {now['unit']}",
                )
            time.sleep(_POLL_SECONDS)


def print_job_report(job: dict[str, Any]) -> None:
    """Print how a job ended, and per kind what it made."""
    error = job["error"]
    say(
        f"Job {job['id']}: {job['state']}."
        + (f" {error['title']} {error.get('detail', '')}" if error else "")
    )
    if job["kind"] == "export":
        print_export_report(job["report"])
        return
    reports = job["report"].get("kinds")
    if not reports:
        return
    names = ("read", "kept", "skipped", "undecodable", "missing_files")
    print_table(
        [
            ("KIND", "left", "whole"),
            ("STATE", "left", "whole"),
            *((name.replace("_", " ").upper(), "right", "whole") for name in names),
        ],
        [
            (
                one.get("kind", "-"),
                one.get("state", "-"),
                *(count(one.get(name)) for name in names),
            )
            for one in reports
        ],
    )
    for one in reports:
        if one.get("note"):
            say(f"{one.get('kind')}: {one['note']}")


def print_export_report(report: dict[str, Any]) -> None:
    """Print what an export holds, what it does not, and why."""
    kinds, media = report.get("kinds"), report.get("media")
    if not kinds and not media:
        return
    print_table(
        [
            ("KIND", "left", "whole"),
            ("WRITTEN", "right", "whole"),
            ("LEFT OUT", "right", "whole"),
        ],
        [
            (one["kind"], count(one["written"]), count(one["read"] - one["written"]))
            for one in kinds or []
        ],
    )
    for one in kinds or []:
        for left in one["left_out"]:
            say(f"{one['kind']}: {count(left['count'])} left out. {left['reason']}")
    if media:
        say(f"Files: {count(media['written'])} written, {size(media['written_bytes'])}.")
        for left in media["left_out"]:
            say(f"Files: {count(left['count'])} left out. {left['reason']}")
        for one in media.get("locked", []):
            say(
                f"Files: {count(one['files'])} are in the backup {one['backup_id'][:SHOWN]} of"
                f" {one['device']}, which is locked."
            )
