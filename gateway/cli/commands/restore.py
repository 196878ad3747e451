"""``keepsake restore``: an archive, or some of it, back into a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gateway.cli.archive_names import find_archive
from gateway.cli.client import connect
from gateway.cli.commands.indexing import watch_job
from gateway.cli.failure import FAILED
from gateway.cli.formats import count, size
from gateway.cli.options import json_option
from gateway.cli.output import print_json, say


@click.command()
@click.argument("archive")
@click.argument("target", metavar="FOLDER")
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@click.option("--overwrite", is_flag=True, help="Replace files that are there and differ.")
@click.option("--dry-run", is_flag=True, help="Only tell how many files and bytes it would be.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@click.pass_context
def restore(
    context: click.Context,
    *,
    archive: str,
    target: str,
    paths: tuple[str, ...],
    overwrite: bool,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Get ARCHIVE, or PATHs of it, back into FOLDER of the machine that Keepsake runs on.

    What is there already and is the same stays; nothing else is touched without --overwrite. Run
    it again to go on after an interruption.
    """
    client = connect(context)
    archive_id = find_archive(client, archive)
    folder = str(Path(target).expanduser().absolute())
    wish: dict[str, Any] = {
        "what": "paths" if paths else "all",
        "paths": [path.strip("/") for path in paths] or None,
        "target": {"type": "folder", "path": folder},
        "overwrite": overwrite,
    }

    def run(*, is_dry: bool) -> dict[str, Any]:
        accepted = client.request(
            "POST",
            f"/api/archives/{archive_id}/restore",
            body={**wish, "dry_run": is_dry, "confirm": None if is_dry else "RESTORE"},
        )
        return watch_job(client, accepted["job_id"], quiet=as_json)

    if dry_run or not (yes or as_json):
        plan = run(is_dry=True)
        _check(context, plan)
        report = plan["report"]
        if as_json:
            print_json(plan)
        else:
            say(f"{count(report['files_total'])} files, {size(report['bytes_total'])} to {folder}.")
        if dry_run:
            return
        click.confirm("Restore?", abort=True, err=True)
    job = run(is_dry=False)
    if as_json:
        print_json(job)
    else:
        _check(context, job)
        _tell(job["report"], folder)
    if job["state"] != "completed" or job["report"].get("refused"):
        context.exit(FAILED)


def _tell(report: dict[str, Any], folder: str) -> None:
    say(
        f"{count(report['files_done'])} files, {size(report['bytes_done'])} restored to {folder};"
        f" {count(report['same'])} were there already."
    )
    for one in report["refused_items"]:
        say(f"Not restored: {one['path']}: {one['reason']}")
    for number, step in enumerate(report.get("next_steps", ()), start=1):
        say(f"{number}. {step}")


def _check(context: click.Context, job: dict[str, Any]) -> None:
    if job["state"] != "completed":
        error = job["error"] or {"title": f"The restore is {job['state']}."}
        say(f"{error['title']} {error.get('detail', '')}".rstrip())
        context.exit(FAILED)
