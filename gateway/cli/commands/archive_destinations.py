"""``keepsake archive setup`` and ``check``: where archives go."""

from __future__ import annotations

from typing import Any

import click

from gateway.cli.archive_names import DESTINATIONS, absolute, find_named
from gateway.cli.client import Client, connect
from gateway.cli.failure import FAILED, Failure
from gateway.cli.options import json_option
from gateway.cli.output import print_json, say


@click.command("setup")
@click.argument("name")
@click.option("--folder", metavar="PATH", help="A folder of this machine, or a mounted share.")
@click.option("--rclone", "remote", metavar="BACKEND:PATH", help="s3:bucket/folder, b2:bucket …")
@click.option("--option", "options", multiple=True, metavar="NAME=VALUE", help="Of the back end.")
@click.option("--secret", "secrets", multiple=True, metavar="NAME=REFERENCE", help="Of it, too.")
@click.option("--password", metavar="REFERENCE", help="Encrypt everything: file:/…, op://…")
@click.option("--password2", metavar="REFERENCE", help="A second one, as rclone's crypt has it.")
@json_option
@click.pass_context
def set_up(
    context: click.Context,
    *,
    name: str,
    folder: str | None,
    remote: str | None,
    options: tuple[str, ...],
    secrets: tuple[str, ...],
    password: str | None,
    password2: str | None,
    as_json: bool,
) -> None:
    """Set up the destination NAME; a store that lies there already is taken over.

    Secrets are given as references to where they lie, never as they are.
    """
    if (folder is None) == (remote is None):
        raise click.UsageError("Give --folder, or --rclone.", context)
    config: dict[str, Any] = {}
    if folder is not None:
        config["path"] = absolute(folder)
    else:
        assert remote is not None
        backend, _, path = remote.partition(":")
        config = {
            "backend": backend,
            "path": path,
            "options": _pairs(context, options),
            "secret_options": _pairs(context, secrets),
        }
    crypt = None
    if password is not None:
        crypt = {"password_ref": password, "password2_ref": password2}
    made = connect(context).request(
        "POST",
        DESTINATIONS,
        body={
            "name": name,
            "type": "local" if folder is not None else "rclone",
            "config": config,
            "crypt": crypt,
        },
        timeout_seconds=120.0,
    )
    if as_json:
        print_json(made)
    else:
        say(f"Destination {made['name']} is set up. `keepsake archive run` archives to it.")


@click.command("check")
@click.argument("name", metavar="[DESTINATION]", required=False)
@json_option
@click.pass_context
def check(context: click.Context, *, name: str | None, as_json: bool) -> None:
    """Look whether a destination works, with a test write."""
    client = connect(context)
    target = chosen_destination(client, name)
    steps = client.request("POST", f"{DESTINATIONS}/{target['id']}/check", timeout_seconds=120.0)[
        "items"
    ]
    if as_json:
        print_json({"items": steps})
    else:
        for step in steps:
            say(f"{step['outcome']:<8} {step['step']}: {step['detail']}")
    if any(step["outcome"] in ("failed", "skipped") for step in steps):
        context.exit(FAILED)


def where(destination: dict[str, Any]) -> str:
    """Return where a destination lies, for people."""
    config = destination["config"]
    backend = f"{config['backend']}:" if config.get("backend") else ""
    return f"{backend}{config['path']}" + (" (encrypted)" if destination["crypt"] else "")


def chosen_destination(client: Client, name: str | None) -> dict[str, Any]:
    """Return the destination of that name; without one the only one there is."""
    if name is not None:
        return find_named(client, DESTINATIONS, name, what="destination")
    known: list[dict[str, Any]] = client.get(DESTINATIONS)["items"]
    if len(known) == 1:
        return known[0]
    if known:
        raise Failure("There are several destinations.", "Say which one.", exit_code=2)
    raise Failure("There is no destination.", "Set one up: keepsake archive setup.")


def _pairs(context: click.Context, given: tuple[str, ...]) -> dict[str, str]:
    pairs = [one.partition("=") for one in given]
    if any(not sign for _, sign, _ in pairs):
        raise click.UsageError("Options and secrets are given as NAME=VALUE.", context)
    return {name: value for name, _, value in pairs}
