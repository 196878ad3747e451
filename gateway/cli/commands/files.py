"""``keepsake ls``."""

from __future__ import annotations

from typing import Any

import click

from gateway.cli.backup_names import find_backup
from gateway.cli.client import Client, connect
from gateway.cli.formats import count, moment, size
from gateway.cli.options import json_option
from gateway.cli.output import print_json, print_table, say
from gateway.cli.session_tokens import find_token

_MARKS = {"directory": "/", "symlink": " -> "}


@click.command()
@click.argument("backup")
@click.option("--domain", help="Only this domain, such as CameraRollDomain.")
@click.option("--path-like", metavar="PATTERN", help="SQL LIKE over the path: %.jpg")
@click.option("--domains", "what", flag_value="domains", help="List domains instead.")
@click.option("--apps", "what", flag_value="apps", help="List apps instead.")
@click.option(
    "--sort", type=click.Choice(["path", "size", "modified"]), default="path", show_default=True
)
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True)
@click.option("--all", "everything", is_flag=True, help="All files, however many.")
@json_option
@click.pass_context
def ls(
    context: click.Context,
    *,
    backup: str,
    domain: str | None,
    path_like: str | None,
    what: str | None,
    sort: str,
    limit: int,
    everything: bool,
    as_json: bool,
) -> None:
    """List files, domains or apps of BACKUP."""
    client = connect(context)
    backup_id = find_backup(client, backup)["id"]
    session = find_token(context, client.url, backup_id)
    if what is not None:
        page = client.get(
            f"/api/backups/{backup_id}/{what}", params={"sizes": "wait"}, session=session
        )
        if as_json:
            print_json(page)
        elif what == "domains":
            _print_domains(page["items"])
        else:
            _print_apps(page["items"])
        return
    params = {
        "domain": domain,
        "path_like": path_like,
        "sort": sort,
        "limit": 1000 if everything else limit,
    }
    page = _files(client, backup_id, params, session=session, everything=everything)
    if as_json:
        print_json(page)
        return
    _print_files(page["items"])
    if page["next_cursor"]:
        say("There are more; --all lists everything.")


def _files(
    client: Client,
    backup_id: str,
    params: dict[str, Any],
    *,
    session: str | None,
    everything: bool,
) -> dict[str, Any]:
    path = f"/api/backups/{backup_id}/files"
    if not everything:
        page: dict[str, Any] = client.get(path, params=params, session=session)
        return page
    pages = client.pages(path, params=params, session=session)
    return {"items": [one for page in pages for one in page["items"]], "next_cursor": None}


def _print_files(items: list[dict[str, Any]]) -> None:
    # Domain and path are what `get` takes, so they are folded and never cut.
    print_table(
        [
            ("SIZE", "right", "whole"),
            ("MODIFIED", "left", "whole"),
            ("DOMAIN", "left", "fold"),
            ("PATH", "left", "fold"),
        ],
        [
            (
                size(one["size_bytes"]) if one["present"] is not False else "missing",
                moment(one["modified_at"]),
                one["domain"],
                one["relative_path"] + _MARKS.get(one["kind"], "") + (one["target"] or ""),
            )
            for one in items
        ],
    )


def _print_domains(items: list[dict[str, Any]]) -> None:
    print_table(
        [("DOMAIN", "left", "cut"), ("FILES", "right", "whole"), ("SIZE", "right", "whole")],
        [(one["domain"], count(one["file_count"]), size(one["size_bytes"])) for one in items],
    )


def _print_apps(items: list[dict[str, Any]]) -> None:
    print_table(
        [
            ("APP", "left", "cut"),
            ("BUNDLE", "left", "cut"),
            ("FILES", "right", "whole"),
            ("SIZE", "right", "whole"),
        ],
        [
            (
                one["name"] or "-",
                one["bundle_id"],
                count(one["file_count"]),
                size(one["size_bytes"]),
            )
            for one in items
        ],
    )
