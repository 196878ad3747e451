"""Attachments of reminders, which lie below the account's folder under the digest of what they are.

``Container_v1/Files/Account-<id>/Attachments/<SHA-512>.jpeg``; rows from before know no digest.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from services.indexer.kinds.backup_files import NOT_DOWNLOADED, BackupFiles, media_type_of
from services.indexer.kinds.protocol import ParserInputs
from services.indexer.kinds.records import Record
from services.indexer.kinds.reminder.payload import FileInfo
from services.indexer.kinds.values import int_of, text_of, uuid_of
from services.indexer.staging import StagedAttachment

#: Files of reminders that are looked at; more are no phone's.
_MOST_FILES = 200_000
_MOST = 100
_LONGEST = 4000
_LARGEST_SIDE = 1_000_000
_MOST_BYTES = 2**50
_SUFFIXES = {
    "public.jpeg": ".jpg", "public.png": ".png", "public.heic": ".heic", "public.heif": ".heif",
    "com.adobe.pdf": ".pdf", "public.mpeg-4-audio": ".m4a", "com.apple.m4a-audio": ".m4a",
    "com.compuserve.gif": ".gif", "public.tiff": ".tiff",
}  # fmt: skip


class ReminderFiles:
    """The files that the backup holds, by what their names begin with."""

    def __init__(self, inputs: ParserInputs) -> None:
        """Read the listing once."""
        self._files = BackupFiles(inputs)
        self.is_known = self._files.is_known
        self._places: dict[str, tuple[str, str]] = {}
        for file in inputs.listed():
            if len(self._places) < _MOST_FILES:
                stem = PurePosixPath(file.relative_path).stem.lower()
                self._places.setdefault(stem, (file.domain, file.relative_path))

    def gather(
        self, rows: Sequence[Record]
    ) -> tuple[list[StagedAttachment], tuple[FileInfo, ...], tuple[str, ...]]:
        """Return the files of a reminder, what they are, and the addresses among them."""
        found: list[StagedAttachment] = []
        about: list[FileInfo] = []
        urls: list[str] = []
        for row in rows[:_MOST]:
            url, name = text_of(row["ZURL"]), text_of(row["ZFILENAME"])
            if url is not None and name is None:
                urls.append(url[:_LONGEST])
                continue
            uti = text_of(row["ZUTI"])
            digest = text_of(row["ZSHA512SUM"])
            if name is None and uti is None and digest is None:
                continue
            size = int_of(row["ZFILESIZE"])
            domain, path = self._find(digest, uuid_of(row["ZIDENTIFIER"]))
            about.append(
                FileInfo(
                    n=len(found),
                    uti=None if uti is None else uti[:_LONGEST],
                    width=_side(row["ZWIDTH"]),
                    height=_side(row["ZHEIGHT"]),
                )
            )
            found.append(
                self._files.find(
                    domain,
                    path,
                    name=None if name is None else name[:_LONGEST],
                    media_type=media_type_of(name or "")
                    or media_type_of(_SUFFIXES.get(uti or "", "")),
                    size_bytes=size if size is not None and 0 < size < _MOST_BYTES else None,
                    reason=NOT_DOWNLOADED,
                )
            )
        return found, tuple(about), tuple(dict.fromkeys(urls))

    def _find(self, *stems: str | None) -> tuple[str, str | None]:
        for stem in stems:
            if stem is not None and (place := self._places.get(stem.lower())) is not None:
                return place
        return "", None


def _side(value: object) -> int | None:
    side = int_of(value)
    return side if side is not None and 0 < side <= _LARGEST_SIDE else None
