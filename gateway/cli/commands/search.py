"""``keepsake search``."""

from __future__ import annotations

from typing import Any

import click

from gateway.cli.client import connect
from gateway.cli.formats import moment
from gateway.cli.options import json_option, lineage_option
from gateway.cli.output import console, print_json, say
from gateway.cli.plain_text import plain


# "-word" leaves results out: it is not an option, whatever letter it begins with.
@click.command(context_settings={"ignore_unknown_options": True, "help_option_names": ["--help"]})
@click.argument("query", nargs=-1, required=True)
@click.option("--device", metavar="UDID")
@lineage_option
@click.option("--kind")
@click.option("--thread", metavar="ID")
@click.option("--person", metavar="PERSON", help="Sent by, or with, this id, number or address.")
@click.option("--from", "since", metavar="TIME", help="RFC 3339, or a date.")
@click.option("--to", "until", metavar="TIME")
@click.option("--has", type=click.Choice(["attachment", "link"]))
@click.option("--removed", type=click.Choice(["exclude", "include", "only"]))
@click.option("--sort", type=click.Choice(["relevance", "newest", "oldest"]))
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
@json_option
@click.pass_context
def search(
    context: click.Context,
    /,
    *,
    query: tuple[str, ...],
    since: str | None,
    until: str | None,
    as_json: bool,
    **filters: Any,
) -> None:
    """Search everything that is indexed: words, prefix*, "a phrase", -without.

    Filters stand among the words: from:anna with:bob in:family kind:note has:photo after:2021
    before:2022-05 on:2021-05-31 is:removed. Begin with -- where a word begins with a minus.
    """
    page = connect(context).get(
        "/api/search", params={"q": " ".join(query), "from": since, "to": until, **filters}
    )
    if as_json:
        print_json(page)
        return
    for hit in page["items"]:
        _print_hit(hit)
    total = f"{page['total']:,}" if page["total_is_exact"] else f"more than {page['total'] - 1:,}"
    say(f"{total} found, {len(page['items'])} shown.")


def _print_hit(hit: dict[str, Any]) -> None:
    from rich.padding import Padding
    from rich.text import Text

    artifact = hit["artifact"]
    sender = artifact["sender"] or {}
    who = "me" if sender.get("is_me") else sender.get("name") or sender.get("handle")
    head = Text()
    head.append(moment(artifact["occurred_at"]), style="dim")
    head.append(f"  {artifact['kind']}", style="dim")
    if hit["thread_title"]:
        head.append(f"  {plain(hit['thread_title'])}", "bold")
    if who:
        head.append(f"  {plain(who)}")
    if artifact["title"]:
        head.append(f"  {plain(artifact['title'])}", "bold")
    if artifact["thread_id"]:
        head.append(f"  thread {artifact['thread_id']}", style="dim")
    snippet = Text()
    for text, is_match in hit["snippet"]:
        snippet.append(plain(text), style="bold yellow" if is_match else None)
    screen = console()
    screen.print(head)
    screen.print(Padding(snippet, (0, 0, 0, 4), expand=False))
