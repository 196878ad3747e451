"""``keepsake archive check|reset``: looking through what is stored, and reading all anew."""

from __future__ import annotations

import click

from gateway.cli.archive_names import DESTINATIONS, SOURCES, find_archive, find_named
from gateway.cli.client import connect
from gateway.cli.commands.archive_destinations import check as check_destination
from gateway.cli.commands.archive_destinations import chosen_destination
from gateway.cli.commands.archive_upkeep import ask, is_completed, wait_option
from gateway.cli.failure import FAILED
from gateway.cli.formats import count, size
from gateway.cli.options import json_option
from gateway.cli.output import print_json, say

_LEVELS = ("listing", "sample", "full")


@click.command("check")
@click.argument("name", metavar="[DESTINATION]", required=False)
@click.option("--archive", "wanted", metavar="ARCHIVE", help="Of one archive only.")
@click.option(
    "--level",
    type=click.Choice(_LEVELS),
    help="List what is stored, read a part of it in turn, or read every byte.",
)
@wait_option
@json_option
@click.pass_context
def check(
    context: click.Context,
    *,
    name: str | None,
    wanted: str | None,
    level: str | None,
    wait: bool,
    as_json: bool,
) -> None:
    """Look whether a destination works; with --level or --archive, whether all is there."""
    if level is None and wanted is None:
        context.invoke(check_destination, name=name, as_json=as_json)
        return
    client = connect(context)
    if wanted is not None:
        path = f"/api/archives/{find_archive(client, wanted)}/verify"
    else:
        path = f"{DESTINATIONS}/{chosen_destination(client, name)['id']}/verify"
    job = ask(client, path, {"level": level or "sample"}, wait=wait, as_json=as_json)
    if job is None:
        return
    completed = is_completed(job, as_json=as_json)
    report = job["report"]
    if completed and not as_json:
        say(
            f"{count(report['objects_listed'])} objects of {count(report['archives_checked'])}"
            f" archives were looked for, and {count(report['objects_read'])} read"
            f" ({size(report['bytes_read'])})."
        )
        for one in report["wrong_items"]:
            say(f"{one['verdict'].capitalize()}: {one['path']}")
        if report["taken_back"]:
            say(f"{count(report['taken_back'])} objects that were given up are right after all.")
        if report["archives_damaged"]:
            say(
                f"{count(report['archives_damaged'])} archives are damaged. The next archive stores"
                " again what its source still has."
            )
    if not completed or report["wrong"]:
        context.exit(FAILED)


@click.command("reset")
@click.argument("source", metavar="[SOURCE]", required=False)
@click.option("--to", "destination", metavar="NAME", help="In which destination.")
@click.option("--objects", is_flag=True, help="List what is stored, too; strike out what is gone.")
@json_option
@click.pass_context
def reset(
    context: click.Context,
    *,
    source: str | None,
    destination: str | None,
    objects: bool,
    as_json: bool,
) -> None:
    """Forget what the files of SOURCE consist of: the next archive reads all of them again."""
    client = connect(context)
    target = chosen_destination(client, destination)
    body = {
        "source_id": source and find_named(client, SOURCES, source, what="source")["id"],
        "objects": objects,
    }
    forgotten = client.request("POST", f"{DESTINATIONS}/{target['id']}/reset", body=body)
    if as_json:
        print_json(forgotten)
        return
    say(f"Of {count(forgotten['file_count'])} files nothing is taken for granted any more.")
    if forgotten["job_ids"]:
        say("What is stored is being listed; `keepsake jobs` shows it.")
