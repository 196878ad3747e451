"""Albums: which photo is in which, in the forms that others read."""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Iterable, Sequence

import msgspec

from services.indexer.exports.formats.cleaning import is_formula, one_line
from services.indexer.exports.formats.photos.sidecar import album_path, taken_at
from services.indexer.exports.formats.protocol import Output
from services.indexer.kinds.photo.payload import Album, PhotoPayload
from shared.contracts.indexer import Artifact
from shared.member_names import name_part

#: Apple's own export begins another file as well when one gets long.
_MOST_DETAILS = 20_000
_HEAD = (
    "imgName", "fileChecksum", "favorite", "hidden", "deleted", "originalCreationDate",
    "viewCount", "importDate",
)  # fmt: skip


class _Photo(msgspec.Struct, frozen=True):
    path: str
    taken_at: str | None


class _Album(msgspec.Struct):
    title: str
    folders: tuple[str, ...]
    is_shared: bool
    photos: list[_Photo]


class Albums:
    """Gathers albums; of each photo its path is kept in memory."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._albums: dict[tuple[str, str], _Album] = {}
        self._details: list[Sequence[str]] = []

    def add(
        self, artifact: Artifact, payload: PhotoPayload, paths: Sequence[str], *, history: str
    ) -> None:
        """Note a photo whose files are at *paths*: those without any are in no album."""
        for path in paths:
            if payload.taken_at or artifact.occurred_at:
                # One line without a date, and nobody reads any of them.
                self._details.append(_details(artifact, payload, path))
            photo = _Photo(path, taken_at(artifact, payload))
            for album in payload.albums:
                self._album(history, album).photos.append(photo)
        if len(self._details) >= _MOST_DETAILS:
            self._write_details()

    def write(self) -> None:
        """Write all albums."""
        if self._details:
            self._write_details()
        for album in self._albums.values():
            title = " - ".join((*album.folders, album.title))
            name = self._output.name(f"Albums/{name_part(title, most_bytes=120)}.csv")
            rows = ([photo.path.rpartition("/")[2]] for photo in album.photos)
            self._write(name, _table([["Images"]]), (_table([row]) for row in rows))
        if self._albums:
            self._write(
                self._output.name("albums.json"),
                b'{"albums": [\n',
                (
                    (b",\n" if number else b"") + msgspec.json.encode(album)
                    for number, album in enumerate(self._albums.values())
                ),
                b"\n]}\n",
            )

    def _album(self, history: str, album: Album) -> _Album:
        key = (history, album.key)
        if key not in self._albums:
            *folders, title = album_path(album)
            self._albums[key] = _Album(title, tuple(folders), album.is_shared, [])
        return self._albums[key]

    def _write_details(self) -> None:
        self._write(self._output.name("Photo Details.csv"), _table([_HEAD, *self._details]), ())
        self._details.clear()

    def _write(self, name: str, head: bytes, parts: Iterable[bytes], tail: bytes = b"") -> None:
        with self._output.member(name) as sink:
            sink.write(head)
            for part in parts:
                sink.write(part)
            sink.write(tail)


def _details(artifact: Artifact, payload: PhotoPayload, path: str) -> Sequence[str]:
    def yes(so: bool) -> str:  # noqa: FBT001 -- one word for one fact
        return "yes" if so else "no"

    return (
        one_line(path.rpartition("/")[2]),
        "",
        yes(payload.is_favourite),
        yes(payload.is_hidden),
        yes(payload.is_trashed),
        _apples(payload.taken_at or artifact.occurred_at),
        "0",
        _apples(payload.added_at),
    )


def _apples(at: dt.datetime | None) -> str:
    """Return ``Saturday June 4,2022 12:11 PM GMT``."""
    if at is None:
        return ""
    there = at.astimezone(dt.UTC)
    return f"{there:%A %B} {there.day},{there.year:04d} {there:%I:%M %p} GMT"


def _table(rows: Iterable[Sequence[str]]) -> bytes:
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerows(
        [f"'{cell}" if is_formula(cell) else cell for cell in row] for row in rows
    )
    return written.getvalue().encode()
