"""The payload of a voice memo. Only fields that say something are there, but for ``type``."""

from __future__ import annotations

import datetime as dt
from typing import Literal

import msgspec

#: A recording of the list, or one of which there is only the file.
Type = Literal["recording", "file_alone"]
#: What was recorded; or a part of it from before it was edited.
Role = Literal["recording", "part"]


class FileInfo(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the attachment *n* of the artifact is."""

    n: int
    role: Role


class Folder(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The folder it is in. Its key is that of the thread."""

    key: str
    title: str | None = None


class VoiceMemoPayload(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The struct of the kind ``voice_memo``."""

    type: Type
    recorded_at: dt.datetime | None = None
    duration_seconds: float | None = None
    title: str | None = None
    folder: Folder | None = None
    files: tuple[FileInfo, ...] = ()
    #: Name of the recording's file on the phone.
    file_name: str | None = None

    #: Among those recently deleted, since then.
    is_trashed: bool = False
    trashed_at: dt.datetime | None = None
    is_favourite: bool = False
    #: Its sound was improved by the phone.
    is_enhanced: bool = False
    #: Whether there are parts from before it was edited.
    is_edited: bool = False
    #: Several layers in one file.
    has_layers: bool = False
    #: Whether the phone has written a transcript into the file.
    has_transcript: bool = False
    #: Recorded on a watch; in the app for music memos.
    is_from_watch: bool = False
    is_music_memo: bool = False
    #: Whether somebody gave it its title; otherwise it is a place or a number.
    is_renamed: bool = False
    #: Numbers as the phone keeps them: ``flags``, ``shared_flags``, ``label_preset``.
    raw: dict[str, int] = {}
