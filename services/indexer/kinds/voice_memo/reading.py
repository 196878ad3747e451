"""From the lists of recordings, and the files beside them, to artifacts and threads."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from services.indexer.kinds.database import Database
from services.indexer.kinds.keyed_archive import load_plist
from services.indexer.kinds.phone_time import cocoa_microseconds, microseconds_of, utc
from services.indexer.kinds.protocol import (
    ListedFile,
    ParserInputs,
    Sink,
    UnsupportedStoreError,
)
from services.indexer.kinds.records import Record, Records
from services.indexer.kinds.values import float_of, int_of, text_of
from services.indexer.kinds.voice_memo.files import RecordingFiles
from services.indexer.kinds.voice_memo.payload import Folder, VoiceMemoPayload
from services.indexer.kinds.voice_memo.places import MANIFEST, PLACES, Place
from services.indexer.kinds.voice_memo.store import (
    NEEDS_DOWNLOAD,
    RecordingsStore,
    payload_of,
    titles_of,
)
from services.indexer.staging import StagedArtifact, StagedThread

#: The app's own are some kilobytes.
_LARGEST_MANIFEST = 1024 * 1024
_LONGEST = 2000


class _Source(NamedTuple):
    place: Place
    name: str
    copy: Path


def parse_voice_memos(inputs: ParserInputs, sink: Sink) -> None:
    """Give every recording of the backup to *sink*."""
    reader = _Reader(inputs, sink)
    sources = [
        _Source(place, name, copy)
        for place in PLACES
        for name in place.stores
        if (copy := inputs.find(place.domain, f"{place.folder}{name}")) is not None
    ]
    if not sources:
        sink.tally.note("The backup has no list of recordings; only their files tell of them.")
    is_newest = True
    for source in sources:
        with contextlib.ExitStack() as opened:
            try:
                database = opened.enter_context(Database(source.copy))
                store = RecordingsStore(database, sink.tally)
            except UnsupportedStoreError:
                # The newest list is the one in use; others are what it was made of.
                if is_newest:
                    raise
                sink.tally.note("One of several lists of recordings could not be read.")
                continue
            reader.read_list(store, source.place, is_newest=is_newest)
            is_newest = False
    reader.read_files()


class _Reader:
    def __init__(self, inputs: ParserInputs, sink: Sink) -> None:
        self._inputs = inputs
        self._sink = sink
        self._records = Records(sink)
        self._files = RecordingFiles(inputs, sink.tally)
        #: Keys of recordings, and names of their files.
        self._known: set[str] = set()
        self._threads: set[str] = set()

    def read_list(self, store: RecordingsStore, place: Place, *, is_newest: bool) -> None:
        for folder in store.folders.values():
            self._thread(folder)
        for row in store:
            if not is_newest and not self._is_of_its_own(place, row):
                continue
            self._known.update((row["key"], row["file_name"] or row["key"]))
            self._records.keep(lambda row=row: self._recording(store, place, row))  # type: ignore[misc]

    def _is_of_its_own(self, place: Place, row: Record) -> bool:
        """Whether a recording of an older list is one that newer ones have neither got nor lost."""
        if row["key"] in self._known or (row["file_name"] or "") in self._known:
            return False
        if self._files.is_here(place, row["file_name"]):
            return True
        tally = self._sink.tally
        tally.read += 1
        tally.skipped += 1
        tally.note("A recording that only an old list names, and has no file, was left out.")
        return False

    def _thread(self, folder: Folder) -> None:
        if folder.key not in self._threads:
            self._threads.add(folder.key)
            self._sink.thread(
                StagedThread(
                    key=folder.key,
                    title=folder.title,
                    is_group=False,
                    participants=[],
                    services=[],
                    raw_keys=[],
                )
            )

    def _recording(self, store: RecordingsStore, place: Place, row: Record) -> StagedArtifact:
        flags = int_of(row["ZFLAGS"]) or 0
        attachments, roles = self._files.gather(
            place, row["file_name"], is_downloaded=not flags & NEEDS_DOWNLOAD
        )
        folder = store.folders.get(row["ZFOLDER"])
        memo = payload_of(row, folder=folder, files=roles)
        lines = [
            *titles_of(row), folder.title if folder is not None else None, row["file_name"]
        ]  # fmt: skip
        return StagedArtifact(
            key=row["key"],
            thread_key=None if folder is None else folder.key,
            occurred_at_us=row["at_us"],
            title=memo.title or _stem(row["file_name"]),
            text="\n".join(dict.fromkeys(line for line in lines if line)) or None,
            payload=memo,
            attachments=attachments,
        )

    def read_files(self) -> None:
        """Give the recordings of which there are files, or parts, and no row."""
        manifests = dict(self._manifests())
        found = []
        for place, name, file in self._files.alone():
            said = manifests.get((place.domain, _stem(name)), _NOTHING)
            found.append((said.at_us or _moment(file), place, name, said))
        for at_us, place, name, said in sorted(found, key=lambda one: (one[0] or 0, one[1:3])):
            self._records.keep(
                lambda at_us=at_us, place=place, name=name, said=said: self._alone(  # type: ignore[misc]
                    at_us, place, name, said
                )
            )
        self._records.finish()

    def _alone(self, at_us: int | None, place: Place, name: str, said: _Manifest) -> StagedArtifact:
        attachments, roles = self._files.gather(place, name, is_downloaded=True)
        return StagedArtifact(
            key=said.key or f"file:{name}",
            occurred_at_us=at_us,
            title=said.title or _stem(name),
            text="\n".join(dict.fromkeys(line for line in (said.title, name) if line)),
            payload=VoiceMemoPayload(
                type="file_alone",
                recorded_at=utc(at_us),
                title=said.title,
                files=roles,
                file_name=name,
                is_edited=any(file.role == "part" for file in roles),
            ),
            attachments=attachments,
        )

    def _manifests(self) -> Iterator[tuple[tuple[str, str | None], _Manifest]]:
        for place in PLACES:
            for domain, path, copy in self._inputs.matching(
                place.domain, f"{place.folder}{MANIFEST}"
            ):
                stem = path.removeprefix(place.folder).partition(".composition/")[0]
                yield (domain, stem), _read_manifest(copy)


class _Manifest(NamedTuple):
    """What the app writes beside an edited recording."""

    key: str | None = None
    title: str | None = None
    at_us: int | None = None


_NOTHING = _Manifest()


def _read_manifest(copy: Path) -> _Manifest:
    try:
        with copy.open("rb") as file:
            plist = load_plist(file.read(_LARGEST_MANIFEST))
    except OSError:
        return _NOTHING
    if not isinstance(plist, dict):
        return _NOTHING
    key, title = plist.get("RCSavedRecordingUUID"), plist.get("RCSavedRecordingTitle")
    date = plist.get("RCSavedRecordingCreationDate")
    made = date.replace(tzinfo=dt.UTC) if isinstance(date, dt.datetime) else None
    return _Manifest(
        key=text_of(key) if isinstance(key, str) and len(key) <= 200 else None,
        title=text_of(title[:_LONGEST]) if isinstance(title, str) else None,
        at_us=cocoa_microseconds(float_of(plist.get("RCSavedRecordingCreationTime")))
        or microseconds_of(made),
    )


def _stem(name: str | None) -> str | None:
    return None if name is None else PurePosixPath(name).stem


def _moment(file: ListedFile | None) -> int | None:
    if file is None:
        return None
    created_us = microseconds_of(file.created_at)
    return microseconds_of(file.modified_at) if created_us is None else created_us
