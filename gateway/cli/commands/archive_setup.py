"""``keepsake archive setup`` and ``backends``: a place becomes a destination, step by step."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import click

from gateway.cli.archive_names import DESTINATIONS, absolute
from gateway.cli.client import Client, connect
from gateway.cli.commands.archive_destinations import show_steps
from gateway.cli.commands.archive_sheet import offer_sheet
from gateway.cli.destination_wizard import Answers, Wizard
from gateway.cli.failure import FAILED, Failure
from gateway.cli.formats import count
from gateway.cli.options import json_option
from gateway.cli.output import print_json, print_table, say

_SECONDS = 150.0


@click.command("setup")
@click.argument("name", required=False)
@click.option("--folder", metavar="PATH", help="A folder of this machine, or a mounted share.")
@click.option("--rclone", "remote", metavar="BACKEND:PATH", help="s3:bucket/folder, b2:bucket …")
@click.option("--option", "options", multiple=True, metavar="NAME=VALUE", help="Of the back end.")
@click.option("--secret", "secrets", multiple=True, metavar="NAME=REFERENCE", help="Of it, too.")
@click.option("--mirror", is_flag=True, help="Plain files as they are now, not archives.")
@click.option("--password", metavar="REFERENCE", help="Encrypt everything: file:/…, op://…")
@click.option("--password2", metavar="REFERENCE", help="A second one, as rclone's crypt has it.")
@click.option(
    "--new-password",
    "new_password",
    metavar="WHERE",
    help="Encrypt with a password that is made: file:/PATH, or op:VAULT for 1Password.",
)
@click.option("--dry-run", is_flag=True, help="Only try it; nothing is kept, there or here.")
@json_option
@click.pass_context
def set_up(
    context: click.Context,
    *,
    name: str | None,
    folder: str | None,
    remote: str | None,
    options: tuple[str, ...],
    secrets: tuple[str, ...],
    mirror: bool,
    password: str | None,
    password2: str | None,
    new_password: str | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Set up the destination NAME; a store that lies there already is taken over.

    Secrets are given as references to where they lie, never as they are. Without anything it asks,
    step by step. `keepsake archive backends` lists what rclone reaches.
    """
    if folder is None and remote is None and not (as_json or options or secrets):
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise click.UsageError("Give --folder, or --rclone; a terminal is asked.", context)
        client = connect(context)
        answers = replace(Wizard(client, name=name).ask(), mode="mirror" if mirror else "store")
        made = _set_up(client, answers, dry_run=dry_run, as_json=False)
        if not dry_run:
            offer_sheet(client, made)
        return
    if (folder is None) == (remote is None):
        raise click.UsageError("Give --folder, or --rclone.", context)
    if name is None:
        raise click.UsageError("Give the destination a NAME.", context)
    if new_password and (password or password2):
        raise click.UsageError("Give --password, or --new-password.", context)
    if password2 and not password:
        raise click.UsageError("Give --password with --password2.", context)
    config: dict[str, Any] = {}
    if folder is not None:
        config["path"] = absolute(folder)
    else:
        backend, _, path = (remote or "").partition(":")
        config = {
            "backend": backend,
            "path": path,
            "options": _pairs(context, options),
            "secret_options": _pairs(context, secrets),
        }
    crypt = None
    if password is not None:
        crypt = {"password_ref": password, "password2_ref": password2}
    answers = Answers(
        name=name,
        type="rclone" if folder is None else "local",
        config=config,
        crypt=crypt,
        mode="mirror" if mirror else "store",
        new_password=_place(context, new_password),
    )
    _set_up(connect(context), answers, dry_run=dry_run, as_json=as_json)


def _set_up(client: Client, answers: Answers, *, dry_run: bool, as_json: bool) -> dict[str, Any]:
    """Go through the steps, and keep what came of them unless it is a *dry_run*."""
    if any(one["name"] == answers.name for one in client.get(DESTINATIONS)["items"]):
        raise Failure(f"There is a destination called {answers.name} already.")
    if answers.new_password is None:
        return _try_and_save(client, answers, answers.crypt, dry_run=dry_run, as_json=as_json)
    # A password is made for a place that can be used, and for none that has a store already.
    tried = _try(client, answers, None, as_json=as_json)
    if tried["holds_store"]:
        raise Failure("A store lies there already, without a password.", "Choose an empty place.")
    if dry_run:
        return _told(tried, as_json=as_json)
    reference = client.request(
        "POST", f"{DESTINATIONS}/passwords", body=answers.new_password, timeout_seconds=_SECONDS
    )["reference"]
    if not as_json:
        say(f"A password was made: {reference}")
    crypt = {"password_ref": reference}
    try:
        return _try_and_save(client, answers, crypt, dry_run=False, as_json=as_json)
    except Failure as failure:
        raise Failure(
            failure.title,
            f"{failure.detail} The password that was made stays: --password {reference}",
            exit_code=failure.exit_code,
            problem={**(failure.problem or {}), "password_ref": reference},
        ) from None


