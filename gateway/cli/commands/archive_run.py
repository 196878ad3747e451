"""``keepsake archive run`` and ``limit``: archives are made, and how much of the line they take."""

from __future__ import annotations

import re
from typing import Any

import click

from gateway.cli.archive_names import DESTINATIONS, SOURCES, find_named
from gateway.cli.client import Client, connect
from gateway.cli.commands.archive_destinations import chosen_destination
from gateway.cli.commands.archive_items import KEY_STATES
from gateway.cli.failure import FAILED, Failure
from gateway.cli.formats import count, size
from gateway.cli.job_bars import watch_jobs
from gateway.cli.options import json_option
from gateway.cli.output import print_json, say
from gateway.cli.short_ids import SHOWN

_ARCHIVES = "/api/archives"
_RATE = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,3})?)\s*([kMG]?)B?(?:/s)?")
_UNITS = {"": 1, "k": 1_000, "M": 1_000_000, "G": 1_000_000_000}


@click.command("run")
@click.argument("names", nargs=-1, metavar="[SOURCE]...")
@click.option("--to", "destination", metavar="NAME", help="Where to, if there are several.")
@click.option("--dry-run", is_flag=True, help="Only tell what there is, and what would be stored.")
@click.option("--force", is_flag=True, help="Take over jobs that nobody works on any more.")
@click.option("--allow-deletions", is_flag=True, help="A mirror may lose any number of files.")
@click.option("--wait/--no-wait", default=True, help="Wait and show progress.  [default: wait]")
@json_option
@click.pass_context
def run(
    context: click.Context,
    *,
    names: tuple[str, ...],
    destination: str | None,
    dry_run: bool,
    force: bool,
    allow_deletions: bool,
    wait: bool,
    as_json: bool,
) -> None:
    """Archive SOURCEs, or all of them; Ctrl-C stops the waiting, not the work."""
    client = connect(context)
    sources = _chosen(client, names)
    if dry_run:
        known = client.get(DESTINATIONS)["items"]
        target = chosen_destination(client, destination) if destination or len(known) == 1 else None
        _dry_run(client, sources, target, as_json=as_json)
        return
    target = chosen_destination(client, destination)
    accepted = {}
    for one in sources:
        body = {
            "source_id": one["id"],
            "destination_id": target["id"],
            "force": force,
            "allow_deletions": allow_deletions,
        }
        accepted[client.request("POST", _ARCHIVES, body=body)["job_id"]] = one["name"]
    if not wait:
        if as_json:
            print_json({"items": [{"job_id": job} for job in accepted]})
        else:
            say(f"{count(len(accepted))} under way; `keepsake jobs` shows them.")
        return

    def tell(job: dict[str, Any]) -> None:
        if not as_json:
            print_archive_report(accepted[job["id"]], job)

    try:
        done = watch_jobs(client, accepted, quiet=as_json, on_end=tell)
    except KeyboardInterrupt:
        say("They go on; `keepsake jobs` shows them.")
        raise
    if as_json:
        print_json({"items": [done[job_id] for job_id in accepted]})
    if any(job["state"] != "completed" for job in done.values()):
        context.exit(FAILED)


@click.command("limit")
@click.argument("name", metavar="[DESTINATION]", required=False)
@click.option("--rate", metavar="RATE", help="Bytes a second, such as 5M; 'none' for no limit.")
@click.option("--hours", metavar="HH:MM-HH:MM", help="Begin archives then only; or 'none'.")
@json_option
@click.pass_context
def limit(
    context: click.Context, *, name: str | None, rate: str | None, hours: str | None, as_json: bool
) -> None:
    """Say how much of the line a destination may take, and when; or show it."""
    client = connect(context)
    target = chosen_destination(client, name)
    limits = dict(target["config"].get("limits") or {})
    if rate is not None or hours is not None:
        if rate is not None:
            limits["bytes_per_second"] = None if rate == "none" else _bytes(context, rate)
        if hours is not None:
            limits["hours"] = None if hours == "none" else hours
        target = client.request("PATCH", f"{DESTINATIONS}/{target['id']}", body={"limits": limits})
        limits = target["config"].get("limits") or {}
    if as_json:
        print_json(target)
        return
    bytes_per_second = limits.get("bytes_per_second")
    pace = "no limit" if bytes_per_second is None else f"{size(bytes_per_second)}/s each way"
    say(f"{target['name']}: {pace}, {limits.get('hours') or 'at all hours'}.")


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
    for warning in report.get("warnings", ()):
        say(f"{name}: {warning} `keepsake archive sheet` writes it.")
    if (key := report.get("encryption_key")) and key["state"] in ("wrong", "partial"):
        say(f"{name}: {KEY_STATES[key['state']]}")
    if report["torn"]:
        say(
            f"{name}: {count(report['torn'])} files changed all the time; their copies may be torn."
        )
    if report.get("trimmed") is False:
        say(f"{name}: what the source no longer has stayed, because some of it cannot be read.")
    if report["skipped"]:
        say(
            f"{name}: {count(report['skipped'])} left out;"
            f" `keepsake archive contents {report['archive_id'][:SHOWN]}` says why."
        )


def _bytes(context: click.Context, text: str) -> int:
    found = _RATE.fullmatch(text.strip())
    if found is None:
        raise click.UsageError("A rate is like 500k, 5M or 1.5M, in bytes a second.", context)
    return round(float(found[1]) * _UNITS[found[2]])


def _chosen(client: Client, names: tuple[str, ...]) -> list[dict[str, Any]]:
    if names:
        return [find_named(client, SOURCES, name, what="source") for name in names]
    sources: list[dict[str, Any]] = client.get(SOURCES)["items"]
    if not sources:
        raise Failure("There is nothing to archive.", "Add a source: keepsake archive source add.")
    return sorted(sources, key=lambda one: -one["priority"])


def _dry_run(
    client: Client,
    sources: list[dict[str, Any]],
    target: dict[str, Any] | None,
    *,
    as_json: bool,
) -> None:
    params = {"destination": target["id"]} if target is not None else {}
    found = [
        {
            "source": one["name"],
            **client.request(
                "POST", f"{SOURCES}/{one['id']}/dry-run", params=params, timeout_seconds=120.0
            ),
        }
        for one in sources
    ]
    if as_json:
        print_json({"items": found})
        return
    for one in found:
        words = f"{one['source']}: {count(one['file_count'])} files, {size(one['size_bytes'])}"
        if one["table_count"]:
            words += f", {count(one['table_count'])} tables among them"
        # Nobody knows beforehand what of a database is new.
        if target is not None and one["new_file_count"] is not None:
            words += (
                f"; new to {target['name']}: {count(one['new_file_count'])} files,"
                f" {size(one['new_bytes'])} at most"
            )
        if one["skipped_count"]:
            words += f"; {count(one['skipped_count'])} cannot be read"
        say(f"{words}.")
