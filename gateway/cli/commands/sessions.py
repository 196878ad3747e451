"""``keepsake unlock`` and ``keepsake lock``. A passphrase is never an argument."""

from __future__ import annotations

import sys

import click

from gateway.cli.backup_names import find_backup
from gateway.cli.client import LONG_SECONDS, connect
from gateway.cli.failure import Failure
from gateway.cli.formats import moment
from gateway.cli.options import json_option
from gateway.cli.output import console, print_json, say
from gateway.cli.session_tokens import drop_token, keep_token, read_secret


@click.command()
@click.argument("backup")
@click.option(
    "--passphrase-fd",
    type=click.IntRange(min=0),
    metavar="N",
    help="Read the passphrase from this file descriptor instead of asking.",
)
@click.option(
    "--ttl",
    "ttl_seconds",
    type=click.IntRange(min=1),
    metavar="SECONDS",
    help="How long it holds.",
)
@json_option
@click.pass_context
def unlock(
    context: click.Context,
    *,
    backup: str,
    passphrase_fd: int | None,
    ttl_seconds: int | None,
    as_json: bool,
) -> None:
    """Open an encrypted BACKUP; later commands find the session by themselves.

    BACKUP is an id, the beginning of one, a UDID, or a name.
    """
    client = connect(context)
    found = find_backup(client, backup)
    passphrase = None
    if passphrase_fd is not None:
        passphrase = read_secret(passphrase_fd)
    elif found["encrypted"]:
        passphrase = ask_passphrase(found["name"] or found["id"])
    with console(error=True).status("Deriving the key…"):
        opened = client.request(
            "POST",
            f"/api/backups/{found['id']}/unlock",
            body={"passphrase": passphrase, "ttl_seconds": ttl_seconds},
            timeout_seconds=LONG_SECONDS,
        )
    is_kept = keep_token(client.url, found["id"], opened)
    if as_json:
        print_json(opened)
        return
    for warning in opened["warnings"]:
        say(warning)
    say(f"Open until {moment(opened['expires_at'])}: {opened['file_count']:,} files.")
    if not is_kept:
        say("No memory-backed folder is there to keep the token in: use --json, KEEPSAKE_SESSION.")


@click.command()
@click.argument("backup", required=False)
@click.option("--all", "everything", is_flag=True, help="Lock every open session.")
@json_option
@click.pass_context
def lock(context: click.Context, *, backup: str | None, everything: bool, as_json: bool) -> None:
    """Forget the keys of BACKUP, or of all."""
    if (backup is None) == (not everything):
        raise click.UsageError("Name a backup, or give --all.", context)
    client = connect(context)
    if everything:
        closed = client.request("DELETE", "/api/sessions")["closed"]
        drop_token(client.url, None)
    else:
        assert backup is not None
        backup_id = find_backup(client, backup)["id"]
        closed = 0
        # Also those that were opened elsewhere: who says lock means locked.
        for session in client.get("/api/sessions")["items"]:
            if session["backup_id"] == backup_id:
                client.request("DELETE", f"/api/sessions/{session['session_id']}", accept=(404,))
                closed += 1
        drop_token(client.url, backup_id)
    if as_json:
        print_json({"closed": closed})
    else:
        say(f"Locked ({closed} open session{'s' if closed != 1 else ''}).")


def ask_passphrase(name: str) -> str:
    """Return what a person types, unseen; without a terminal there is nobody to ask."""
    if not sys.stdin.isatty():
        raise Failure(
            "There is no terminal to ask for the passphrase.", "Use --passphrase-fd.", exit_code=2
        )
    answer: str = click.prompt(
        f"Passphrase of {name!r}", hide_input=True, err=True, default="", show_default=False
    )
    return answer
