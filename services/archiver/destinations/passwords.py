"""Making a password for a destination and putting it where a reference finds it.

Nobody sees it: it goes from here into a file of its owner's, or by a pipe into 1Password, and what
is told is the reference alone. It is believed to be there when the reference gave it back.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

import msgspec

from services.archiver.errors import DestinationRefusedError
from shared.credentials import Secret
from shared.secret_references import (
    SecretReferenceError,
    call_one_password,
    parse_reference,
    resolve,
)

#: Without 0 and O, 1, I and l: somebody may have to type it from paper. 186 bits.
_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_CHARACTERS = 32
_FIELD = "password"


class _Vault(msgspec.Struct):
    id: str


class _Item(msgspec.Struct):
    """What ``op item create`` answers, but for the password in it."""

    id: str
    vault: _Vault


def draw_password() -> Secret:
    """Return a new password."""
    return Secret("".join(secrets.choice(_ALPHABET) for _ in range(_CHARACTERS)))


async def put_into_file(path: Path) -> str:
    """Make a password and a file for it that only its owner reads; return the reference.

    Raises ``DestinationRefusedError``, also where there is something already.
    """
    reference = f"file:{path}"
    try:
        parse_reference(reference, allow_commands=False)
    except SecretReferenceError as error:
        raise DestinationRefusedError(f"A file cannot be called so. {error}") from None
    password = draw_password()
    try:
        await asyncio.to_thread(_write, path, password)
    except FileExistsError:
        raise DestinationRefusedError(
            "There is a file of that name already; it is left as it is. Choose another, or give"
            " a reference to it."
        ) from None
    except OSError as error:
        raise DestinationRefusedError(
            f"The password's file cannot be made: {os.strerror(error.errno or 0)}."
        ) from None
    return await _believed(reference, password)


async def put_into_one_password(
    vault: str, title: str, *, environ: Mapping[str, str] = os.environ
) -> str:
    """Make an item with a new password in *vault*, by name or id; return the reference by ids.

    Raises ``DestinationRefusedError``.
    """
    password = draw_password()
    template = {
        "title": title,
        "category": "PASSWORD",
        "fields": [
            {
                "id": _FIELD,
                "type": "CONCEALED",
                "purpose": "PASSWORD",
                "label": _FIELD,
                "value": password.reveal(),
            },
            {
                "id": "notesPlain",
                "type": "STRING",
                "purpose": "NOTES",
                "label": "notesPlain",
                "value": "Made by Keepsake. Archives cannot be read without it: do not change it.",
            },
        ],
    }
    try:
        answer = await call_one_password(
            ["item", "create", "--vault", vault, "--format", "json", "-"],
            content=msgspec.json.encode(template),
            environ=environ,
        )
        item = msgspec.json.decode(answer, type=_Item)
    except SecretReferenceError as error:
        raise DestinationRefusedError(
            f"1Password made no item. {error} See that the vault is called so, that whoever"
            " Keepsake signs in as may write to it, and that the sign-in has not ended."
        ) from None
    except msgspec.DecodeError:
        # The decoder's message may quote the password.
        raise DestinationRefusedError(
            "1Password answered something else than the item that was made."
        ) from None
    return await _believed(f"op://{item.vault.id}/{item.id}/{_FIELD}", password, environ)


def _write(path: Path, password: Secret) -> None:
    # Never through a link, and never over anything: a password that is replaced is gone.
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o600)
    try:
        os.fchmod(descriptor, 0o600)
        os.write(descriptor, password.reveal().encode() + b"\n")
        os.fsync(descriptor)
    except OSError:
        with contextlib.suppress(OSError):
            path.unlink()
        raise
    finally:
        os.close(descriptor)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


async def _believed(
    reference: str, password: Secret, environ: Mapping[str, str] = os.environ
) -> str:
    try:
        found = await resolve(parse_reference(reference, allow_commands=False), environ=environ)
    except SecretReferenceError as error:
        raise DestinationRefusedError(
            f"The password was put away, and cannot be read again: {error}"
        ) from None
    if found != password:
        raise DestinationRefusedError("The password that was put away comes back as another.")
    return reference
