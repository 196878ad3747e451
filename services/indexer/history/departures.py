"""What a payload says that bears on the end of its thing, kind by kind; and which files went.

Pure code, called by ``storage_reasons``. Only fields that matter are decoded.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from services.indexer.history.reasons import Traits
from services.indexer.kinds.backup_files import BLOB_MISSING, LIST_UNKNOWN
from services.indexer.staging import StagedAttachment

#: Where a kind's payload names the app or account that holds a thing.
HOLDERS: dict[str, tuple[str, ...]] = {
    "calendar_event": ("calendar", "account"),
    "contact": ("store",),
    "interaction": ("app",),
    "note": ("account",),
    "reminder": ("list", "account"),
    "web_visit": ("app",),
    "whatsapp": ("service",),
}

#: Why a file is not present that may well be on the phone.
_SAYS_NOTHING = frozenset({BLOB_MISSING, LIST_UNKNOWN})


class _Message(msgspec.Struct):
    deleted_at: dt.datetime | None = None
    flags: list[str] = []


class _Trashable(msgspec.Struct):
    """A photo, a voicemail, a voice memo."""

    is_trashed: bool = False
    trashed_at: dt.datetime | None = None
    is_deleted: bool = False
    expires_at: dt.datetime | None = None
    is_in_icloud: bool = False
    has_original: bool | None = None


class _Holder(msgspec.Struct):
    account: str | None = None


class _Held(msgspec.Struct):
    """Notes, reminders, events, cards, visits: each has some of these."""

    account: str | None = None
    list: _Holder | None = None
    calendar: _Holder | None = None
    store: str | None = None
    app: str | None = None
    service: str | None = None
    deletion: str | None = None
    is_deleted: bool = False
    url: str | None = None


_message = msgspec.json.Decoder(_Message).decode
_trashable = msgspec.json.Decoder(_Trashable).decode
_held = msgspec.json.Decoder(_Held).decode


def _of_message(payload: str) -> Traits:
    found = _message(payload)
    return Traits(
        in_trash=found.deleted_at is not None,
        trashed_at=found.deleted_at,
        is_passing_sound="audio" in found.flags and "kept" not in found.flags,
    )


def _of_trashable(payload: str) -> Traits:
    found = _trashable(payload)
    return Traits(
        in_trash=found.is_trashed or found.is_deleted,
        trashed_at=found.trashed_at,
        expires_at=found.expires_at,
        is_only_in_icloud=found.is_in_icloud and found.has_original is False,
    )


def _of_held(kind: str) -> Callable[[str], Traits]:
    path = HOLDERS[kind]

    def traits(payload: str) -> Traits:
        found = _held(payload)
        value: Any = found
        for name in path:
            value = None if value is None else getattr(value, name)
        return Traits(
            # What is marked to go is on its way out as well.
            in_trash=kind in ("note", "reminder")
            and (found.deletion is not None or found.is_deleted),
            holder=value,
            url=found.url,
        )

    return traits


_READERS: dict[str, Callable[[str], Traits]] = {
    "message": _of_message,
    "photo": _of_trashable,
    "voicemail": _of_trashable,
    "voice_memo": _of_trashable,
    **{kind: _of_held(kind) for kind in HOLDERS},
}


def traits_of(kind: str, payload: str) -> Traits:
    """Return what a payload says; nothing for kinds of which nothing is known."""
    reader = _READERS.get(kind)
    if reader is None:
        return Traits()
    try:
        return reader(payload)
    except msgspec.MsgspecError:  # another version of the parser wrote it
        return Traits()


def went_away(before: Sequence[StagedAttachment], after: Sequence[StagedAttachment]) -> list[int]:
    """Return the numbers of files that were in the backup before and are only named after.

    A file that the backup after it lists is on the phone, even where its blob is missing.
    """
    named = [file for file in after if not file.present and file.reason not in _SAYS_NOTHING]
    there = {_place(file) for file in after if file.present}
    paths = {_place(file) for file in named if file.relative_path is not None}
    names = {file.name for file in named if file.relative_path is None}
    return [
        n
        for n, file in enumerate(before)
        if file.present
        and _place(file) not in there
        and (_place(file) in paths or file.name in names)
    ]


def _place(file: StagedAttachment) -> tuple[str | None, str | None]:
    return (file.domain, file.relative_path)
