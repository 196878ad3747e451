"""``keepsake archive find``: in which archives a file is."""

from __future__ import annotations

import click

from gateway.cli.archive_names import DESTINATIONS, SOURCES, find_named
from gateway.cli.client import connect
from gateway.cli.formats import count, moment, size
from gateway.cli.options import json_option
from gateway.cli.output import print_json, print_table, say
from gateway.cli.short_ids import SHOWN


@click.command("find")
@click.argument("words", nargs=-1, required=True)
@click.option("--source", metavar="SOURCE", help="Only of this source.")
@click.option("--to", "destination", metavar="NAME", help="Only in this destination.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@json_option
@click.pass_context
def find(
    context: click.Context,
    *,
    words: tuple[str, ...],
    source: str | None,
    destination: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """Find files in all archives by WORDS of their paths, or by how words begin."""
    client = connect(context)
    page = client.get(
        "/api/archives/files",
        params={
            "q": " ".join(words),
            "source": source and find_named(client, SOURCES, source, what="source")["id"],
            "destination": destination
            and find_named(client, DESTINATIONS, destination, what="destination")["id"],
            "limit": limit,
        },
    )
    if as_json:
        print_json(page)
        return
    print_table(
        [
            ("ARCHIVE", "left", "whole"),
            ("ARCHIVED", "left", "whole"),
            ("IN", "right", "whole"),
            ("SIZE", "right", "whole"),
            ("PATH", "left", "fold"),
        ],
        [
            (
                one["archive_id"][:SHOWN],
                moment(one["archived_at"]),
                count(one["archive_count"]),
                size(one["file"]["size_bytes"])
                if one["file"]["type"] == "file"
                else one["file"]["type"],
                one["file"]["path"],
            )
            for one in page["items"]
        ],
    )
    if page["next_cursor"]:
        say(f"There are more than {count(limit)}; more words narrow it down, --limit shows more.")
