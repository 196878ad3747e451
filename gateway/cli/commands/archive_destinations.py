"""``keepsake archive check``, and which destination is meant."""

from __future__ import annotations

from typing import Any

import click

from gateway.cli.archive_names import DESTINATIONS, find_named
from gateway.cli.client import Client, connect
from gateway.cli.failure import FAILED, Failure
from gateway.cli.options import json_option
from gateway.cli.output import print_json, say

_SHOWN = {
    "prerequisites": "prerequisites",
    "credentials": "credentials",
    "reach": "configure, reach",
    "canary": "canary",
    "write": "test write",
    "mark": "save",
}


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
        show_steps(steps)
    if any(step["outcome"] in ("failed", "skipped") for step in steps):
        context.exit(FAILED)


def where(destination: dict[str, Any]) -> str:
    """Return where a destination lies, for people."""
    config = destination["config"]
    marks = " (mirror)" if destination["mode"] == "mirror" else ""
    marks += " (encrypted)" if destination["crypt"] else ""
    backend = f"{config['backend']}:" if config.get("backend") else ""
    return f"{backend}{config['path']}{marks}"


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


def show_steps(steps: list[dict[str, Any]]) -> None:
    """Print the steps of a set-up or a check, and what to do about one that failed."""
    for one in steps:
        say(f"{one['outcome']:<8} {_SHOWN.get(one['step'], one['step'])}: {one['detail']}")
        if one["advice"]:
            say(f"{'':<8} What to do: {one['advice']}")
