"""``keepsake rules``: what is indexed without being asked for, and where passphrases lie for it."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import click

from gateway.cli.client import Client, connect
from gateway.cli.device_names import device_udid
from gateway.cli.failure import NOT_FOUND, Failure
from gateway.cli.formats import moment
from gateway.cli.options import ListingGroup, device_option, json_option
from gateway.cli.output import print_json, print_table, say
from gateway.cli.short_ids import SHOWN

_ADDRESS = "/api/index-rules"


@click.group(cls=ListingGroup)
def rules() -> None:
    """List rules of automatic indexing; add|on|off|remove, and a device's passphrase reference."""


@rules.command("list")
@json_option
@click.pass_context
def list_rules(context: click.Context, *, as_json: bool) -> None:
    """List rules, oldest first."""
    page = connect(context).get(_ADDRESS)
    if as_json:
        print_json(page)
        return
    print_table(
        [
            ("ID", "left", "whole"),
            ("DEVICE", "left", "whole"),
            ("KINDS", "left", "cut"),
            ("STATE", "left", "whole"),
            ("CREATED", "left", "whole"),
        ],
        [
            (
                one["id"][:SHOWN],
                one["device"] or "all",
                ", ".join(one["kinds"] or ["all"]),
                "on" if one["enabled"] else "off",
                moment(one["created_at"]),
            )
            for one in page["items"]
        ],
        empty="There are no rules; `keepsake rules add` makes one.",
    )


@rules.command("add")
@device_option
@click.option("--kind", "kinds", multiple=True, help="Only this kind; may be repeated.")
@json_option
@click.pass_context
def add_rule(
    context: click.Context, *, device: str | None, kinds: tuple[str, ...], as_json: bool
) -> None:
    """Index backups as they come: of every device and every kind, unless you say which."""
    client = connect(context)
    made = client.request(
        "POST",
        _ADDRESS,
        body={"device": device_udid(client, device), "kinds": list(kinds) or None},
    )
    if as_json:
        print_json(made)
    else:
        say(f"Rule {made['id'][:SHOWN]} is on; backups that are there already are looked at now.")


@rules.command("on")
@click.argument("rule")
@json_option
@click.pass_context
def switch_on(context: click.Context, *, rule: str, as_json: bool) -> None:
    """Switch RULE on."""
    _switch(connect(context), rule, enabled=True, as_json=as_json)


@rules.command("off")
@click.argument("rule")
@json_option
@click.pass_context
def switch_off(context: click.Context, *, rule: str, as_json: bool) -> None:
    """Switch RULE off; what was indexed stays."""
    _switch(connect(context), rule, enabled=False, as_json=as_json)


@rules.command("remove")
@click.argument("rule")
@json_option
@click.pass_context
def remove_rule(context: click.Context, *, rule: str, as_json: bool) -> None:
    """Remove RULE; what was indexed stays."""
    client = connect(context)
    done = client.request("DELETE", f"{_ADDRESS}/{_whole(client, rule)}")
    if as_json:
        print_json(done)
    else:
        say("Removed.")


@rules.command("passphrase")
@click.argument("device")
@click.argument("reference", required=False)
@click.option("--remove", is_flag=True, help="Forget the reference.")
@json_option
@click.pass_context
def passphrase(
    context: click.Context, *, device: str, reference: str | None, remove: bool, as_json: bool
) -> None:
    """Say where the passphrase of DEVICE lies, for rules: file:/path, op://vault/item/field.

    Never the passphrase itself. DEVICE is a UDID, or a part of its name. Without REFERENCE, tell of
    which sort the device's is.
    """
    if reference and remove:
        raise click.UsageError("Give a reference, or --remove.")
    client = connect(context)
    udid = device_udid(client, device) or ""
    address = f"/api/devices/{quote(udid, safe='')}/passphrase-reference"
    if reference or remove:
        done: dict[str, Any] = client.request("PUT", address, body={"reference": reference})
        words = "Removed." if remove else "Kept. It is asked when a backup is to be indexed."
    else:
        done = client.get(address)
        words = f"{done['scheme']}:…" if done["scheme"] else "There is none."
    if as_json:
        print_json(done)
    else:
        say(words)


def _switch(client: Client, rule: str, *, enabled: bool, as_json: bool) -> None:
    changed = client.request(
        "PATCH", f"{_ADDRESS}/{_whole(client, rule)}", body={"enabled": enabled}
    )
    if as_json:
        print_json(changed)
    else:
        say(f"Rule {changed['id'][:SHOWN]} is {'on' if enabled else 'off'}.")


def _whole(client: Client, wanted: str) -> str:
    ids = [one["id"] for one in client.get(_ADDRESS)["items"]]
    found = [one for one in ids if one.startswith(wanted.strip().lower())] if wanted.strip() else []
    if not found:
        raise Failure("There is no such rule.", exit_code=NOT_FOUND)
    if len(found) > 1:
        raise Failure("Several rules begin like that.", "Give more of the id.", exit_code=2)
    return str(found[0])
