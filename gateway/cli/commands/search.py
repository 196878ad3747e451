"""``keepsake search``."""

from __future__ import annotations

from typing import Any

import click

from gateway.cli.client import Client, connect
from gateway.cli.device_names import device_udid
from gateway.cli.failure import WRONG_USAGE, Failure
from gateway.cli.formats import moment
from gateway.cli.options import device_option, json_option, kind_option, lineage_option
from gateway.cli.output import console, print_json, say
from gateway.cli.person_names import find_person_id
from gateway.cli.plain_text import plain
from gateway.cli.thread_names import find_thread_id

#: What the gateway takes; more would only be refused as an address that is too long.
_MOST_CHARACTERS = 1000


# "-word" leaves results out: it is not an option, whatever letter it begins with.
@click.command(context_settings={"ignore_unknown_options": True, "help_option_names": ["--help"]})
@click.argument("query", nargs=-1, required=True)
@device_option
@lineage_option
@kind_option
@click.option("--thread", metavar="THREAD", help="Only in this thread: its id, or a title.")
@click.option("--person", metavar="PERSON", help="By or with: a name, id, number or address.")
@click.option("--from", "since", metavar="TIME", help="From then on: a date, or RFC 3339.")
@click.option("--to", "until", metavar="TIME", help="Until then; a date with its whole day.")
@click.option("--has", type=click.Choice(["attachment", "link"]), help="Only what has one.")
@click.option(
    "--removed",
    type=click.Choice(["exclude", "include", "only"]),
    help="Whether to look in what is gone, too.",
)
@click.option(
    "--sort", type=click.Choice(["relevance", "newest", "oldest"]), help="What comes first."
)
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
@json_option
@click.pass_context
def search(
    context: click.Context,
    /,
    *,
    query: tuple[str, ...],
    device: str | None,
    kind: str | None,
    thread: str | None,
    person: str | None,
    lineage: str | None,
    since: str | None,
    until: str | None,
    as_json: bool,
    **filters: Any,
) -> None:
    """Search everything that is indexed: words, prefix*, "a phrase", -without.

    Filters stand among the words: from:anna with:bob in:family kind:note has:photo after:2021
    before:2022-05 on:2021-05-31 is:removed. Put quotes around what the shell would take apart:
    keepsake search '"cherry tree" -winter'.
    """
    words = " ".join(query)
    if len(words) > _MOST_CHARACTERS:
        raise Failure(
            f"A search may have {_MOST_CHARACTERS:,} characters at most.", exit_code=WRONG_USAGE
        )
    client = connect(context)
    udid = device_udid(client, device)
    page = client.get(
        "/api/search",
        params={
            "q": words,
            "device": udid,
            "kind": kind,
            "thread": thread
            and find_thread_id(client, thread, kind=kind, device=udid, lineage=lineage),
            "person": person and find_person_id(client, person),
            "lineage": lineage,
            "from": since,
            "to": until,
            **filters,
        },
    )
    if not page["items"]:
        refuse_unknown_kind(client, kind)
    if as_json:
        print_json(page)
        return
    for hit in page["items"]:
        _print_hit(hit)
    shown = len(page["items"])
    if not shown:
        say("Nothing was found.")
        return
    total = f"{page['total']:,}" if page["total_is_exact"] else f"more than {page['total'] - 1:,}"
    say(f"{total} found, {shown} shown." + (" --limit shows more." if page["next_cursor"] else ""))


def refuse_unknown_kind(client: Client, kind: str | None) -> None:
    """Say that there is no such *kind*, instead of finding nothing of it. Raises ``Failure``."""
    if kind is None:
        return
    kinds = sorted(one["kind"] for one in client.get("/api/kinds")["items"])
    if kind not in kinds:
        raise Failure(
            f"There is no kind {plain(kind)!r}.",
            f"There are {', '.join(kinds)}.",
            exit_code=WRONG_USAGE,
        )


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
    # A conversation of two has the name of the other one.
    if who and who != hit["thread_title"]:
        head.append(f"  {plain(who)}")
    if artifact["title"]:
        head.append(f"  {plain(artifact['title'])}", "bold")
    if artifact["kind"] == "note":
        # `keepsake note` takes it.
        head.append(f"  note {artifact['id']}", style="dim")
    if artifact["thread_id"]:
        head.append(f"  thread {artifact['thread_id']}", style="dim")
    snippet = Text()
    for text, is_match in hit["snippet"]:
        snippet.append(plain(text), style="bold yellow" if is_match else None)
    screen = console()
    screen.print(head)
    screen.print(Padding(snippet, (0, 0, 0, 4), expand=False))
