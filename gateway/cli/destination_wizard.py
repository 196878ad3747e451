"""Questions about a new destination, one after the other, on a terminal.

What is secret is asked for as a reference to where it lies; whatever does not look like one is not
taken, so that no password is typed here by mistake and kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import click

from gateway.cli.archive_names import DESTINATIONS, absolute
from gateway.cli.client import Client
from gateway.cli.failure import Failure
from gateway.cli.output import say
from shared.secret_references import SCHEMES, SecretReferenceError, parse_reference

_USUAL = ("s3", "b2", "sftp", "webdav", "smb", "azureblob", "drive", "dropbox", "onedrive")
_MOST_CHOICES = 12
_MOST_CHARACTERS = 54


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What a destination is to be."""

    name: str
    type: str
    config: dict[str, Any]
    crypt: dict[str, Any] | None
    mode: str = "store"
    #: Where a password is to be made, as the API takes it; instead of ``crypt``.
    new_password: dict[str, Any] | None = None


class Wizard:
    """One conversation."""

    def __init__(self, client: Client, *, name: str | None) -> None:
        self._client = client
        self._name = name

    def ask(self) -> Answers:
        """Ask everything. Nothing is done meanwhile."""
        say("Where are archives to go? Ctrl-C stops; nothing is changed before the last question.")
        say("  folder  a folder of this machine, a disk, or a mounted share")
        say("  remote  what rclone reaches: a bucket, a server, a cloud")
        kind = _choose("folder or remote", ["folder", "remote"], default="folder")
        if kind == "folder":
            config: dict[str, Any] = {"path": absolute(_ask("Its path"))}
            usual = config["path"].rstrip("/").rpartition("/")[2]
        else:
            config = self._remote()
            usual = config["backend"]
        name = self._name or _ask("A name for it", default=usual.replace(" ", "-") or "archive")
        crypt, new_password = self._encryption(name, is_remote=kind == "remote")
        if not click.confirm(f"Try it, and set {name} up?", default=True, err=True):
            raise click.Abort
        return Answers(
            name=name,
            type="local" if kind == "folder" else "rclone",
            config=config,
            crypt=crypt,
            new_password=new_password,
        )

    def _remote(self) -> dict[str, Any]:
        known = {one["name"]: one for one in self._client.get(f"{DESTINATIONS}/backends")["items"]}
        say(f"Back ends: {', '.join(name for name in _USUAL if name in known)} …; ? lists all.")
        while (backend := _ask("Back end").strip()) not in known:
            for name, one in known.items():
                if backend == "?" or backend.lower() in f"{name} {one['description']}".lower():
                    say(f"  {name:<22} {one['description'][:_MOST_CHARACTERS]}")
        form = self._client.get(f"{DESTINATIONS}/backends/{quote(backend, safe='')}")
        if form["note"]:
            say(form["note"])
        if form["login"] == "dialogue":
            raise Failure(f"{backend} cannot be set up here.", form["note"])
        config: dict[str, Any] = {"backend": backend, "options": {}, "secret_options": {}}
        wants_token = form["login"] == "token"
        first = [
            one for one in form["fields"] if not one["advanced"] or (wants_token and _is_login(one))
        ]
        say("Options: Enter leaves one out, or as it is; ? explains it.")
        self._fields(first, config)
        others = [one for one in form["fields"] if one not in first]
        if others and click.confirm(
            f"Look at {len(others)} advanced options as well?", default=False, err=True
        ):
            self._fields(others, config)
        config["path"] = _ask("Path there (bucket/folder, or a folder)")
        return config

    def _fields(self, fields: list[dict[str, Any]], config: dict[str, Any]) -> None:
        for field in fields:
            if not _applies(field["provider"], config["options"].get("provider", "")):
                continue
            if field["secret"]:
                if given := _ask_reference(field):
                    config["secret_options"][field["name"]] = given
            elif (given := _ask_field(field, config["options"])) and given != field["default"]:
                config["options"][field["name"]] = given

    def _encryption(
        self, name: str, *, is_remote: bool
    ) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
        if not click.confirm("Encrypt everything before it leaves?", default=is_remote, err=True):
            return None, None
        say("The password:  file       is made, and kept in a file that only you read")
        say("               1password  is made, and kept in 1Password")
        say("               reference  is there already")
        match _choose("Password", ["file", "1password", "reference"], default="file"):
            case "file":
                path = absolute(_ask("File, which does not exist yet"))
                return None, {"place": "file", "path": path}
            case "1password":
                vault = _ask("Vault")
                title = _ask("Title of the item", default=f"Keepsake archives {name}")
                return None, {"place": "one_password", "vault": vault, "title": title}
            case _:
                field = {"name": "password", "required": True, "help": "", "examples": []}
                first = _ask_reference(field)
                second = _ask_reference({**field, "name": "password2", "required": False})
                return {"password_ref": first, "password2_ref": second or None}, None


def _is_login(field: dict[str, Any]) -> bool:
    return field["name"] in ("token", "service_account_credentials")


def _applies(condition: str, provider: str) -> bool:
    """Whether something is for this provider: names with commas between, or all but those."""
    if not condition:
        return True
    names = condition.lstrip("!").split(",")
    return (provider in names) != condition.startswith("!")


def _ask_field(field: dict[str, Any], options: dict[str, str]) -> str:
    examples = [
        one for one in field["examples"] if _applies(one["provider"], options.get("provider", ""))
    ]
    if examples and len(examples) <= _MOST_CHOICES:
        _explain(examples)
    allowed = {one["value"] for one in examples}
    label = field["name"] + (" (required)" if field["required"] else "")
    if len(examples) > _MOST_CHOICES:
        label += f", ? lists {len(examples)}"
    while True:
        given = _ask(label, default=field["default"])
        if given == "?":
            say(field["help"])
            _explain(examples)
        elif not given and field["required"]:
            say("It is needed.")
        elif given and field["choice"] and allowed and given not in allowed:
            say("It is one of those that ? lists.")
        else:
            return given


def _ask_reference(field: dict[str, Any]) -> str:
    label = f"{field['name']}, a reference" + (" (required)" if field["required"] else "")
    while True:
        given = _ask(label, default="")
        if given == "?":
            say(field["help"])
            say(
                f"A reference says where the secret lies, and begins with one of:"
                f" {', '.join(f'{one}:' for one in SCHEMES)}"
            )
        elif not given and field["required"]:
            say("It is needed.")
        elif not given:
            return ""
        else:
            try:
                # Whether commands are allowed is for the archiver to say.
                parse_reference(given, allow_commands=True)
            except SecretReferenceError as error:
                say(f"Not the secret itself, but where it lies. {error}")
            else:
                return given


def _explain(examples: list[dict[str, Any]]) -> None:
    for one in examples:
        say(f"  {one['value'] or '(nothing)':<16} {one['help'].partition(chr(10))[0]}")


def _ask(label: str, *, default: str | None = None) -> str:
    answer: str = click.prompt(label, default=default, show_default=bool(default), err=True)
    return answer.strip()


def _choose(label: str, choices: list[str], *, default: str) -> str:
    answer: str = click.prompt(
        label, type=click.Choice(choices), default=default, show_choices=False, err=True
    )
    return answer
