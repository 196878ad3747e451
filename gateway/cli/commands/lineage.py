"""``keepsake lineage``: which phone was restored onto which, and who says so."""

from __future__ import annotations

from typing import Any

import click

from gateway.cli.client import Client, connect
from gateway.cli.commands.indexing import watch_job
from gateway.cli.device_names import find_device
from gateway.cli.failure import FAILED, NOT_FOUND, Failure
from gateway.cli.job_reports import print_job_report
from gateway.cli.options import ListingGroup, json_option
from gateway.cli.output import print_json, print_table, say
from gateway.cli.plain_text import plain
from gateway.cli.short_ids import SHOWN, complete_id

_ADDRESS = "/api/lineages"
_wait_option = click.option(
    "--wait/--no-wait", default=True, help="Wait and show progress.  [default: wait]"
)


@click.group(cls=ListingGroup)
def lineage() -> None:
    """List phones that follow each other: lineage confirm|decline|undo ID, threads --lineage."""


@lineage.command("list")
@click.option("--state", type=click.Choice(["offered", "confirmed", "declined"]))
@click.option("--device", metavar="DEVICE", help="Only of this device: a UDID or a name.")
@json_option
@click.pass_context
def list_lineages(
    context: click.Context, *, state: str | None, device: str | None, as_json: bool
) -> None:
    """List what is offered and what was decided, with the reason of every offer."""
    client = connect(context)
    udid = None if device is None else find_device(client, device)["udid"]
    page = client.get(_ADDRESS, params={"state": state, "device": udid, "limit": 1000})
    if as_json:
        print_json(page)
        return
    names = _names(client)
    print_table(
        [
            ("ID", "left", "whole"),
            ("STATE", "left", "whole"),
            ("DEVICES", "left", "whole"),
            ("WHY", "left", "fold"),
        ],
        [
            (one["id"][:SHOWN], one["state"], _in_order(one, names), one["reason"])
            for one in page["items"]
        ],
        empty="There is none like that."
        if state or device
        else "Nothing is offered: no two indexed devices hold enough of the same things.",
    )
    for one in page["items"]:
        if one["state"] == "offered":
            which = "" if one["is_directed"] else " --earlier DEVICE"
            say(f"`keepsake lineage confirm {one['id'][:SHOWN]}{which}` makes one history of them.")


@lineage.command("confirm")
@click.argument("link")
@click.option("--earlier", metavar="DEVICE", help="Which of the two came first.")
@_wait_option
@json_option
@click.pass_context
def confirm_lineage(
    context: click.Context, *, link: str, earlier: str | None, wait: bool, as_json: bool
) -> None:
    """Make one history of the two devices of LINK (the beginning of its id).

    Ctrl-C stops the waiting, not the work.
    """
    client = connect(context)
    body = {} if earlier is None else {"earlier": find_device(client, earlier)["udid"]}
    done = _decide(client, link, "confirm", body=body)
    if not _is_carried_out(context, client, done, wait=wait, as_json=as_json):
        return
    chain = " → ".join(_named(udid, _names(client)) for udid in done["devices"])
    say(f"One history now: {chain}. Read it with --lineage; `keepsake lineage undo` takes it back.")


@lineage.command("decline")
@click.argument("link")
@json_option
@click.pass_context
def decline_lineage(context: click.Context, *, link: str, as_json: bool) -> None:
    """Say that the devices of LINK do not follow each other; they are not offered again."""
    done = _decide(connect(context), link, "decline")
    if as_json:
        print_json(done)
    else:
        say("Declined. It is not offered again.")


@lineage.command("undo")
@click.argument("link", required=False)
@_wait_option
@json_option
@click.pass_context
def undo_lineage(context: click.Context, *, link: str | None, wait: bool, as_json: bool) -> None:
    """Take a decision back: the last, or that about LINK. It is an offer again."""
    client = connect(context)
    done = _decide(client, _last(client) if link is None else link, "undo")
    if _is_carried_out(context, client, done, wait=wait, as_json=as_json):
        say(f"Undone: {_in_order(done, _names(client))}. Each has its own history alone.")


def _is_carried_out(
    context: click.Context, client: Client, done: dict[str, Any], *, wait: bool, as_json: bool
) -> bool:
    """Wait for the job of a decision; False where there is nothing left to say."""
    if wait and done["job_id"] is not None:
        job = watch_job(client, done["job_id"], quiet=as_json)
        if job["state"] != "completed":
            if as_json:
                print_json(job)
            else:
                print_job_report(job)
                say("The decision stands; `keepsake jobs retry` goes on with it.")
            context.exit(FAILED)
    elif not as_json and done["job_id"] is not None:
        say(f"Decided. Job {done['job_id']} is under way; `keepsake jobs` shows it.")
        return False
    if as_json:
        print_json(done)
    return not as_json


def _decide(
    client: Client, link: str, decision: str, *, body: dict[str, Any] | None = None
) -> dict[str, Any]:
    link_id = complete_id(client, _ADDRESS, link, what="lineage")
    done: dict[str, Any] = client.request("POST", f"{_ADDRESS}/{link_id}/{decision}", body=body)
    return done


def _last(client: Client) -> str:
    decided = [
        one
        for page in client.pages(_ADDRESS, params={"limit": 1000})
        for one in page["items"]
        if one["decided_at"]
    ]
    if not decided:
        raise Failure("There is nothing to undo.", exit_code=NOT_FOUND)
    return str(max(decided, key=lambda one: one["decided_at"])["id"])


def _names(client: Client) -> dict[str, str]:
    return {
        one["udid"]: one["name"] or one["udid"]
        for page in client.pages("/api/devices", params={"limit": 1000})
        for one in page["items"]
    }


def _named(udid: str, names: dict[str, str]) -> str:
    return plain(names.get(udid, udid))


def _in_order(link: dict[str, Any], names: dict[str, str]) -> str:
    is_ordered = link["is_directed"] or link["state"] == "confirmed"
    between = " → " if is_ordered else " and "
    return between.join(_named(link[side], names) for side in ("earlier", "later"))
