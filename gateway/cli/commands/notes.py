"""``keepsake note``: read one, with its own passphrase where it is locked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from gateway.cli.ambiguity import only_match
from gateway.cli.client import LONG_SECONDS, Client, connect
from gateway.cli.commands.sessions import ask_passphrase
from gateway.cli.device_names import device_udid
from gateway.cli.failure import LOCKED, Failure
from gateway.cli.formats import moment
from gateway.cli.options import device_option, json_option, options_of
from gateway.cli.output import console, print_json
from gateway.cli.plain_text import plain, plain_lines
from gateway.cli.session_tokens import find_token, read_secret

#: More notes of one title than a person chooses from.
_MOST = 50


@click.command()
@click.argument("note_name", metavar="NOTE")
@click.option(
    "--passphrase-fd",
    type=click.IntRange(min=0),
    metavar="N",
    help="Read the note's passphrase from this file descriptor instead of asking.",
)
@device_option
@json_option
@click.pass_context
def note(
    context: click.Context,
    *,
    note_name: str,
    passphrase_fd: int | None,
    device: str | None,
    as_json: bool,
) -> None:
    """Read NOTE (a part of its title, or the id that search and threads show).

    A locked note asks for the passphrase that it was locked with; its backup must be open. What it
    says is shown and kept nowhere.
    """
    client = connect(context)
    artifact = _find_id(client, note_name, device_udid(client, device))
    found = client.get(f"/api/artifacts/{artifact}")
    if found["payload"].get("content") != "locked":
        _show(found, found, as_json=as_json)
        return
    if passphrase_fd is not None:
        passphrase = read_secret(passphrase_fd)
    else:
        passphrase = ask_passphrase(found["title"] or "the note")
    tokens = list(dict.fromkeys(_tokens(context, client, found["device"])))
    for n, token in enumerate(tokens, start=1):
        try:
            opened = client.request(
                "POST",
                f"/api/artifacts/{artifact}/open",
                body={"passphrase": passphrase},
                session=token,
                timeout_seconds=LONG_SECONDS,
            )
        except Failure as failure:
            # Another backup of the phone may be the one that is open.
            if failure.exit_code != LOCKED or n == len(tokens):
                raise
            continue
        _show(found, opened, as_json=as_json)
        return


def _find_id(client: Client, wanted: str, device: str | None) -> str:
    """Return the id of the note that is meant; numbers are ids already. Raises ``Failure``."""
    if wanted.isascii() and wanted.isdigit():
        return wanted
    words = '"' + wanted.replace('"', " ") + '"'
    folded = wanted.strip().casefold()
    found = [
        hit["artifact"]
        for hit in client.get(
            "/api/search",
            params={
                "q": words,
                "kind": "note",
                "device": device,
                "sort": "newest",
                "limit": _MOST,
            },
        )["items"]
    ]
    titled = [one for one in found if folded in (one["title"] or "").casefold()]
    meant = only_match(
        ([one for one in titled if one["title"].casefold() == folded], titled),
        several="Several notes match; give a --device, or use one of these ids:",
        line=lambda one: (
            f"{one['id']}  {plain(one['title'])}  {moment(one['occurred_at'])}  {one['device']}"
        ),
        none="There is no such note.",
        listed_by="keepsake search kind:note",
    )
    return str(meant["id"])


def _tokens(context: click.Context, client: Client, device: str) -> Iterator[str | None]:
    for page in client.pages("/api/backups"):
        for backup in page["items"]:
            if backup["udid"] == device and backup["encrypted"]:
                token = find_token(context, client.url, backup["id"])
                if token is not None:
                    yield token
                if options_of(context).session_fd is not None:
                    # It can be read once.
                    return
    # Plain backups need none; for others the answer says what is missing.
    yield None


def _show(found: dict[str, Any], said: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(said)
        return
    folder = found["payload"].get("folder")
    console().print(f"{moment(found['occurred_at'])}  {plain(folder or '')}".rstrip(), style="dim")
    # The first line of a note is its title.
    text = said["text"] or said["title"] or ""
    console().print(plain_lines(text), soft_wrap=True)
