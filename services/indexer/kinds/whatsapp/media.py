"""From a row of ZWAMEDIAITEM to files of the backup, places and contact cards."""

from __future__ import annotations

import base64
import binascii
from pathlib import PurePosixPath
from typing import NamedTuple

from services.indexer.kinds.backup_files import BackupFiles
from services.indexer.kinds.values import coordinates_of, float_of, int_of
from services.indexer.kinds.whatsapp.jids import word
from services.indexer.kinds.whatsapp.payload import AttachmentInfo, Place
from services.indexer.kinds.whatsapp.places import App
from services.indexer.kinds.whatsapp.store import MediaRow
from services.indexer.kinds.whatsapp.vocabulary import DELETED, WITH_FILE, WITH_PIXELS
from services.indexer.staging import StagedAttachment

_DOCUMENT, _STICKER = 8, 15
#: Longer paths are forged; a real one has some 120 characters.
_LONGEST_PATH = 1000
_LARGEST_PIXELS = 100_000


class Attached(NamedTuple):
    """Files of a message, what is known about them, and how many the backup lacks."""

    attachments: tuple[StagedAttachment, ...] = ()
    infos: tuple[AttachmentInfo, ...] = ()
    has_own: bool = False
    missing: int = 0


NOTHING = Attached()


class Media:
    """Looks files up in the folders in which an app keeps its media."""

    def __init__(self, app: App, files: BackupFiles) -> None:
        """Look in *files*."""
        self._app = app
        self._files = files

    def attach(self, row: MediaRow | None, form: int | None) -> Attached:
        """Return the files of a message of type *form*: its own first, then its preview."""
        if form == DELETED:
            return NOTHING
        path = None if row is None else _path(row.path)
        found: list[StagedAttachment] = []
        infos: list[AttachmentInfo] = []
        missing = 0
        has_own = path is not None or (form in WITH_FILE)
        if has_own:
            own = self._own(row, path, form)
            missing += not own.present
            found.append(own)
            infos.append(_info(row, form))
        preview = None if row is None else _path(row.thumbnail)
        if preview is not None:
            shown = self.find(preview, name=None, media_type="image/jpeg")
            # A preview that is not there says nothing that the message does not.
            if shown.present:
                infos.append(AttachmentInfo(n=len(found), role="preview"))
                found.append(shown)
        return Attached(tuple(found), tuple(infos), has_own, missing)

    def _own(self, row: MediaRow | None, path: str | None, form: int | None) -> StagedAttachment:
        kind = None if row is None else word(row.vcard)
        size = None if row is None else int_of(row.size)
        return self.find(
            path,
            name=word(row.title) if row is not None and form == _DOCUMENT else None,
            # Of a contact card the same column holds the card.
            media_type=kind if kind and "/" in kind and len(kind) < 100 else None,
            size_bytes=size if size is not None and size > 0 else None,
        )

    def find(
        self,
        path: str | None,
        *,
        name: str | None = None,
        media_type: str | None = None,
        size_bytes: int | None = None,
    ) -> StagedAttachment:
        """Return the file at a path of the store, with the reason when it is not there."""
        places = self._places(path)
        for domain, place in places:
            if self._files.size(domain, place) is not None:
                break
        else:
            domain, place = places[0] if places else (self._app.domain, None)  # type: ignore[assignment]
        return self._files.find(
            domain, place, name=name, media_type=media_type, size_bytes=size_bytes
        )

    def _places(self, path: str | None) -> list[tuple[str, str]]:
        """Return where a path of the store may lie: it begins with ``Media/``, or below it."""
        if path is None:
            return []
        found = []
        for domain, folder in self._app.media:
            # "Message/" + "Media/x", "Media/" itself, "Library/Media/" for "Media/x".
            head = folder.removesuffix("Media/")
            if folder == "Media/" and not path.startswith("Media/"):
                continue
            found.append((domain, f"{head}{path}"))
        return found


def _path(value: object) -> str | None:
    """Return a path as the newest stores write it: ``Media/<chat>/…``."""
    path = word(value)
    if path is None or len(path) > _LONGEST_PATH:
        return None
    return path.lstrip("/").removeprefix("Message/") or None


def _info(row: MediaRow | None, form: int | None) -> AttachmentInfo:
    width = height = duration = digest = None
    if row is not None:
        if form in WITH_PIXELS:
            width, height = _pixels(row.latitude), _pixels(row.longitude)
        seconds = int_of(row.duration)
        duration = seconds if seconds is not None and 0 < seconds < 2**31 else None
        digest = _digest(row.vcard_name)
    return AttachmentInfo(
        n=0,
        is_sticker=form == _STICKER,
        width=width,
        height=height,
        duration_seconds=duration,
        sha256=digest,
    )


def _pixels(value: object) -> int | None:
    pixels = int_of(value)
    return pixels if pixels is not None and 0 < pixels <= _LARGEST_PIXELS else None


def _digest(value: object) -> str | None:
    """Return the digest that stands in base64 where other messages have a name."""
    said = word(value)
    if said is None or len(said) != 44:
        return None
    try:
        return base64.b64decode(said, validate=True).hex()
    except (binascii.Error, ValueError):
        return None


def read_place(row: MediaRow) -> Place | None:
    """Return the place that was shared; only of locations, elsewhere the columns hold pixels."""
    degrees = coordinates_of(row.latitude, row.longitude)
    if degrees is None:
        return None
    accuracy = float_of(row.accuracy)
    return Place(
        latitude=degrees[0],
        longitude=degrees[1],
        name=word(row.title),
        address=word(row.vcard_name),
        accuracy_meters=accuracy if accuracy is not None and accuracy > 0 else None,
    )


def file_name(attachment: StagedAttachment) -> str | None:
    """Return a document's name for the search: the app's own names are random."""
    path = attachment.relative_path
    if attachment.name is None or (path and PurePosixPath(path).name == attachment.name):
        return None
    return attachment.name
