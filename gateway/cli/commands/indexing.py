"""``keepsake index``."""

from __future__ import annotations

import sys
import time
from typing import Any

import click

from gateway.cli.backup_names import find_backup
from gateway.cli.client import Client, connect
from gateway.cli.failure import FAILED
from gateway.cli.formats import count
from gateway.cli.job_reports import print_job_report
from gateway.cli.options import json_option
from gateway.cli.output import console, print_json, say
from gateway.cli.session_tokens import find_token

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
    try:
        job = watch_job(client, accepted["job_id"], quiet=as_json)
    except KeyboardInterrupt:
        say(f"Job {accepted['job_id']} goes on; `keepsake jobs` shows it.")
        raise
    if as_json:
        print_json(job)
    else:
        print_job_report(job)
    if job["state"] != "completed":
        context.exit(FAILED)
    if not as_json:
        say("`keepsake threads` and `keepsake search` show what is there now.")


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
