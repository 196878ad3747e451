"""``keepsake token``."""

from __future__ import annotations

import click

from gateway.cli.client import connect
from gateway.cli.formats import moment
from gateway.cli.options import ListingGroup, json_option
from gateway.cli.output import print_json, print_table, say
from gateway.cli.short_ids import SHOWN, complete_id


@click.group(cls=ListingGroup)
def token() -> None:
    """Create, list and revoke API tokens."""


@token.command("list")
@json_option
@click.pass_context
def list_tokens(context: click.Context, *, as_json: bool) -> None:
    """List tokens; their text is never shown again."""
    items = [one for page in connect(context).pages("/api/tokens") for one in page["items"]]
    if as_json:
        print_json({"items": items})
        return
    print_table(
        [
            ("ID", "left", "whole"),
            ("NAME", "left", "cut"),
            ("SCOPES", "left", "whole"),
            ("EXPIRES", "left", "whole"),
            ("LAST USED", "left", "whole"),
        ],
        [
            (
                one["id"][:SHOWN],
                one["name"],
                ",".join(one["scopes"]),
                moment(one["expires_at"]) if one["expires_at"] else "never",
                moment(one["last_used_at"]),
            )
            for one in items
        ],
    )


@token.command("create")
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice(["read", "write", "unlock", "admin"]),
    default=("read",),
    show_default=True,
    help="May be repeated.",
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
def create_token(
    context: click.Context,
    *,
    name: str,
    scopes: tuple[str, ...],
    ttl_seconds: int | None,
    as_json: bool,
) -> None:
    """Create a token called NAME and print it, this once."""
    made = connect(context).request(
        "POST",
        "/api/tokens",
        body={"name": name, "scopes": list(scopes), "ttl_seconds": ttl_seconds},
    )
    if as_json:
        print_json(made)
        return
    say("Keep it now; it is not shown again:")
    click.echo(made["token"])


@token.command("revoke")
@click.argument("token_id")
@json_option
@click.pass_context
def revoke_token(context: click.Context, *, token_id: str, as_json: bool) -> None:
    """Revoke a token by its id, or the beginning of it."""
    client = connect(context)
    whole = complete_id(client, "/api/tokens", token_id, what="token")
    done = client.request("DELETE", f"/api/tokens/{whole}")
    if as_json:
        print_json(done)
    else:
        say("Revoked.")
