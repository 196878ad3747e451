"""What a destination's form asks: rclone's back ends and their options, as rclone tells them."""

from __future__ import annotations

from weakref import WeakKeyDictionary

import msgspec

from services.archiver.destinations.rclone_daemon import RcloneDaemon
from services.archiver.destinations.remotes import RcloneRemote, is_forbidden

#: They change or join other remotes, or read only; ours is crypt alone, and we put it on top.
_WRAPPERS = frozenset(
    {"alias", "archive", "cache", "chunker", "combine", "compress", "crypt", "doi", "hasher"}
    | {"http", "memory", "union"}
)


class Example(msgspec.Struct, frozen=True, kw_only=True):
    """A value that an option may have, and what it means."""

    value: str
    help: str = ""
    #: Only for these providers (of the back end ``s3``), comma-separated; with ! for all others.
    provider: str = ""


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """An option of a back end."""

    name: str
    help: str
    #: ``string``, ``bool``, ``int``, ``SizeSuffix``, ``Duration`` …: rclone's words.
    type: str
    is_required: bool
    #: rclone obscures it.
    is_password: bool
    #: A password, or something else that must be given as a reference.
    is_secret: bool
    is_advanced: bool
    default: str
    #: Whether one of the examples is the only thing to take.
    is_choice: bool
    examples: tuple[Example, ...] = ()
    provider: str = ""


class Backend(msgspec.Struct, frozen=True, kw_only=True):
    """A sort of destination."""

    name: str
    description: str
    fields: tuple[Field, ...]


class _Example(msgspec.Struct, rename="pascal"):
    value: str
    help: str = ""
    provider: str = ""


class _Option(msgspec.Struct, rename="pascal"):
    name: str
    help: str = ""
    type: str = "string"
    required: bool = False
    is_password: bool = False
    sensitive: bool = False
    advanced: bool = False
    exclusive: bool = False
    hide: int = 0
    default_str: str = ""
    examples: list[_Example] | None = None
    provider: str = ""


class _Provider(msgspec.Struct, rename="pascal"):
    name: str
    description: str = ""
    options: list[_Option] | None = None


class _Providers(msgspec.Struct):
    providers: list[_Provider]


_KNOWN: WeakKeyDictionary[RcloneDaemon, dict[str, Backend]] = WeakKeyDictionary()


def read_backends(daemon: RcloneDaemon) -> dict[str, Backend]:
    """Return the back ends that a destination can have, by name. Raises ``TransportError``."""
    known = _KNOWN.get(daemon)
    if known is None:
        # Two megabytes that never change.
        found = daemon.call_as("config/providers", {}, _Providers).providers
        known = _KNOWN[daemon] = _backends(found)
    return known


def _backends(found: list[_Provider]) -> dict[str, Backend]:
    return {
        provider.name: Backend(
            name=provider.name,
            description=provider.description,
            fields=tuple(
                _field(option)
                for option in provider.options or ()
                if not option.hide and not is_forbidden(option.name)
            ),
        )
        for provider in found
        if provider.name not in _WRAPPERS
    }


def problems(remote: RcloneRemote, backends: dict[str, Backend]) -> list[str]:
    """Return what is wrong with the settings of a destination, as sentences."""
    backend = backends.get(remote.backend)
    if backend is None:
        return ["rclone has no such back end, or none that can be a destination."]
    found = []
    known = {field.name: field for field in backend.fields}
    for name in (*remote.options, *remote.secrets):
        if name not in known:
            found.append(f"{backend.name} has no option of the name {name[:40]!r}, or none to set.")
        elif name in remote.options and known[name].is_secret and known[name].is_password:
            found.append(f"The option {name} is a password: give a reference to it.")
    for field in backend.fields:
        given: object = remote.secrets.get(field.name) or remote.options.get(field.name)
        if field.is_required and not field.default and not given and not field.provider:
            found.append(f"The option {field.name} is missing.")
    if remote.backend == "local" and not remote.path.startswith("/"):
        found.append("The path of a folder begins with a slash.")
    if ".." in remote.path.split("/"):
        found.append("The path must not hold '..'.")
    found.extend(
        "A password of the encryption is empty."
        for password in (remote.crypt and (remote.crypt.password, remote.crypt.password2)) or ()
        if password is not None and not password.reveal()
    )
    return found


def warnings(remote: RcloneRemote) -> list[str]:
    """Return what works and may not be wanted, as sentences."""
    found = []
    if remote.backend == "sftp" and not remote.options.get("known_hosts_file"):
        found.append("Without known_hosts_file nobody checks that the server is the right one.")
    if remote.crypt is None and remote.backend != "local":
        found.append("Nothing is encrypted: whoever keeps the destination can read the archives.")
    return found


def _field(option: _Option) -> Field:
    return Field(
        name=option.name,
        help=option.help,
        type=option.type,
        is_required=option.required,
        is_password=option.is_password,
        is_secret=option.is_password or option.sensitive,
        is_advanced=option.advanced,
        default=option.default_str,
        is_choice=option.exclusive,
        examples=tuple(
            Example(value=one.value, help=one.help, provider=one.provider)
            for one in option.examples or ()
        ),
        provider=option.provider,
    )
