"""``keepsake archive rebuild|…``: looking after what lies in destinations."""

from __future__ import annotations

from typing import Any

import click

from gateway.cli.archive_names import DESTINATIONS
from gateway.cli.client import Client, connect
from gateway.cli.commands.archive_destinations import chosen_destination
from gateway.cli.commands.indexing import watch_job
from gateway.cli.failure import FAILED
from gateway.cli.formats import count
from gateway.cli.options import json_option
from gateway.cli.output import print_json, say

wait_option = click.option(
    "--wait/--no-wait", default=True, help="Wait and show progress.  [default: wait]"
)


@click.command("rebuild")
@click.option("--to", "destination", metavar="NAME", help="Of which destination.")
@wait_option
@json_option
@click.pass_context
def rebuild(context: click.Context, *, destination: str | None, wait: bool, as_json: bool) -> None:
    """List archives again that lie in a destination, from what lies there alone."""
    client = connect(context)
    target = chosen_destination(client, destination)
    job = ask(client, f"{DESTINATIONS}/{target['id']}/rebuild", wait=wait, as_json=as_json)
    if job is None:
        return
    if not is_completed(job, as_json=as_json):
        context.exit(FAILED)
    report = job["report"]
    if as_json:
        return
    say(
        f"{count(report['archives_added'])} archives of {count(report['sources_added'])} new"
        f" sources were taken up; {count(report['archives_known'])} were known."
    )
    for left in report["left_out_items"]:
        say(f"Left out: {left['path']}: {left['reason']}")
    if report["archives_damaged"]:
        say(f"{count(report['archives_damaged'])} archives lack something in the destination.")
    if report["archives_added"]:
        say("Protection is not kept in a destination: protect archives again where it is wanted.")


def ask(
    client: Client, path: str, body: Any = None, *, wait: bool, as_json: bool
) -> dict[str, Any] | None:
    """Ask for a job, and return it when it is over; None where nobody waits for it."""
    accepted = client.request("POST", path, body=body)
    if not wait:
        if as_json:
            print_json(accepted)
        else:
            say("Under way; `keepsake jobs` shows it.")
        return None
    return watch_job(client, accepted["job_id"], quiet=as_json)


def is_completed(job: dict[str, Any], *, as_json: bool) -> bool:
    """Print what there is to say of a job that did not come to its end, or all of it as JSON."""
    if as_json:
        print_json(job)
    elif job["state"] != "completed":
        error = job["error"]
        said = f" {error['title']} {error.get('detail', '')}".rstrip() if error else ""
        say(f"{job['state'].capitalize()}.{said}")
    return bool(job["state"] == "completed")
