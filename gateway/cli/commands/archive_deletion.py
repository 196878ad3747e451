"""``keepsake archive delete|undelete|collect``: what goes, when, and what that gives back."""

from __future__ import annotations

import click

from gateway.cli.archive_names import DESTINATIONS, find_archive
from gateway.cli.client import connect
from gateway.cli.commands.archive_destinations import chosen_destination
from gateway.cli.commands.archive_upkeep import ask, is_completed, wait_option
from gateway.cli.failure import FAILED
from gateway.cli.formats import count, moment, size
from gateway.cli.options import json_option
from gateway.cli.output import print_json, say
from gateway.cli.short_ids import SHOWN

_ARCHIVES = "/api/archives"


@click.command("delete")
@click.argument("wanted", metavar="ARCHIVE")
@click.option("--dry-run", is_flag=True, help="Only tell what that would give back.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@click.pass_context
def delete(context: click.Context, *, wanted: str, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Have ARCHIVE (the first of its id) deleted after a grace; until then it can be kept."""
    client = connect(context)
    archive_id = find_archive(client, wanted)
    path = f"{_ARCHIVES}/{archive_id}"
    preview = client.get(f"{path}/deletion-preview")
    if not dry_run:
        if not yes and not as_json:
            click.confirm(
                f"Delete archive {archive_id[:SHOWN]}, which gives back"
                f" {size(preview['freed_bytes'])}?",
                abort=True,
                err=True,
            )
        preview = client.request("DELETE", path, body={"confirm": "DELETE"})
    if as_json:
        print_json(preview)
        return
    at = moment(preview["deletion_scheduled_at"])
    say(
        f"Archive {archive_id[:SHOWN]} {'would be' if dry_run else 'is'} deleted from {at} on;"
        f" {size(preview['bundle_bytes'])} go with it, and {size(preview['object_bytes'])} in"
        f" {count(preview['object_count'])} objects after a grace of their own."
    )
    if not dry_run:
        say(f"`keepsake archive undelete {archive_id[:SHOWN]}` keeps it, until then.")


@click.command("undelete")
@click.argument("wanted", metavar="ARCHIVE")
@json_option
@click.pass_context
def undelete(context: click.Context, *, wanted: str, as_json: bool) -> None:
    """Keep ARCHIVE, which was to be deleted."""
    client = connect(context)
    archive_id = find_archive(client, wanted)
    kept = client.request("POST", f"{_ARCHIVES}/{archive_id}/undelete")
    if as_json:
        print_json(kept)
    else:
        say(f"Archive {archive_id[:SHOWN]} is kept.")


@click.command("protect")
@click.argument("wanted", metavar="ARCHIVE")
@click.option("--off", is_flag=True, help="Protect it no more.")
@json_option
@click.pass_context
def protect(context: click.Context, *, wanted: str, off: bool, as_json: bool) -> None:
    """Protect ARCHIVE from deletion, or (--off) no more."""
    client = connect(context)
    archive_id = find_archive(client, wanted)
    verb = "unprotect" if off else "protect"
    shown = client.request("POST", f"{_ARCHIVES}/{archive_id}/{verb}")
    if as_json:
        print_json(shown)
    else:
        say(f"Archive {archive_id[:SHOWN]} is {'not ' if off else ''}protected.")


@click.command("collect")
@click.option("--to", "destination", metavar="NAME", help="In which destination.")
@click.option(
    "--give-up-unreadable",
    is_flag=True,
    help="Also delete what only archives need that cannot be read.",
)
@wait_option
@json_option
@click.pass_context
def collect(
    context: click.Context,
    *,
    destination: str | None,
    give_up_unreadable: bool,
    wait: bool,
    as_json: bool,
) -> None:
    """Delete now what is due: archives, and what no archive has needed for the grace."""
    client = connect(context)
    target = chosen_destination(client, destination)
    job = ask(
        client,
        f"{DESTINATIONS}/{target['id']}/collect",
        {"gives_up_unreadable": give_up_unreadable},
        wait=wait,
        as_json=as_json,
    )
    if job is None:
        return
    if not is_completed(job, as_json=as_json):
        context.exit(FAILED)
    if as_json:
        return
    report = job["report"]
    say(
        f"{count(report['archives_deleted'])} archives and {count(report['objects_deleted'])}"
        f" objects are deleted: {size(report['bytes_freed'])} are free."
    )
    if report["objects_marked"]:
        say(f"{count(report['objects_marked'])} objects are needed no more; they go later.")
    for left in report["left_out_items"]:
        say(f"Not to be read: {left['path']}: {left['reason']}")
    if report["held_back"]:
        say(
            "As long as they lie there, no object is deleted, for they may need it. Take them"
            " away, or say --give-up-unreadable."
        )
