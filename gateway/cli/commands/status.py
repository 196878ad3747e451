"""``keepsake status``."""

from __future__ import annotations

import click

from gateway.cli.client import connect
from gateway.cli.failure import FAILED
from gateway.cli.options import json_option
from gateway.cli.output import print_json, print_table


@click.command()
@json_option
@click.pass_context
def status(context: click.Context, *, as_json: bool) -> None:
    """Show whether every part answers; exit code 1 while one does not."""
    client = connect(context)
    ready = client.get("/health/ready", accept=(503,))
    if as_json:
        print_json({"url": client.url, **ready})
    else:
        rows = [
            (name, one["state"], one.get("detail", ""))
            for name, one in ready["dependencies"].items()
        ]
        for name, one in ready["services"].items():
            away = [
                f"{inner}: {state.get('detail') or state['state']}"
                for inner, state in one["dependencies"].items()
                if state["state"] != "ready"
            ]
            rows.append((name, one["state"], "; ".join(away)))
        click.echo(f"Keepsake at {client.url} is {ready['status']}.")
        print_table(
            [("PART", "left", "whole"), ("STATE", "left", "whole"), ("", "left", "cut")], rows
        )
    if ready["status"] != "ready":
        context.exit(FAILED)
