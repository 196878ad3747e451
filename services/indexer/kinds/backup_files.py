"""Which files a backup holds, for kinds whose artifacts have files of their own.

A kind that names folders in ``listings`` finds here where a file lies, how long it is, and why it
is not there. Nothing is guessed: a path is in the list or it is not.
"""

from __future__ import annotations

import mimetypes
from functools import lru_cache
from hashlib import sha1
from pathlib import PurePosixPath

from services.indexer.kinds.protocol import ParserInputs
from services.indexer.staging import StagedAttachment

NOT_DOWNLOADED = "Not in this backup: the phone had not downloaded it."
NOT_IN_BACKUP = "Not in this backup: it is in iCloud only, or was removed from the phone."
BLOB_MISSING = "Missing: the backup lists it, but its content is not on disk."
LIST_UNKNOWN = "Unknown: the backup's file list was not at hand."

_MEDIA_TYPES = {
    ".aac": "audio/aac",
    ".aae": "application/xml",
    ".amr": "audio/amr",
    ".caf": "audio/x-caf",
    ".dng": "image/x-adobe-dng",
    ".heic": "image/heic",
    ".heics": "image/heic-sequence",
    ".heif": "image/heif",
    ".m4a": "audio/mp4",
    ".mov": "video/quicktime",
    ".opus": "audio/ogg",
    ".pkpass": "application/vnd.apple.pkpass",
    ".qta": "audio/mp4",
    ".vcf": "text/vcard",
    ".webp": "image/webp",
}


#: Endings of names that are told apart; a forged list may have more.
_MOST_ENDINGS = 10_000


def file_id_of(domain: str, path: str) -> str:
    """Return the name of a file's blob in the backup."""
    return sha1(f"{domain}-{path}".encode("utf-8", "replace"), usedforsecurity=False).hexdigest()


def media_type_of(path: str) -> str | None:
    """Return the media type that a name's ending stands for."""
    return _type_of_suffix(suffix_of(name_of(path)).lower())


@lru_cache(maxsize=1000)
def _type_of_suffix(suffix: str) -> str | None:
    return _MEDIA_TYPES.get(suffix) or mimetypes.guess_type(f"x{suffix}", strict=False)[0]


def name_of(path: str) -> str:
    """Return what ``PurePosixPath`` calls the name of *path*, for a tenth of the time."""
    name = path.rpartition("/")[2]
    return PurePosixPath(path).name if name in {"", "."} else name


def suffix_of(name: str) -> str:
    """Return what ``PurePosixPath`` calls the suffix of a name."""
    dot = name.rfind(".")
    return name[dot:] if 0 < dot < len(name) - 1 else ""


def _number(file_id: str) -> int:
    return int(file_id[:15], 16)


def _ending(path: str) -> str:
    return path.rpartition(".")[2] if "." in path else ""


class BackupFiles:
    """The files under the kind's listings, by file id; small per file."""

    def __init__(self, inputs: ParserInputs) -> None:
        """Read the listing once."""
        #: Whether the backup's list of files is at hand at all.
        self.is_known = inputs.has_listing
        # 60 bits of a SHA-1 tell a million files apart; the value is the size, or -1 for absent.
        self._sizes: dict[int, int] = {}
        # Parsers look in every place where a file may be, and most are of a sort that no file is.
        self._endings: set[str] = set()
        for file in inputs.listed():
            try:
                number = _number(file.file_id)
            except ValueError:
                continue
            self._sizes[number] = (file.size_bytes or 0) if file.present is not False else -1
            if len(self._endings) < _MOST_ENDINGS:
                self._endings.add(_ending(file.relative_path))

    def __len__(self) -> int:
        return len(self._sizes)

    def size(self, domain: str, path: str) -> int | None:
        """Return a file's length in bytes, -1 when its content is not on disk, None: not listed."""
        if _ending(path) not in self._endings and len(self._endings) < _MOST_ENDINGS:
            return None
        name = f"{domain}-{path}".encode("utf-8", "replace")
        digest = sha1(name, usedforsecurity=False).digest()
        return self._sizes.get(int.from_bytes(digest[:8], "big") >> 4)

    def find(
        self,
        domain: str,
        path: str | None,
        *,
        name: str | None = None,
        media_type: str | None = None,
        size_bytes: int | None = None,
        reason: str = NOT_IN_BACKUP,
    ) -> StagedAttachment:
        """Return the attachment that lies at *path*, or with the reason why it is not there.

        *size_bytes* is what the phone's database says; *reason* is said of a path that the backup
        does not list. No path: the phone has no file.
        """
        if path is None:
            return StagedAttachment(
                name=name or None,
                media_type=media_type or None,
                size_bytes=size_bytes,
                domain=None,
                relative_path=None,
                file_id=None,
                present=False,
                reason=NOT_DOWNLOADED,
            )
        file_id = file_id_of(domain, path)
        size = self._sizes.get(_number(file_id))
        if size is None:
            why: str | None = reason if self.is_known else LIST_UNKNOWN
        else:
            why = BLOB_MISSING if size < 0 else None
        return StagedAttachment(
            name=name or name_of(path) or None,
            media_type=media_type or media_type_of(path),
            size_bytes=size_bytes if size is None or size < 0 else size,
            domain=domain,
            relative_path=path,
            file_id=file_id,
            present=why is None,
            reason=why,
        )
