"""What the archiver is asked while a destination is set up: forms, trials, passwords, the sheet."""

from __future__ import annotations

from typing import ClassVar, Literal

import msgspec

from shared.contracts.archiver import (
    CryptConfig,
    DestinationConfig,
    DestinationId,
    DestinationType,
    StoreCheck,
)
from shared.contracts.requests import Page, Request

Login = Literal["none", "token", "dialogue"]
SheetFormat = Literal["html", "text"]


class BackendSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A sort of destination that rclone reaches."""

    name: str
    description: str
    #: ``none``: its fields are enough. ``token``: somebody signs in with a browser on another
    #: machine, and gives a reference to the token. ``dialogue``: it cannot be set up here.
    login: Login
    #: How to get the token; empty where there is nothing to say.
    note: str


class BackendExample(msgspec.Struct, frozen=True, kw_only=True):
    """A value that an option may have, and what it means."""

    value: str
    help: str
    #: Only for these values of the option ``provider``, with commas between; with ! for all others.
    provider: str


class BackendField(msgspec.Struct, frozen=True, kw_only=True):
    """An option of a back end, as a form asks for it."""

    name: str
    help: str
    #: rclone's words: ``string``, ``bool``, ``int``, ``SizeSuffix``, ``Duration`` …
    type: str
    required: bool
    #: Goes into ``secret_options``, as a reference.
    secret: bool
    advanced: bool
    default: str
    #: Whether one of the examples is the only thing to take.
    choice: bool
    examples: list[BackendExample]
    #: As in examples; empty: always.
    provider: str


class Backend(msgspec.Struct, frozen=True, kw_only=True):
    """A sort of destination with its form, required fields first and advanced ones last."""

    name: str
    description: str
    login: Login
    note: str
    fields: list[BackendField]


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """What came of trying a destination. Nothing of it is kept, there or here."""

    #: Whether setting it up would do.
    good: bool
    #: Whether a store lies there already, which would be taken over.
    holds_store: bool
    items: list[StoreCheck]


class MadePassword(msgspec.Struct, frozen=True, kw_only=True):
    """Where a password was put that nobody has seen."""

    reference: str


class Sheet(msgspec.Struct, frozen=True, kw_only=True):
    """A recovery sheet. It may hold passwords: it is sent to whoever asked, and kept nowhere."""

    #: Of a file, without a folder.
    name: str
    media_type: str
    content: str

    def __repr__(self) -> str:
        return f"Sheet({self.media_type})"


class ListBackends(Request[Page[BackendSummary]], frozen=True, kw_only=True):
    """What rclone reaches, by name."""

    subject: ClassVar[str] = "cmd.archiver.list_backends"
    reply: ClassVar[object] = Page[BackendSummary]


class GetBackend(Request[Backend], frozen=True, kw_only=True):
    """One back end with its form."""

    subject: ClassVar[str] = "cmd.archiver.get_backend"
    reply: ClassVar[object] = Backend
    name: str


class TryDestination(Request[Trial], frozen=True, kw_only=True):
    """Go through all steps of a set-up, and leave everything as it was."""

    subject: ClassVar[str] = "cmd.archiver.try_destination"
    reply: ClassVar[object] = Trial
    type: DestinationType
    config: DestinationConfig
    crypt: CryptConfig | None = None


class MakePassword(Request[MadePassword], frozen=True, kw_only=True):
    """Make a password of 32 characters, and put it where a reference finds it."""

    subject: ClassVar[str] = "cmd.archiver.make_password"
    reply: ClassVar[object] = MadePassword
    place: Literal["file", "one_password"]
    #: Of a file that does not exist yet.
    path: str | None = None
    #: Name or id of a vault of 1Password, and what the new item is called.
    vault: str | None = None
    title: str | None = None


class GetSheet(Request[Sheet], frozen=True, kw_only=True):
    """The recovery sheet of a destination."""

    subject: ClassVar[str] = "cmd.archiver.get_sheet"
    reply: ClassVar[object] = Sheet
    destination_id: DestinationId
    format: SheetFormat
    #: Without them the sheet saves nobody, and does not count as downloaded.
    with_passwords: bool
