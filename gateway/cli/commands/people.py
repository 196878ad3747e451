"""``keepsake people``: who there is over all devices, and who is who by hand."""

from __future__ import annotations

from typing import Any

import click

from gateway.cli.client import Client, connect
from gateway.cli.device_names import device_udid
from gateway.cli.failure import NOT_FOUND, Failure
from gateway.cli.formats import count, moment
from gateway.cli.options import ListingGroup, device_option, json_option, lineage_option
from gateway.cli.output import print_json, print_table, say
from gateway.cli.person_names import find_person_id
from gateway.cli.short_ids import SHOWN, complete_id

_ORIGINS = {"card": "on a card", "manual": "put here by hand", "seen": "seen in conversations"}


@click.group(cls=ListingGroup)
def people() -> None:
    """List people, show one, or say who is who: people [QUERY], people show PERSON.

    PERSON is a name, a number or address, or the beginning of an id.
    """


@people.command("list")
@click.argument("query", required=False)
@device_option
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True)
@json_option
@click.pass_context
def list_people(
    context: click.Context, *, query: str | None, device: str | None, limit: int, as_json: bool
) -> None:
    """List people by name; QUERY matches names, numbers and addresses."""
    client = connect(context)
    page = client.get(
        "/api/people",
        params={"q": query, "device": device_udid(client, device), "limit": limit},
    )
    if as_json:
        print_json(page)
        return
    print_table(
        [
            ("ID", "left", "whole"),
            ("NAME", "left", "cut"),
            ("CARDS", "right", "whole"),
            ("NUMBERS AND ADDRESSES", "left", "cut"),
        ],
        [
            (
                one["id"][:SHOWN],
                f"{one['name']} (me)" if one["is_me"] else one["name"],
                count(one["card_count"]),
                _few(one),
            )
            for one in page["items"]
        ],
        empty="There is nobody like that." if query or device else "Nobody is known yet.",
    )
    if page["next_cursor"]:
        say("There are more; give a QUERY or a larger --limit.")


def _few(person: dict[str, Any]) -> str:
    shown = ", ".join(person["handles"][:3])
    more = person["handle_count"] - 3
    return f"{shown} and {more} more" if more > 0 else shown


@people.command("show")
@click.argument("person")
@lineage_option
@json_option
@click.pass_context
def show_person(context: click.Context, *, person: str, lineage: str | None, as_json: bool) -> None:
    """Show PERSON: numbers and addresses with where they come from, conversations, changes."""
    client = connect(context)
    found = client.get(f"/api/people/{find_person_id(client, person)}", params={"lineage": lineage})
    if as_json:
        print_json(found)
        return
    say(f"{found['name']}  {found['id']}")
    print_table(
        [("HANDLE", "left", "whole"), ("FROM", "left", "whole"), ("KINDS", "left", "fold")],
        [
            (one["handle"], _ORIGINS[one["origin"]], ", ".join(one["kinds"]))
            for one in found["origins"]
        ],
    )
    if found["threads"]:
        say(f"{count(found['thread_count'])} conversations, the newest:")
        print_table(
            [("ID", "left", "whole"), ("TITLE", "left", "cut"), ("LAST", "left", "whole")],
            [(one["id"], one["title"], moment(one["last_at"])) for one in found["threads"]],
        )
    _print_changes(found["changes"])


@people.command("changes")
@json_option
@click.pass_context
def list_changes(context: click.Context, *, as_json: bool) -> None:
    """List what was merged, split and renamed by hand, newest first."""
    page = connect(context).get("/api/people/changes")
    if as_json:
        print_json(page)
    else:
        _print_changes(page["items"])


def _print_changes(changes: list[dict[str, Any]]) -> None:
    if not changes:
        return
    print_table(
        [
            ("CHANGE", "left", "whole"),
            ("KIND", "left", "whole"),
            ("PERSON", "left", "whole"),
            ("AT", "left", "whole"),
            ("UNDONE", "left", "whole"),
        ],
        [
            (
                one["id"][:SHOWN],
                one["kind"],
                one["person_id"][:SHOWN],
                moment(one["at"]),
                moment(one["undone_at"]) if one["undone_at"] else "",
            )
            for one in changes
        ],
    )


@people.command("merge")
@click.argument("person")
@click.argument("other")
@json_option
@click.pass_context
def merge_people(context: click.Context, *, person: str, other: str, as_json: bool) -> None:
    """Make one person of two; PERSON keeps the name, OTHER becomes part of it."""
    client = connect(context)
    one, two = find_person_id(client, person), find_person_id(client, other)
    done = client.request("POST", f"/api/people/{one}/merge", body={"with": two})
    _tell(done, "Merged.", as_json=as_json)


@people.command("split")
@click.argument("person")
@click.argument("handles", nargs=-1, required=True, metavar="HANDLE...")
@json_option
@click.pass_context
def split_person(
    context: click.Context, *, person: str, handles: tuple[str, ...], as_json: bool
) -> None:
    """Make another person of some numbers and addresses of PERSON."""
    client = connect(context)
    path = f"/api/people/{find_person_id(client, person)}/split"
    done = client.request("POST", path, body={"handles": list(handles)})
    _tell(done, "Split.", as_json=as_json)


@people.command("rename")
@click.argument("person")
@click.argument("name", required=False)
@click.option("--clear", is_flag=True, help="Go back to the name on the cards.")
@json_option
@click.pass_context
def rename_person(
    context: click.Context, *, person: str, name: str | None, clear: bool, as_json: bool
) -> None:
    """Call PERSON by another NAME."""
    if clear == (name is not None):
        raise click.UsageError("Give a NAME, or --clear.")
    client = connect(context)
    path = f"/api/people/{find_person_id(client, person)}"
    _tell(client.request("PATCH", path, body={"name": name}), "Renamed.", as_json=as_json)


@people.command("undo")
@click.argument("change", required=False)
@json_option
@click.pass_context
def undo_change(context: click.Context, *, change: str | None, as_json: bool) -> None:
    """Take a change back: the last, or CHANGE (the beginning of its id)."""
    client = connect(context)
    change_id = (
        _last(client)
        if change is None
        else complete_id(client, "/api/people/changes", change, what="change")
    )
    done = client.request("POST", f"/api/people/changes/{change_id}/undo")
    _tell(done, "Undone.", as_json=as_json)


def _last(client: Client) -> str:
    for page in client.pages("/api/people/changes", params={"limit": 1000}):
        for one in page["items"]:
            if one["undone_at"] is None:
                return str(one["id"])
    raise Failure("There is nothing to undo.", exit_code=NOT_FOUND)


def _tell(change: dict[str, Any], done: str, *, as_json: bool) -> None:
    if as_json:
        print_json(change)
    else:
        say(
            f"{done} `keepsake people undo {change['id'][:SHOWN]}` takes it back."
            if change["can_be_undone"]
            else done
        )
