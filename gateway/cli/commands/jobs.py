"""``keepsake jobs``."""

from __future__ import annotations

from typing import Any

import click

from gateway.cli.client import Client, connect
from gateway.cli.commands.export import open_tokens
from gateway.cli.formats import moment
from gateway.cli.job_bars import amount_of
from gateway.cli.job_reports import print_job_report
from gateway.cli.options import ListingGroup, json_option
from gateway.cli.output import print_json, print_table, say
from gateway.cli.plain_text import plain
from gateway.cli.session_tokens import find_token
from gateway.cli.short_ids import SHOWN, complete_id

_STATES = ["pending", "running", "completed", "interrupted", "failed", "cancelled"]


@click.group(cls=ListingGroup)
def jobs() -> None:
    """List long-running work; jobs show|log|cancel|retry JOB."""


@jobs.command("list")
@click.option("--state", type=click.Choice(_STATES))
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
@json_option
@click.pass_context
def list_jobs(context: click.Context, *, state: str | None, limit: int, as_json: bool) -> None:
    """List jobs, newest first."""
    page = connect(context).get("/api/jobs", params={"state": state, "limit": limit})
    if as_json:
        print_json(page)
        return
    print_table(
        [
            ("ID", "left", "whole"),
            ("KIND", "left", "whole"),
            ("STATE", "left", "whole"),
            ("BY", "left", "whole"),
            ("PROGRESS", "left", "cut"),
            ("CREATED", "left", "whole"),
        ],
        [
            (
                one["id"][:SHOWN],
                one["kind"],
                one["state"],
                one["origin"],
                _progress(one),
                moment(one["created_at"]),
            )
            for one in page["items"]
        ],
        empty="There are no jobs" + (" like that." if state else "; `keepsake index` makes one."),
    )


@jobs.command("show")
@click.argument("job")
@json_option
@click.pass_context
def show_job(context: click.Context, *, job: str, as_json: bool) -> None:
    """Show one job with its report."""
    client = connect(context)
    found = client.get(f"/api/jobs/{_whole(client, job)}")
    if as_json:
        print_json(found)
    else:
        print_job_report(found)


@jobs.command("log")
@click.argument("job")
@json_option
@click.pass_context
def show_log(context: click.Context, *, job: str, as_json: bool) -> None:
    """Print the log of an archive, a restore or other work on destinations."""
    client = connect(context)
    found = client.get(f"/api/jobs/{_whole(client, job)}/log")
    if as_json:
        print_json(found)
        return
    for line in found["text"].splitlines():
        click.echo(plain(line))


@jobs.command("cancel")
@click.argument("job")
@json_option
@click.pass_context
def cancel_job(context: click.Context, *, job: str, as_json: bool) -> None:
    """Stop a job."""
    client = connect(context)
    done = client.request("POST", f"/api/jobs/{_whole(client, job)}/cancel")
    _tell(done, as_json=as_json)


@jobs.command("retry")
@click.argument("job")
@json_option
@click.pass_context
def retry_job(context: click.Context, *, job: str, as_json: bool) -> None:
    """Run a job again that was interrupted, failed or cancelled."""
    client = connect(context)
    job = _whole(client, job)
    session = _session(context, client, job)
    _tell(
        client.request("POST", f"/api/jobs/{job}/retry", session=session),
        as_json=as_json,
    )


def _whole(client: Client, job: str) -> str:
    return complete_id(client, "/api/jobs", job, what="job")


def _session(context: click.Context, client: Client, job: str) -> str | None:
    subject = client.get(f"/api/jobs/{job}")["subject"]
    if subject["type"] == "backup":
        return find_token(context, client.url, subject["id"])
    return open_tokens(context, client, None)


def _tell(job: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(job)
    else:
        say(f"Job {job['id']} is {job['state']}.")


def _progress(job: dict[str, Any]) -> str:
    now = job["progress"]
    if not now:
        return ""
    amount = amount_of({**job, "attempts": 1, "error": None})
    return f"{now['step']} {amount}".rstrip()