def _try_and_save(
    client: Client,
    answers: Answers,
    crypt: dict[str, Any] | None,
    *,
    dry_run: bool,
    as_json: bool,
) -> dict[str, Any]:
    tried = _try(client, answers, crypt, as_json=as_json)
    if dry_run:
        return _told(tried, as_json=as_json)
    if not as_json:
        show_steps(tried["items"])
    made: dict[str, Any] = client.request(
        "POST",
        DESTINATIONS,
        body={
            "name": answers.name,
            "type": answers.type,
            "mode": answers.mode,
            "config": answers.config,
            "crypt": crypt,
        },
        timeout_seconds=_SECONDS,
    )
    if as_json:
        print_json({**made, "steps": tried["items"]})
        return made
    came = "the store that lies there was taken over" if tried["holds_store"] else "a new store"
    show_steps([{"step": "mark", "outcome": "done", "detail": f"Saved: {came}.", "advice": ""}])
    say(f"Destination {made['name']} is set up. `keepsake archive run` archives to it.")
    if made["found_archives"]:
        say(
            f"{count(made['found_archives'])} archives lie there that are not listed here;"
            f" `keepsake archive rebuild --to {made['name']}` lists them."
        )
    return made


def _try(
    client: Client, answers: Answers, crypt: dict[str, Any] | None, *, as_json: bool
) -> dict[str, Any]:
    """Go through all steps without keeping anything. Raises ``Failure`` where one fails."""
    tried: dict[str, Any] = client.request(
        "POST",
        f"{DESTINATIONS}/try",
        body={"type": answers.type, "config": answers.config, "crypt": crypt},
        timeout_seconds=_SECONDS,
    )
    if tried["good"]:
        return tried
    if not as_json:
        show_steps(tried["items"])
    failed = next(one for one in tried["items"] if one["outcome"] == "failed")
    raise Failure(
        "The destination cannot be set up.",
        f"{failed['detail']} {failed['advice']} Nothing was kept.",
        exit_code=FAILED,
        problem={
            "type": "/problems/destination-refused",
            "title": "The destination cannot be set up.",
            "status": 409,
            "detail": failed["detail"],
            "steps": tried["items"],
        },
    )


def _told(tried: dict[str, Any], *, as_json: bool) -> dict[str, Any]:
    if as_json:
        print_json(tried)
    else:
        show_steps(tried["items"])
        say("It can be set up. Nothing was kept.")
    return tried


@click.command("backends")
@click.argument("name", required=False, metavar="[BACKEND]")
@json_option
@click.pass_context
def backends(context: click.Context, *, name: str | None, as_json: bool) -> None:
    """List what rclone reaches, or the options of one BACKEND."""
    client = connect(context)
    address = f"{DESTINATIONS}/backends" + (f"/{quote(name, safe='')}" if name else "")
    found = client.get(address)
    if as_json:
        print_json(found)
        return
    if name is None:
        print_table(
            [("BACKEND", "left", "whole"), ("LOGIN", "left", "whole"), ("WHAT", "left", "cut")],
            [
                (one["name"], {"none": "-"}.get(one["login"], one["login"]), one["description"])
                for one in found["items"]
            ],
        )
        return
    print_table(
        [("OPTION", "left", "whole"), ("", "left", "whole"), ("WHAT", "left", "cut")],
        [(one["name"], _marks(one), one["help"].partition("\n")[0]) for one in found["fields"]],
    )
    if found["note"]:
        say(found["note"])


def _marks(field: dict[str, Any]) -> str:
    said = ("required", "secret", "advanced")
    return " ".join(one for one in said if field[one])


def _place(context: click.Context, wanted: str | None) -> dict[str, Any] | None:
    if wanted is None:
        return None
    sort, _, where = wanted.partition(":")
    if sort == "file" and where:
        return {"place": "file", "path": absolute(where)}
    if sort == "op" and where:
        title = f"Keepsake archives {context.params['name']}"
        return {"place": "one_password", "vault": where, "title": title}
    raise click.UsageError("A new password goes to file:/PATH, or to op:VAULT.", context)


def _pairs(context: click.Context, given: tuple[str, ...]) -> dict[str, str]:
    pairs = [one.partition("=") for one in given]
    if any(not sign for _, sign, _ in pairs):
        raise click.UsageError("Options and secrets are given as NAME=VALUE.", context)
    return {name: value for name, _, value in pairs}
