"""``keepsake export``: things taken out, as one zip that is whole or not there at all."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import click

from gateway.cli.backup_names import find_backup
from gateway.cli.client import Client, connect
from gateway.cli.commands.download import Source, fetch, put_in_place, target_of
from gateway.cli.commands.indexing import watch_job
from gateway.cli.failure import FAILED, Failure
from gateway.cli.formats import size
from gateway.cli.job_reports import print_job_report
from gateway.cli.options import json_option
from gateway.cli.output import print_json, say
from gateway.cli.person_names import find_person_id
from gateway.cli.session_tokens import find_token, given_token
from gateway.cli.short_ids import complete_id
from gateway.cli.thread_names import find_thread_id

_READ_BYTES = 1 << 20
#: What the gateway takes.
MOST_SESSIONS = 32
_ZONES = "/zoneinfo/"


@click.command()
@click.argument("format_name", metavar="FORMAT", required=False)
@click.option("--thread", metavar="THREAD", help="Only this conversation: its id, or a title.")
@click.option("--kind", "kinds", multiple=True, help="Only this kind; may be repeated.")
@click.option("--device", metavar="DEVICE", help="Only this phone: its UDID or name.")
@click.option(
    "--lineage",
    is_flag=True,
    help="Phones that follow each other as one history, nothing twice; --device is any of them.",
)
@click.option("--person", metavar="PERSON", help="Only with this id, number, address or name.")
@click.option("--from", "since", metavar="TIME", help="From then on: a date, or RFC 3339.")
@click.option("--to", "until", metavar="TIME", help="Until then; a date with its whole day.")
@click.option("-q", "--query", "q", metavar="QUERY", help="Only what a search finds.")
@click.option("--removed", type=click.Choice(["exclude", "include", "only"]), default="exclude")
@click.option("--as-of", metavar="TIME", help="As it was then.")
@click.option("--media", is_flag=True, help="With pictures, films and other files.")
@click.option("--time-zone", metavar="ZONE", help="Europe/Berlin; default: this machine's.")
@click.option("-o", "--output", metavar="FILE", help="Where to: a file, or a folder.")
@click.option("--force", is_flag=True, help="Replace an existing file.")
@click.option("--keep", is_flag=True, help="Leave the export in Keepsake until it expires.")
@click.option("--job", metavar="JOB", help="Download what this job has made already.")
@json_option
@click.pass_context
def export(
    context: click.Context,
    /,
    *,
    format_name: str | None,
    output: str | None,
    force: bool,
    keep: bool,
    job: str | None,
    as_json: bool,
    **wish: Any,
) -> None:
    """Take things out as one zip.

    FORMAT is html, pdf, txt, json, csv, mbox, vcf, ics, gpx or photos. Without options, everything
    is taken that the format holds.

    The zip holds SHA256SUMS (for `sha256sum -c`) and manifest.json, which says what was left out
    and why. Files of encrypted backups need those unlocked; all that are open are used. Ctrl-C
    cancels.
    """
    if (format_name is None) == (job is None):
        raise click.UsageError("Give a FORMAT, or the --job to download from.", context)
    client = connect(context)
    if output is not None and not force:
        _refuse_existing(Path(output).expanduser())
    if job is not None:
        done = client.get(f"/api/jobs/{complete_id(client, '/api/jobs', job, what='job')}")
    else:
        done = _make(context, client, {"format_name": format_name, **wish}, quiet=as_json)
    made = done["report"].get("export")
    if done["state"] != "completed" or made is None:
        if as_json:
            print_json(done)
        else:
            print_job_report(done)
        context.exit(FAILED)
    target = _download(client, made, output=output, force=force)
    if not keep:
        # It is here now; there it would only take room until it expires.
        with suppress(Failure):
            client.request("DELETE", made["download"])
    if as_json:
        print_json({**done, "path": str(target)})
    else:
        print_job_report(done)
        say(f"{target}: {size(made['size_bytes'])}")


def _make(
    context: click.Context, client: Client, wish: dict[str, Any], *, quiet: bool
) -> dict[str, Any]:
    device = _device(client, wish["device"])
    query: dict[str, Any] = {
        "q": wish["q"],
        "device": device,
        "kinds": list(wish["kinds"]) or None,
        "thread": _thread(client, wish, device),
        "lineage": wish["lineage"] or None,
        "person": None if wish["person"] is None else find_person_id(client, wish["person"]),
        "from": wish["since"],
        "to": wish["until"],
        "removed": wish["removed"],
        "as_of": wish["as_of"],
    }
    accepted = client.request(
        "POST",
        "/api/exports/content",
        body={
            "format": wish["format_name"],
            "query": {name: value for name, value in query.items() if value is not None},
            "include_media": wish["media"],
            "time_zone": wish["time_zone"] or local_zone(),
        },
        session=open_tokens(context, client, _phones(client, device, wish))
        if wish["media"]
        else None,
    )
    with _cancelled_with_us(client, accepted["job_id"]):
        return watch_job(client, accepted["job_id"], quiet=quiet)


def _thread(client: Client, wish: dict[str, Any], device: str | None) -> str | None:
    if wish["thread"] is None:
        return None
    kind = wish["kinds"][0] if len(wish["kinds"]) == 1 else None
    lineage = "true" if wish["lineage"] else None
    return find_thread_id(client, wish["thread"], kind=kind, device=device, lineage=lineage)


def _device(client: Client, wanted: str | None) -> str | None:
    """Return the UDID of the phone that is meant, by whatever names a backup of it."""
    if wanted is None:
        return None
    udid: str | None = find_backup(client, wanted)["udid"]
    if udid is None:
        raise Failure("It is not known of which phone that backup is.", exit_code=FAILED)
    return udid


def _phones(client: Client, device: str | None, wish: dict[str, Any]) -> list[str] | None:
    """Return the phones whose files may be needed; None for all."""
    if device is None or not wish["lineage"]:
        return None if device is None else [device]
    lineage = client.get(f"/api/devices/{device}")["lineage"]
    return lineage["devices"] if lineage else [device]


def open_tokens(context: click.Context, client: Client, phones: list[str] | None) -> str | None:
    """Return the tokens of all open backups, or of those of *phones*, as one header."""
    if (given := given_token(context)) is not None:
        return given
    tokens: list[str] = []
    for page in client.pages("/api/backups", params={"limit": 1000}):
        for backup in page["items"]:
            if backup["encrypted"] and (phones is None or backup["udid"] in phones):
                token = find_token(context, client.url, backup["id"])
                if token is not None:
                    tokens.append(token)
    return ", ".join(tokens[:MOST_SESSIONS]) or None


@contextmanager
def _cancelled_with_us(client: Client, job_id: str) -> Iterator[None]:
    """Cancel the job when a person ends this command: nobody else waits for it."""
    try:
        yield
    except KeyboardInterrupt:
        with suppress(Failure):
            client.request("POST", f"/api/jobs/{job_id}/cancel")
        raise


def _download(client: Client, made: dict[str, Any], *, output: str | None, force: bool) -> Path:
    """Fetch the zip, hold it against its digest, and let it appear under its name."""
    source = Source(client, made["download"], None)
    facts = source.describe()
    target = target_of(output, facts["name"])
    if not force:
        _refuse_existing(target)
    part = fetch(source, facts, target)
    if _sha256(part) != made["sha256"]:
        part.unlink(missing_ok=True)
        raise Failure("The download is damaged.", "Run the command again.", exit_code=FAILED)
    put_in_place(part, target, force=force)
    return target


def _refuse_existing(target: Path) -> None:
    if target.exists() and not target.is_dir():
        raise Failure(f"{target} exists.", "Use --force to replace it.", exit_code=FAILED)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_READ_BYTES):
            digest.update(piece)
    return digest.hexdigest()


def local_zone() -> str:
    """Return the name of this machine's time zone; UTC where it has no name."""
    given = os.environ.get("TZ", "").lstrip(":")
    path = given or os.path.realpath("/etc/localtime")
    if path.startswith("/"):
        path = path.rpartition(_ZONES)[2] if _ZONES in path else ""
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(path.removeprefix("posix/")).key
    except (KeyError, ValueError, OSError):
        return "UTC"
