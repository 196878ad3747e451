"""The payload of a note. Only fields that say something are there, but for ``content``."""

from __future__ import annotations

import datetime as dt
from typing import Literal

import msgspec

#: ``empty``: nothing was written, or the phone had not fetched it from iCloud; ``unreadable``: it
#: is damaged, or in a form that nobody knows.
Content = Literal["text", "empty", "locked", "unreadable"]
#: ``recently_deleted``: in the folder of that name, to be restored; ``marked``: on its way out.
Deletion = Literal["recently_deleted", "marked"]
#: Who may open it: whoever knows the password of notes, or the code of the phone.
Lock = Literal["password", "device_passcode"]
FileRole = Literal["original", "drawing", "document", "preview"]


class PartFile(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The attachment *n* of the artifact, and what it is to the part.

    What was put there, the picture or document that the phone made of it, or a small picture.
    """

    n: int
    role: FileRole


class Part(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What stands in a note beside text: HTML and Markdown name it by its place in the list.

    ``table``, ``gallery``, ``drawing``, ``scan``, ``image``, ``video``, ``audio``, ``pdf``,
    ``contact``, ``event``, ``place``, ``link`` or ``file``.
    """

    kind: str
    #: The phone's own type (``public.jpeg``).
    uti: str | None = None
    title: str | None = None
    #: What the phone read in a picture, a drawing or a scan, and the summary of a link.
    text: str | None = None
    url: str | None = None
    #: The place of the gallery or document that this is a page of.
    parent: int | None = None
    files: tuple[PartFile, ...] = ()
    size_bytes: int | None = None
    duration_seconds: float | None = None
    width: int | None = None
    height: int | None = None
    rows: int | None = None
    columns: int | None = None
    created_at: dt.datetime | None = None
    #: It has a place in the note no more.
    is_loose: bool = False


class Mention(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Somebody who was called by name in a shared note."""

    text: str
    handle: str | None = None


class Participant(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Somebody with whom a note is shared.

    ``raw`` are role, answer and permission as numbers, where one of them is unknown.
    """

    name: str | None = None
    handle: str | None = None
    role: Literal["owner", "participant", "public"] | None = None
    answer: Literal["pending", "accepted", "removed"] | None = None
    may_write: bool = False
    is_me: bool = False
    raw: tuple[int, ...] = ()


class NotePayload(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The struct of the kind ``note``. Its plain text is the artifact's."""

    content: Content
    #: Safe for any page: see ``as_html``. Both are null when there is no text.
    html: str | None = None
    markdown: str | None = None
    #: The first words behind the title.
    snippet: str | None = None
    #: The note is longer than what HTML and Markdown show of it.
    is_cut: bool = False

    account: str | None = None
    #: ``icloud``, ``local``, or the phone's number for it.
    account_type: str | None = None
    folder: str | None = None
    #: Names of the folders that this folder lies in, the outermost first.
    folders: tuple[str, ...] = ()

    created_at: dt.datetime | None = None
    modified_at: dt.datetime | None = None
    is_pinned: bool = False
    is_quick_note: bool = False
    deletion: Deletion | None = None
    lock: Lock | None = None

    items: int = 0
    items_done: int = 0
    tags: tuple[str, ...] = ()
    mentions: tuple[Mention, ...] = ()
    links: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()

    is_shared: bool = False
    #: It belongs to somebody else.
    is_of_others: bool = False
    participants: tuple[Participant, ...] = ()
