"""Where the files of a photo lie in the backup: original, edit, film, raw picture, thumbnail.

Paths are those that the phone uses for every photo; a file is in the backup's list or it is not.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath

from services.indexer.kinds.backup_files import (
    NOT_IN_BACKUP,
    BackupFiles,
    media_type_of,
)
from services.indexer.kinds.photo.payload import FileInfo, Role
from services.indexer.staging import StagedAttachment

DOMAIN = "CameraRollDomain"
#: Said of originals that the phone knows to be in the cloud.
IN_ICLOUD = "Not in this backup: the original is in iCloud."
_LONGEST_PATH = 1024
_EDITED_STILLS = ("jpg", "heic", "JPG", "HEIC", "png", "jpeg")
_EDITED_FILMS = ("mov", "MOV", "mp4", "m4v")
_FILMS = ("MOV", "mov")
_RAWS = ("DNG", "dng")
#: Of other cameras, looked for where the phone says that there is one.
_OTHER_RAWS = ("CR2", "CR3", "NEF", "ARW", "RAF", "ORF", "RW2", "PEF", "SRW", "RWL")
RAW_SUFFIXES = frozenset(suffix.lower() for suffix in (*_RAWS, *_OTHER_RAWS))
_STILLS = ("HEIC", "JPG", "heic", "jpg", "JPEG", "jpeg")
#: The larger one first.
_THUMBNAILS = ("V2/{}/5005.JPG", "V2/{}/5003.JPG", "VideoKeyFrames/{}/5005.JPG")


class Gathered:
    """The attachments of one photo in the making."""

    def __init__(self) -> None:
        self.files: list[StagedAttachment] = []
        self.info: list[FileInfo] = []

    def add(self, file: StagedAttachment | None, role: Role) -> None:
        """Add a file if there is one."""
        if file is not None:
            self.info.append(FileInfo(n=len(self.files), role=role))
            self.files.append(file)

    def has(self, role: Role) -> bool:
        """Whether there is a file of that role in the backup."""
        return any(info.role == role and self.files[info.n].present for info in self.info)

    @property
    def original(self) -> StagedAttachment | None:
        """What the camera made."""
        found = (self.files[info.n] for info in self.info if info.role == "original")
        return next(found, None)


class PhotoFiles(BackupFiles):
    """The files under DCIM and PhotoData."""

    def gather(
        self,
        directory: object,
        filename: object,
        *,
        name: str | None,
        is_video: bool,
        is_edited: bool,
        has_raw: bool,
        size_bytes: int | None,
        in_icloud: bool,
        films: frozenset[str] | set[str] = frozenset(),
    ) -> Gathered:
        """Return the files of the photo that the phone keeps at *directory*/*filename*.

        What to show comes first. *films* are paths of videos by themselves, which are no half of
        anything. *name* is the original's own name for people.
        """
        gathered = Gathered()
        path = path_of(directory, filename)
        own = name or (None if path is None else PurePosixPath(path).name)
        original = self.find(
            DOMAIN,
            path,
            name=own,
            size_bytes=size_bytes,
            reason=IN_ICLOUD if in_icloud else NOT_IN_BACKUP,
        )
        if path is None:
            gathered.add(original, "original")
            return gathered
        stem, _, suffix = path.rpartition(".")
        stem = stem or path
        own_stem = (own or "").rpartition(".")[0] or own or "edited"
        renders = f"Media/PhotoData/Mutations/{stem.removeprefix('Media/')}/Adjustments"
        if is_edited:
            render = f"{renders}/FullSizeRender"
            endings = _EDITED_FILMS if is_video else _EDITED_STILLS
            gathered.add(self._any(render, endings, f"{own_stem} (edited)"), "edited")
        gathered.add(original, "original")
        if not is_video:
            film = self._any(stem, _FILMS, own_stem)
            if film is not None and film.relative_path not in films:
                gathered.add(film, "live_photo")
                if is_edited:
                    edited = self._any(render, _EDITED_FILMS, f"{own_stem} (edited)")
                    gathered.add(edited, "edited_live_photo")
            if suffix.lower() in RAW_SUFFIXES:
                # The picture itself is raw; beside it lies what the camera made of it.
                gathered.add(self._any(stem, _STILLS, own_stem), "jpeg")
            else:
                raws = (*_RAWS, *_OTHER_RAWS) if has_raw else _RAWS
                gathered.add(self._any(stem, raws, own_stem), "raw")
        gathered.add(self._adjustments(stem, renders, own_stem), "adjustments")
        gathered.add(self._thumbnail(path), "thumbnail")
        return gathered

    def _any(self, stem: str, endings: Iterable[str], name: str) -> StagedAttachment | None:
        for ending in endings:
            path = f"{stem}.{ending}"
            if self.size(DOMAIN, path) is not None:
                return self.find(DOMAIN, path, name=f"{name}.{ending}")
        return None

    def _adjustments(self, stem: str, renders: str, name: str) -> StagedAttachment | None:
        """Return what an edit consists of, in one of the places in which phones keep it."""
        for path in (f"{renders}/Adjustments.plist", f"{stem}.AAE", f"{stem}.aae"):
            if self.size(DOMAIN, path) is not None:
                return self.find(DOMAIN, path, name=f"{name}.AAE")
        return None

    def _thumbnail(self, path: str) -> StagedAttachment | None:
        place = path.removeprefix("Media/")
        for pattern in _THUMBNAILS:
            found = f"Media/PhotoData/Thumbnails/{pattern.format(place)}"
            if self.size(DOMAIN, found) is not None:
                return self.find(DOMAIN, found, name=f"{PurePosixPath(path).name} (thumbnail).JPG")
        return None


def path_of(directory: object, filename: object) -> str | None:
    """Return where the phone keeps a file, or None where that is outside of what it backs up."""
    if not isinstance(directory, str) or not isinstance(filename, str) or not filename:
        return None
    path = f"Media/{directory}/{filename}" if directory else f"Media/{filename}"
    outside = directory.startswith("/") or ".." in path.split("/")
    return None if outside or "\0" in path or len(path) > _LONGEST_PATH else path


def number_of(file_id: str) -> int:
    """Return 60 bits of a file's id, which tell the files of a backup apart."""
    return int(file_id[:15], 16)


def is_picture(path: str) -> bool:
    """Whether a name's ending is one of a photo."""
    media_type = media_type_of(path) or ""
    return media_type.startswith("image/") or _suffix(path) in RAW_SUFFIXES


def is_film(path: str) -> bool:
    """Whether a name's ending is one of a video."""
    return (media_type_of(path) or "").startswith("video/")


def _suffix(path: str) -> str:
    return path.rpartition(".")[2].lower()
