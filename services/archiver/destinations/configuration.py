"""The configuration of an rclone that does one thing and ends: text that is read from a pipe.

It holds secrets in the clear, or obscured, which is no better. So it is written to a pipe that only
that process has, is gone when it was read, and is never a file, an argument or a variable.
"""

from __future__ import annotations

import msgspec

from services.archiver.destinations.forms import read_backends
from services.archiver.destinations.rclone_daemon import RcloneDaemon
from services.archiver.destinations.remotes import Entry, RcloneRemote, entries, store_fs
from services.archiver.errors import DestinationRefusedError
from shared.credentials import Secret

#: What the source and the destination are called in arguments, which hold no path of either.
SOURCE = "source"
_NAME = "mirror"
#: No pipe takes less.
_MOST_BYTES = 60_000
_CRYPT_PASSWORDS = frozenset({"password", "password2"})


class _Obscured(msgspec.Struct):
    obscured: str


def target_fs(remote: RcloneRemote) -> str:
    """Return how that rclone calls the place where files go; names of folders follow it."""
    return store_fs(_NAME, remote)


def configuration(daemon: RcloneDaemon, remote: RcloneRemote, source: str) -> Secret:
    """Return what makes *remote* and the folder *source* known to another rclone.

    *daemon* is asked how passwords are obscured. Raises ``TransportError``, and
    ``DestinationRefusedError`` for values that a configuration cannot hold.
    """
    made = [
        Entry(name=SOURCE, type="alias", parameters={"remote": source}),
        *(_obscured(daemon, entry) for entry in entries(_NAME, remote)),
    ]
    text = "".join(
        f"[{entry.name}]\ntype = {entry.type}\n"
        + "".join(f"{name} = {_value(value)}\n" for name, value in entry.parameters.items())
        for entry in made
    )
    if len(text.encode()) > _MOST_BYTES:
        raise DestinationRefusedError("The destination has more options than can be told.")
    return Secret(text)


def _obscured(daemon: RcloneDaemon, entry: Entry) -> Entry:
    if entry.type == "crypt":
        passwords = _CRYPT_PASSWORDS
    else:
        backend = read_backends(daemon).get(entry.type)
        fields = () if backend is None else backend.fields
        passwords = frozenset(field.name for field in fields if field.is_password)
    parameters = {
        name: daemon.call_as("core/obscure", {"clear": value}, _Obscured).obscured
        if name in passwords
        else value
        for name, value in entry.parameters.items()
    }
    return Entry(name=entry.name, type=entry.type, parameters=parameters)


def _value(value: str) -> str:
    """Return a value as it stands in a configuration; what that cannot hold is refused."""
    needs_quotes = value != value.strip() or value.startswith(("`", '"'))
    if any(sign in value for sign in ("\n", "\r", "\0", "%(")) or (needs_quotes and "`" in value):
        raise DestinationRefusedError("An option holds what cannot be told to rclone for a mirror.")
    return f"`{value}`" if needs_quotes else value
