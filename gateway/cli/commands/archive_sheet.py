"""``keepsake archive sheet``: what gets archives back when everything else is lost."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from gateway.cli.archive_names import DESTINATIONS
from gateway.cli.client import Client, answer_failure, connect
from gateway.cli.commands.archive_destinations import chosen_destination
from gateway.cli.failure import FAILED, Failure
from gateway.cli.options import json_option
from gateway.cli.output import print_json, say

_SECONDS = 60.0


@click.command("sheet")
@click.argument("name", metavar="[DESTINATION]", required=False)
@click.option("-o", "--output", metavar="FILE", help="Where to: a page; text if it ends in .txt.")
@click.option("--without-passwords", is_flag=True, help="Leave out what nobody can do without.")
@click.option("--force", is_flag=True, help="Replace an existing file.")
@json_option
@click.pass_context
def sheet(
    context: click.Context,
    *,
    name: str | None,
    output: str | None,
    without_passwords: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Write the recovery sheet of DESTINATION: print it, and keep it elsewhere.

    It says where archives lie, shows the passwords, and holds the commands that get everything back
    with rclone and without Keepsake.
    """
    client = connect(context)
    target = chosen_destination(client, name)
    path = Path(output).expanduser().absolute() if output else _usual(target)
    save_sheet(client, target, path, passwords=not without_passwords, force=force)
    if as_json:
        print_json({"path": str(path)})
    else:
        _told(target, path, passwords=not without_passwords)


def offer_sheet(client: Client, destination: dict[str, Any]) -> None:
    """Ask whether the sheet is to be written now; it is missed when it is too late."""
    if not click.confirm(
        "Write its recovery sheet now, with the password?", default=True, err=True
    ):
        remind_of_sheets([destination])
        return
    answer: str = click.prompt("Into which file", default=str(_usual(destination)), err=True)
    path = Path(answer).expanduser().absolute()
    save_sheet(client, destination, path, passwords=True, force=False)
    _told(destination, path, passwords=True)


def remind_of_sheets(destinations: Iterable[dict[str, Any]]) -> None:
    """Say what is left to do about destinations, each time that somebody looks."""
    for one in destinations:
        for warning in one["warnings"]:
            say(f"{one['name']}: {warning}")
        if one["sheet_downloaded_at"] is None:
            say(f"`keepsake archive sheet {one['name']}` writes it.")


def save_sheet(
    client: Client, destination: dict[str, Any], path: Path, *, passwords: bool, force: bool
) -> None:
    """Write a sheet into a file that only its owner reads. Raises ``Failure``."""
    # Before it is asked for: a sheet that cannot be written would count as downloaded.
    part = path.with_name(f".{path.name}.part")
    if path.exists() and not force:
        raise Failure(f"{path} exists.", "Use --force to replace it.", exit_code=FAILED)
    try:
        part.unlink(missing_ok=True)
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Failure(f"{path} cannot be written: {error.strerror}.") from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            with client.unreachable_told():
                answer = client.http.post(
                    f"{DESTINATIONS}/{destination['id']}/sheet",
                    json={
                        "format": "text" if path.suffix == ".txt" else "html",
                        "passwords": passwords,
                    },
                    timeout=_SECONDS,
                )
            if answer.status_code >= 400:
                raise answer_failure(answer)
            file.write(answer.content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise Failure(f"{path} cannot be written: {error.strerror}.") from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def _usual(destination: dict[str, Any]) -> Path:
    safe = "".join(one if one.isalnum() or one in "-_" else "_" for one in destination["name"])
    return Path.cwd() / f"keepsake-recovery-{safe}.html"


def _told(destination: dict[str, Any], path: Path, *, passwords: bool) -> None:
    say(f"{path}: print it, and keep it where it survives this machine; then delete the file.")
    if destination["crypt"] and not passwords:
        say("It does not hold the passwords: without them nobody can read the archives.")
