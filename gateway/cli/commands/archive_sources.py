"""``keepsake archive source``: what is archived."""

from __future__ import annotations

from typing import Any

import click

from gateway.cli.archive_names import SOURCES, absolute, find_named
from gateway.cli.client import connect
from gateway.cli.formats import moment
from gateway.cli.options import ListingGroup, json_option
from gateway.cli.output import print_json, print_table, say

TYPES = ("postgres_full", "postgres_n8n", "n8n_config", "flows")


@click.group("source", cls=ListingGroup)
def source_group() -> None:
    """List what is archived; add|remove SOURCE."""


@source_group.command("list")
@json_option
@click.pass_context
def list_sources(context: click.Context, *, as_json: bool) -> None:
    """List what is archived."""
    page = connect(context).get(SOURCES)
    if as_json:
        print_json(page)
        return
    print_sources(page["items"])


@source_group.command("add")
@click.argument("name")
@click.option("--folder", metavar="PATH", help="Everything below this folder.")
@click.option("--device", metavar="UDID", help="The newest backup of this device.")
@click.option("--include", multiple=True, metavar="PATTERN", help="Only what fits.")
@click.option("--exclude", multiple=True, metavar="PATTERN", help="Not what fits: '*.tmp'.")
@click.option("--immich", is_flag=True, help="The folder is Immich's UPLOAD_LOCATION.")
@click.option("--regenerable", is_flag=True, help="Of Immich: thumbnails and transcoded films too.")
@click.option("--postgres", "dsn_ref", metavar="REFERENCE", help="Where a database's address is.")
@click.option("--container", metavar="NAME", help="Use the pg_dump of this container.")
@click.option("--n8n", is_flag=True, help="The database is n8n's.")
@click.option("--type", "types", multiple=True, type=click.Choice(TYPES), help="What of it.")
@click.option("--config-file", "config_files", multiple=True, metavar="PATH", help="Beside it.")
@click.option("--ssl-file", "ssl_files", multiple=True, metavar="PATH", help="Certificates.")
@click.option("--encryption-key", metavar="REFERENCE", help="Where N8N_ENCRYPTION_KEY is kept.")
@click.option("--system", is_flag=True, help="Keepsake itself.")
@click.option("--dump-hours", type=int, metavar="N", help="Of Immich: how old its dump may be.")
@json_option
@click.pass_context
def add_source(
    context: click.Context,
    *,
    name: str,
    folder: str | None,
    device: str | None,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    immich: bool,
    regenerable: bool,
    dump_hours: int | None,
    dsn_ref: str | None,
    container: str | None,
    n8n: bool,
    types: tuple[str, ...],
    config_files: tuple[str, ...],
    ssl_files: tuple[str, ...],
    encryption_key: str | None,
    system: bool,
    as_json: bool,
) -> None:
    """Say what NAME stands for: a folder, a device's backup, a database, or Keepsake itself."""
    is_database = dsn_ref is not None or n8n
    if [folder is not None, device is not None, is_database, system].count(True) != 1:
        raise click.UsageError("Give --folder, --device, --postgres, or --system.", context)
    config: dict[str, Any] = {}
    if device is not None:
        config = {"udid": device}
    if is_database:
        config = {
            "dsn_ref": dsn_ref,
            "container": container,
            "types": list(types),
            "config_files": [absolute(path) for path in config_files],
            "ssl_files": [absolute(path) for path in ssl_files],
            "encryption_key_ref": encryption_key,
        }
    if folder is not None:
        config = {
            "path": absolute(folder),
            "include": list(include),
            "exclude": list(exclude),
            "regenerable": regenerable,
            "dump_hours": dump_hours,
        }
    made = connect(context).request(
        "POST",
        SOURCES,
        body={
            "name": name,
            "type": _type(device=device, folder=folder, is_database=is_database),
            "preset": "immich" if immich else "n8n" if n8n else None,
            "config": config,
        },
    )
    if as_json:
        print_json(made)
    else:
        say(f"Source {made['name']} is known. `keepsake archive run {made['name']}` archives it.")


def _type(*, device: str | None, folder: str | None, is_database: bool) -> str:
    if device is not None:
        return "device_backup"
    if folder is not None:
        return "directory"
    return "postgres" if is_database else "system"


@source_group.command("remove")
@click.argument("name", metavar="SOURCE")
@json_option
@click.pass_context
def remove_source(context: click.Context, *, name: str, as_json: bool) -> None:
    """Archive SOURCE no more; its archives stay."""
    client = connect(context)
    found = find_named(client, SOURCES, name, what="source")
    done = client.request("DELETE", f"{SOURCES}/{found['id']}")
    if as_json:
        print_json(done)
    else:
        say("Removed. Its archives stay.")


def print_sources(sources: list[dict[str, Any]]) -> None:
    """Print sources as a table."""
    print_table(
        [
            ("SOURCE", "left", "whole"),
            ("TYPE", "left", "whole"),
            ("LAST ARCHIVE", "left", "whole"),
            ("WHAT", "left", "cut"),
        ],
        [
            (
                one["name"],
                one["preset"] or one["type"],
                moment(one["last_archive_at"]),
                one["config"].get("path")
                or one["config"].get("udid")
                or one["config"].get("dsn_ref")
                or ("Keepsake itself" if one["type"] == "system" else "files"),
            )
            for one in sources
        ],
    )
