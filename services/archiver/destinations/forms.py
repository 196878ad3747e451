"""What a destination's form asks: rclone's back ends and their options, as rclone tells them."""

from __future__ import annotations

import re
from typing import Literal
from weakref import WeakKeyDictionary

import msgspec

from services.archiver.destinations.rclone_daemon import RcloneDaemon
from services.archiver.destinations.remotes import RcloneRemote, is_forbidden

#: They change or join other remotes, read only, or keep pictures only; ours is crypt alone, and we
#: put it on top.
_UNFIT = frozenset(
    {"alias", "archive", "cache", "chunker", "combine", "compress", "crypt", "doi", "hasher"}
    | {"google photos", "http", "memory", "tardigrade", "union"}
)
#: What rclone calls sensitive includes names of users and servers; these are what opens doors.
_OPENS_DOORS = re.compile(
    r"(.*_)?(key|keys|secret|token|pass|password|passphrase|credentials|mnemonic|grant|url"
    r"|connection_string|authorization|cookies|key_pem|key_base64)"
)
_PUBLIC = frozenset({"public_key", "url", "api_url"})
#: Hidden by rclone because a file is handier for it; a reference is what is handy here.
_SHOWN_ALL_THE_SAME = frozenset({"service_account_credentials"})
#: They ask for a code that is sent to somebody's phone, and keep what comes of it.
_ASK_FOR_CODES = frozenset({"iclouddrive"})
#: Every use of the token makes the next one, which nobody but rclone has.
_TOKENS_USED_UP = frozenset({"box", "jottacloud"})

Login = Literal["none", "token", "dialogue"]


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
    #: ``none``: its fields are enough. ``token``: somebody signs in with a browser elsewhere, and
    #: gives the token. ``dialogue``: it asks questions that no form can know.
    login: Login = "none"
    #: How to get the token, as sentences; empty where there is nothing to say.
    note: str = ""
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
            login=_login(provider),
            note=_note(provider),
            fields=tuple(
                _field(option)
                for option in provider.options or ()
                if (not option.hide or option.name in _SHOWN_ALL_THE_SAME)
                and not is_forbidden(option.name)
            ),
        )
        for provider in found
        if provider.name not in _UNFIT
    }


def _login(provider: _Provider) -> Login:
    options = {option.name: option for option in provider.options or ()}
    if provider.name in _ASK_FOR_CODES:
        return "dialogue"
    # With a user and a password that must be given, rclone gets the token by itself.
    if {"token", "auth_url"} <= set(options) and not any(one.required for one in options.values()):
        return "token"
    return "none"


def _note(provider: _Provider) -> str:
    match _login(provider):
        case "dialogue":
            return "It asks for codes while it is set up, which is not supported here."
        case "none":
            return ""
    by = f'`rclone authorize "{provider.name}"` prints it'
    if provider.name == "jottacloud":
        by = "`rclone config`, and then `rclone config show`, prints it"
    said = [
        f"It needs a token: on a machine with a browser, {by}.",
        "Keep that JSON, with its braces, as a secret, and give a reference to it as `token`.",
    ]
    names = {option.name for option in provider.options or ()}
    if names & _SHOWN_ALL_THE_SAME:
        said.append("A service account needs no browser: give service_account_credentials instead.")
    if provider.name == "onedrive":
        said.append("It also needs drive_id and drive_type, which `rclone config show` tells.")
    if provider.name in _TOKENS_USED_UP:
        said.append("Its tokens are used up: after Keepsake is restarted, a new one may be needed.")
    return " ".join(said)


def problems(remote: RcloneRemote, backends: dict[str, Backend]) -> list[str]:
    """Return what is wrong with the settings of a destination, as sentences."""
    backend = backends.get(remote.backend)
    if backend is None:
        return ["rclone has no such back end, or none that can be a destination."]
    found = _problems_of_options(remote, backend)
    if backend.login == "dialogue" or (backend.login == "token" and not _has_token(remote)):
        found.append(backend.note)
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


def _problems_of_options(remote: RcloneRemote, backend: Backend) -> list[str]:
    found = []
    known = {field.name: field for field in backend.fields}
    for name in (*remote.options, *remote.secrets):
        if name not in known:
            found.append(f"{backend.name} has no option of the name {name[:40]!r}, or none to set.")
        elif name in remote.options and known[name].is_secret:
            found.append(f"The option {name} is a secret: give a reference to it.")
    for field in backend.fields:
        given: object = remote.secrets.get(field.name) or remote.options.get(field.name)
        if field.is_required and not field.default and not given and not field.provider:
            found.append(f"The option {field.name} is missing.")
    return found


def warnings(remote: RcloneRemote) -> list[str]:
    """Return what works and may not be wanted, as sentences."""
    found = []
    if remote.backend == "sftp" and not remote.options.get("known_hosts_file"):
        found.append("Without known_hosts_file nobody checks that the server is the right one.")
    if remote.crypt is None and remote.backend != "local":
        found.append("Nothing is encrypted: whoever keeps the destination can read the archives.")
    return found


def _has_token(remote: RcloneRemote) -> bool:
    given = {*remote.options, *remote.secrets}
    # What is there beside tokens: service accounts, and programs that sign in for themselves.
    return bool(
        given & {"token", "access_token", "service_account_credentials", "service_account_file"}
        | given & {"client_credentials", "env_auth", "box_config_file", "anonymous", "password"}
    )


def _field(option: _Option) -> Field:
    return Field(
        name=option.name,
        help=option.help,
        type=option.type,
        is_required=option.required,
        is_password=option.is_password,
        is_secret=option.is_password or (option.sensitive and _opens_doors(option.name)),
        is_advanced=option.advanced,
        default=option.default_str,
        is_choice=option.exclusive,
        examples=tuple(
            Example(value=one.value, help=one.help, provider=one.provider)
            for one in option.examples or ()
        ),
        provider=option.provider,
    )


def _opens_doors(name: str) -> bool:
    return name not in _PUBLIC and _OPENS_DOORS.fullmatch(name) is not None
