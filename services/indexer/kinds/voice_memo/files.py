"""The files of recordings: each with the parts from before it was edited, in whatever place.

A recording's file is looked for beside its list first and then in the other places: lists move
with new versions of iOS, and their files may lag behind.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from services.indexer.kinds.backup_files import (
    NOT_DOWNLOADED,
    NOT_IN_BACKUP,
    BackupFiles,
    media_type_of,
)
from services.indexer.kinds.protocol import ListedFile, ParserInputs, Tally
from services.indexer.kinds.voice_memo.payload import FileInfo
from services.indexer.kinds.voice_memo.places import PLACES, Place
from services.indexer.staging import StagedAttachment

#: Before iOS 26 and since, for what has several layers.
_ENDINGS = (".m4a", ".qta")
_COMPOSITION = ".composition/"
#: Edits of an hour of speech are some dozen parts.
_MOST_PARTS = 200
#: Far more than anybody has recorded.
_MOST_FILES = 100_000
_FOLDERS = {place.domain: place.folder for place in PLACES}


class RecordingFiles:
    """All files of recordings that the backup lists."""

    def __init__(self, inputs: ParserInputs, tally: Tally) -> None:
        """Read the listing."""
        self._files = BackupFiles(inputs)
        self._tally = tally
        self._parts: dict[tuple[str, str], list[str]] = {}
        self._alone: dict[tuple[str, str], ListedFile] = {}
        for file in inputs.listed():
            self._sort_in(file)

    def _sort_in(self, file: ListedFile) -> None:
        folder = _FOLDERS.get(file.domain)
        path = file.relative_path
        if folder is None or not path.startswith(folder) or not _is_audio(path):
            return
        inside = path.removeprefix(folder)
        stem, composition, _ = inside.partition(_COMPOSITION)
        if not composition and "/" in inside:
            return
        if len(self._alone) + len(self._parts) >= _MOST_FILES:
            self._tally.note("The backup has more such files than are read.")
        elif not composition:
            self._alone[file.domain, inside] = file
        elif len(parts := self._parts.setdefault((file.domain, stem), [])) < _MOST_PARTS:
            parts.append(path)

    def gather(
        self, place: Place, name: str | None, *, is_downloaded: bool
    ) -> tuple[tuple[StagedAttachment, ...], tuple[FileInfo, ...]]:
        """Return the recording's attachments and what each is; those files are no more alone."""
        domain, found = self._find(place, name)
        path = None if found is None else f"{_FOLDERS[domain]}{found}"
        recording = self._files.find(
            domain, path, reason=NOT_IN_BACKUP if is_downloaded else NOT_DOWNLOADED
        )
        attachments, roles = [recording], [FileInfo(n=0, role="recording")]
        if found is not None:
            self._alone.pop((domain, found), None)
            for part in sorted(self._parts.pop((domain, PurePosixPath(found).stem), ())):
                roles.append(FileInfo(n=len(attachments), role="part"))
                attachments.append(self._files.find(domain, part))
        if self._files.is_known:
            self._tally.missing_files += sum(not file.present for file in attachments)
        return tuple(attachments), tuple(roles)

    def _find(self, place: Place, name: str | None) -> tuple[str, str | None]:
        if name is None:
            return place.domain, None
        stem = PurePosixPath(name).stem
        names = dict.fromkeys((name, *(f"{stem}{ending}" for ending in _ENDINGS)))
        for candidate in names:
            for domain in dict.fromkeys((place.domain, *_FOLDERS)):
                if (domain, candidate) in self._alone:
                    return domain, candidate
        # An edited recording of which there are only the parts.
        for domain in dict.fromkeys((place.domain, *_FOLDERS)):
            if (domain, stem) in self._parts:
                return domain, name
        return place.domain, name

    def is_here(self, place: Place, name: str | None) -> bool:
        """Whether the file of a recording is in the backup, and no other recording's.

        Where it is not known which files there are, any may be.
        """
        if not self._files.is_known:
            return True
        domain, found = self._find(place, name)
        return found is not None and (domain, found) in self._alone

    def alone(self) -> Iterator[tuple[Place, str, ListedFile | None]]:
        """Yield what no recording has claimed: place, name, and the file but for parts alone."""
        places = {place.domain: place for place in PLACES}
        for (domain, name), file in list(self._alone.items()):
            yield places[domain], name, file
        for domain, stem in list(self._parts):
            if (domain, stem) in self._parts:
                yield places[domain], f"{stem}.m4a", None


def _is_audio(path: str) -> bool:
    return (media_type_of(path) or "").startswith("audio/")
