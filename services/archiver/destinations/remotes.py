"""What is told to rclone about a destination: a back end, its options, and crypt on top of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from services.archiver.errors import DestinationRefusedError
from shared.credentials import Secret

#: Ours where the owner says nothing. Without them a bucket that does not exist is made, what was
#: deleted goes on being paid for, and commands are run on servers.
_DEFAULTS: dict[str, dict[str, str]] = {
    "b2": {"hard_delete": "true"},
    "drive": {"use_trash": "false"},
    "jottacloud": {"hard_delete": "true"},
    "mega": {"hard_delete": "true"},
    "s3": {"no_check_bucket": "true"},
    "sftp": {"shell_type": "none"},
}

#: What small parts of objects are read with. Over sftp rclone asks for two megabytes ahead whatever
#: is wanted, which is right for whole objects only.
_PARTS: dict[str, dict[str, str]] = {"sftp": {"disable_concurrent_reads": "true"}}
_OF_PARTS = "r"


class Crypt(msgspec.Struct, frozen=True, kw_only=True):
    """The passwords of rclone's crypt. They are all that is needed to read a destination again."""

    password: Secret
    password2: Secret | None = None


class RcloneRemote(msgspec.Struct, frozen=True, kw_only=True):
    """A destination for rclone. Shows no option: some hold secrets that nobody marked as such."""

    backend: str
    #: Bucket and folder, or a folder; absolute for the back end ``local``.
    path: str
    options: Mapping[str, str] = {}
    secrets: Mapping[str, Secret] = {}
    crypt: Crypt | None = None

    def __repr__(self) -> str:
        return f"RcloneRemote({self.backend})"


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A section of rclone's configuration. Holds secrets in the clear, and does not show them."""

    name: str
    type: str
    parameters: dict[str, str]

    def __repr__(self) -> str:
        return f"Entry({self.name}: {self.type})"

    def creation(self) -> dict[str, Any]:
        """Return the parameters of ``config/create``; passwords are obscured by rclone itself."""
        return {
            "name": self.name,
            "type": self.type,
            "parameters": self.parameters,
            "opt": {"obscure": True, "nonInteractive": True, "noOutput": True},
        }


#: Options that make rclone run a program, or change rclone as a whole.
_FORBIDDEN = re.compile(r"ssh|.*_command|type|(override|global|config)[._].*")


def is_forbidden(option: str) -> bool:
    """Whether an option is not for a destination's owner to set."""
    return _FORBIDDEN.fullmatch(option) is not None


def defaults_of(backend: str) -> Mapping[str, str]:
    """Return what a back end is told where its owner says nothing."""
    return _DEFAULTS.get(backend, {})


def entries(name: str, remote: RcloneRemote) -> list[Entry]:
    """Return what makes *remote* known to rclone under *name*; see ``plain_fs`` and ``store_fs``.

    Raises ``DestinationRefusedError`` for what must not be told to it.
    """
    if any(is_forbidden(option) for option in (*remote.options, *remote.secrets)):
        raise DestinationRefusedError("The destination has an option that runs a program.")
    made = _layers(name, remote, remote.options)
    if _PARTS.get(remote.backend):
        made += _layers(f"{name}{_OF_PARTS}", remote, {**_PARTS[remote.backend], **remote.options})
    return made


def _layers(name: str, remote: RcloneRemote, options: Mapping[str, str]) -> list[Entry]:
    made = [
        Entry(
            name=f"{name}p",
            type=remote.backend,
            parameters={
                **defaults_of(remote.backend),
                **options,
                **{option: _as_taken(option, secret) for option, secret in remote.secrets.items()},
            },
        )
    ]
    if remote.crypt is not None:
        second = remote.crypt.password2
        made.append(
            Entry(
                name=f"{name}c",
                type="crypt",
                parameters={
                    "remote": plain_fs(name, remote),
                    "password": remote.crypt.password.reveal(),
                    **({} if second is None else {"password2": second.reveal()}),
                },
            )
        )
    return made


def _as_taken(option: str, secret: Secret) -> str:
    """Return a secret as rclone takes it: a key in one line, with two characters for its ends."""
    if option.endswith("_pem"):
        return secret.reveal().strip().replace("\r\n", "\n").replace("\n", "\\n")
    return secret.reveal()


def plain_fs(name: str, remote: RcloneRemote) -> str:
    """Return how rclone calls the place itself, below crypt.

    It ends with a slash: else rclone asks whether it is a file, and where a server does not answer
    that, it takes it for one, and its parent for the folder, without a word below crypt.
    """
    path = remote.path.rstrip("/")
    return f"{name}p:{path}/" if path or remote.path else f"{name}p:"


def store_fs(name: str, remote: RcloneRemote) -> str:
    """Return how rclone calls the place where our objects are."""
    return plain_fs(name, remote) if remote.crypt is None else f"{name}c:"


def parts_fs(name: str, remote: RcloneRemote) -> str:
    """Return how rclone calls the same place for reading small parts of objects."""
    return store_fs(f"{name}{_OF_PARTS}" if _PARTS.get(remote.backend) else name, remote)
