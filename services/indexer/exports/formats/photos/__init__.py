"""Photos and videos as they are on the phone, with what other libraries read about them.

- ``photos/2021/2021-06/IMG_0001.HEIC``: originals, edits, films of Live Photos, under their own
  names, which no two photos of an export share;
- ``….HEIC.xmp`` beside each: what Immich, digiKam, darktable, PhotoPrism and osxphotos read: dates
  with their offset, place, title, caption, keywords, people, albums as keywords;
- ``Albums/….csv`` and ``Photo Details.csv``: the form of Apple's own data export, from which
  ``immich-go upload from-icloud`` makes albums; and ``albums.json`` with all of it.
"""

from __future__ import annotations

import datetime as dt
from typing import ClassVar

import msgspec

from services.indexer.exports.formats.photos.albums import Albums
from services.indexer.exports.formats.protocol import About, Format, Group, Item, Output, Place
from services.indexer.kinds.photo.payload import PhotoPayload
from shared.contracts.indexer import Artifact
from shared.member_names import name_part

#: What stands behind the name of a file that is not the original.
_BEHIND = {"edited": "_edited", "edited_live_photo": "_edited", "thumbnail": "_thumbnail"}
#: Files that are pictures or films by themselves.
_WITH_SIDECAR = frozenset({"original", "edited", "raw", "jpeg"})

#: What a cell of an album must not begin with.
_IN_FORMULAS = "=+-@|%' \t\u00a0\u3000\uff1d\uff0b\uff0d\uff20"


class Photos(Format):
    """Originals under their names, with sidecars and albums."""

    name = "photos"
    kinds: ClassVar = frozenset({"photo"})

    def __init__(self, output: Output, about: About) -> None:
        super().__init__(output, about)
        self._albums = Albums(output)
        self._history = ""
        #: Names without endings that are taken, and those of the photos of this group.
        self._taken: set[str] = set()
        #: Of names that came again, the number that was given last.
        self._numbers: dict[str, int] = {}
        self._stems: dict[str, str] = {}

    def place(
        self,
        group: Group,  # noqa: ARG002 -- months are the folders
        artifact: Artifact,
        n: int,
        size_bytes: int,  # noqa: ARG002 -- originals are never too large
    ) -> Place | None:
        """Return the folder of its month and the phone's name; none for copies made smaller."""
        payload = msgspec.convert(artifact.payload, PhotoPayload)
        roles = {file.n: file.role for file in payload.files}
        role = roles.get(n, "original")
        if role == "thumbnail" and any(
            one.present for one in artifact.attachments if roles.get(one.n) != "thumbnail"
        ):
            return None
        ending = (artifact.attachments[n].name or "").rpartition(".")[2]
        ending = f".{name_part(ending, most_bytes=10)}" if ending.isalnum() else ""
        path = f"{self._path(artifact, payload)}{_BEHIND.get(role, '')}{ending}"
        return Place(self.output.name(path), payload.taken_at or artifact.occurred_at)

    def begin_group(self, group: Group) -> None:
        """Remember whose photos come. Albums are told of at the end: a photo is in several."""
        self._history = group.history

    def add(self, item: Item) -> str | None:
        """Write what others read about one photo."""
        from services.indexer.exports.formats.photos.sidecar import sidecar_of

        artifact = item.artifact
        payload = msgspec.convert(artifact.payload, PhotoPayload)
        roles = {file.n: file.role for file in payload.files}
        sidecar = sidecar_of(artifact, payload)
        when = payload.taken_at or artifact.occurred_at
        written = [
            media.path
            for n, media in sorted(item.media.items())
            if media.path is not None and roles.get(n, "original") in _WITH_SIDECAR
        ]
        # Without its file there is still what the phone knew of it.
        for path in written or [self.output.name(self._path(artifact, payload))]:
            name = self.output.name(f"{path}.xmp")
            with self.output.member(name, modified_at=when) as sink:
                sink.write(sidecar)
        if not self.about.include_media:
            self._albums.add(
                artifact, payload, [self._path(artifact, payload)], history=self._history
            )
            return None
        self._albums.add(artifact, payload, written, history=self._history)
        if any(media.path for media in item.media.values()):
            return None
        reasons = (media.reason for media in item.media.values() if media.reason)
        return f"only what the phone knew of it: {next(reasons, 'its file is not here')}"

    def end_group(self) -> None:
        """Forget names of photos that will not come again."""
        self._stems.clear()

    def end(self) -> None:
        """Write the albums."""
        self._albums.write()

    def _path(self, artifact: Artifact, payload: PhotoPayload) -> str:
        """Return folder and name without its ending, the same for all files of a photo."""
        when = _taken(artifact, payload)
        month = "without date" if when is None else f"{when:%Y}/{when:%Y-%m}"
        top = "photos"
        if payload.is_trashed:
            top = "recently deleted"
        elif payload.is_hidden:
            top = "hidden"
        return f"{top}/{month}/{self._stem(artifact, payload)}"

    def _stem(self, artifact: Artifact, payload: PhotoPayload) -> str:
        key = str(artifact.id)
        if key not in self._stems:
            named = payload.original_name or payload.file_name or artifact.key
            # Albums are tables: a name there must not look like a formula.
            stem = wanted = name_part(
                named.rpartition(".")[0].lstrip(_IN_FORMULAS) or "photo", most_bytes=80
            )
            # Cameras count to 9999 and begin again; albums name files without their folders.
            while stem.casefold() in self._taken:
                number = self._numbers.get(wanted.casefold(), 1) + 1
                self._numbers[wanted.casefold()] = number
                stem = f"{wanted}_{number}"
            self._taken.add(stem.casefold())
            self._stems[key] = stem
        return self._stems[key]


def _taken(artifact: Artifact, payload: PhotoPayload) -> dt.datetime | None:
    """Return when it was taken, by the clock of that place."""
    when = payload.taken_at or artifact.occurred_at
    if when is None or payload.utc_offset_seconds is None:
        return when
    offset = dt.timedelta(seconds=max(-86_340, min(86_340, payload.utc_offset_seconds)))
    return when.astimezone(dt.timezone(offset))


FORMAT = Photos
