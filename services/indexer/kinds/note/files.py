"""Where the files of a note lie: what was put there, what the phone drew, and previews.

Each version of iOS adds a folder to the path; the old ones stay valid. The first path that the
backup lists is the one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from services.indexer.kinds.backup_files import NOT_DOWNLOADED, NOT_IN_BACKUP, BackupFiles
from services.indexer.kinds.note import DOMAIN
from services.indexer.kinds.values import text_of
from services.indexer.staging import StagedAttachment

_PICTURES = ("png", "jpg", "jpeg")
#: Folder, name in a folder of its own (since iOS 17) and endings of what the phone makes.
_IMAGES = ("FallbackImages", "FallbackImage", _PICTURES)
_DOCUMENTS = ("FallbackPDFs", "FallbackPDF", ("pdf",))
#: A name in a path; longer ones are no file's.
_LONGEST = 1000


class NoteFiles:
    """The files of Notes in the backup."""

    def __init__(self, files: BackupFiles) -> None:
        """Look into *files*."""
        self._files = files

    @property
    def is_known(self) -> bool:
        """Whether it is known which files the backup holds."""
        return self._files.is_known

    def media(
        self,
        account: str | None,
        key: object,
        generation: object,
        name: object,
        *,
        size: int | None,
    ) -> StagedAttachment:
        """Return the file that was put into a note."""
        identity, file = text_of(key), text_of(name)
        if identity is None or file is None:
            return self._files.find(DOMAIN, None, name=file, size_bytes=size, reason=NOT_DOWNLOADED)
        middle = text_of(generation)
        paths = [
            f"{root}Media/{identity}/{between}{file}"
            for root in _roots(account)
            for between in ((f"{middle}/", "") if middle else ("",))
        ]
        return self._first(paths, size) or self._files.find(
            DOMAIN, paths[0], size_bytes=size, reason=NOT_IN_BACKUP
        )

    def drawing(
        self, account: str | None, key: object, generation: object
    ) -> StagedAttachment | None:
        """Return the picture that the phone made of a drawing or scan."""
        return self._first(_made(account, _IMAGES, key, generation))

    def undrawn(self, account: str | None, key: object) -> StagedAttachment:
        """Return what to say of a drawing that the phone made no picture of."""
        paths = _made(account, _IMAGES, key, None)
        return self._files.find(DOMAIN, next(paths, None), reason=NOT_IN_BACKUP)

    def document(
        self, account: str | None, key: object, generation: object
    ) -> StagedAttachment | None:
        """Return the document that the phone made of a scan."""
        return self._first(_made(account, _DOCUMENTS, key, generation))

    def preview(
        self, account: str | None, key: object, generation: object
    ) -> StagedAttachment | None:
        """Return a small picture; those that were turned are preferred."""
        identity, middle = text_of(key), text_of(generation)
        if identity is None or len(identity) > _LONGEST:
            return None
        names = [f"{identity}-oriented", identity]
        if middle:
            made = (f"{identity}/{middle}/OrientedPreview", f"{identity}/{middle}/Preview")
            names = [*made, *names]
        return self._first(
            f"{root}Previews/{name}.{ending}"
            for root in _roots(account)
            for name in names
            for ending in _PICTURES
        )

    def _first(self, paths: Iterable[str], size: int | None = None) -> StagedAttachment | None:
        for path in paths:
            if self._files.size(DOMAIN, path) is not None:
                return self._files.find(DOMAIN, path, size_bytes=size)
        return None


def _roots(account: str | None) -> tuple[str, ...]:
    return ("",) if account is None else (f"Accounts/{account}/", "")


def _made(
    account: str | None, where: tuple[str, str, tuple[str, ...]], key: object, generation: object
) -> Iterator[str]:
    folder, name, endings = where
    identity, middle = text_of(key), text_of(generation)
    if identity is None or len(identity) > _LONGEST:
        return
    for root in _roots(account):
        for ending in endings:
            if middle:
                yield f"{root}{folder}/{identity}/{middle}/{name}.{ending}"
            yield f"{root}{folder}/{identity}.{ending}"
