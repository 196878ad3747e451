"""CloudRecordings.db of iOS 12 and later, and Recordings.db before: both are Core Data's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from services.indexer.kinds.database import Database
from services.indexer.kinds.phone_time import cocoa_microseconds, cocoa_utc, utc
from services.indexer.kinds.protocol import Tally, UnsupportedStoreError
from services.indexer.kinds.records import Record, by_number, key_of
from services.indexer.kinds.rows_in_order import rows_in_order
from services.indexer.kinds.values import float_of, int_of, text_of, uuid_of
from services.indexer.kinds.voice_memo.payload import FileInfo, Folder, VoiceMemoPayload

_TABLE, _OLD_TABLE, _FOLDERS = "ZCLOUDRECORDING", "ZRECORDING", "ZFOLDER"
_COLUMNS = (
    "ZUNIQUEID", "ZDATE", "ZDURATION", "ZLOCALDURATION", "ZPATH", "ZENCRYPTEDTITLE",
    "ZCUSTOMLABELFORSORTING", "ZCUSTOMLABEL", "ZFOLDER", "ZEVICTIONDATE", "ZFLAGS", "ZSHAREDFLAGS",
    "ZLABELPRESET",
)  # fmt: skip
#: Bits of ZFLAGS and of ZSHAREDFLAGS, as the phone reads them.
NEEDS_DOWNLOAD, RENAMED, FROM_WATCH, TRANSCRIBED, LAYERS = 2, 8, 64, 1024, 2048
FAVOURITE, ENHANCED, MUSIC_MEMO, WATCH = 1, 2, 4, 64
_LONGEST_TITLE, _LONGEST_PATH, _LONGEST_IDENTITY = 2000, 255, 200
#: What stands in ZCUSTOMLABEL where the title is elsewhere.
_A_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")


class RecordingsStore:
    """One list of recordings."""

    def __init__(self, database: Database, tally: Tally) -> None:
        """Read the folders; raises UnsupportedStoreError for what is no list of recordings."""
        self._database = database
        self._tally = tally
        known = [
            name for name in (_TABLE, _OLD_TABLE) if database.columns(name) & {"ZDATE", "ZPATH"}
        ]
        if not known:
            raise UnsupportedStoreError("The database has no table of recordings.")
        self._tables = known
        self.folders: dict[int, Folder] = {}
        for number, row in by_number(
            database, _FOLDERS, ("ZUUID", "ZENCRYPTEDNAME"), tally
        ).items():
            title = _short(row["ZENCRYPTEDNAME"], _LONGEST_TITLE)
            own = _short(row["ZUUID"], _LONGEST_IDENTITY)
            if own is not None or title is not None:
                self.folders[number] = Folder(key=f"folder:{own or title}", title=title)

    def __iter__(self) -> Iterator[Record]:
        """Yield the rows of all recordings in the order of time, with their keys."""
        for table in self._tables:
            for row in rows_in_order(self._database, table, _COLUMNS, self._tally, by="ZDATE"):
                row["at_us"] = cocoa_microseconds(row["ZDATE"])
                row["file_name"] = _file_name(row["ZPATH"])
                own = uuid_of(row["ZUNIQUEID"])
                row["key"] = (
                    own
                    if own is not None and len(own) <= _LONGEST_IDENTITY
                    else key_of("recording", row["ZDATE"], row["file_name"])
                )
                yield row


def payload_of(
    row: Record, *, folder: Folder | None, files: tuple[FileInfo, ...]
) -> VoiceMemoPayload:
    """Return what a row says."""
    flags, shared = int_of(row["ZFLAGS"]), int_of(row["ZSHAREDFLAGS"])
    own, common = flags or 0, shared or 0
    trashed_at = cocoa_utc(row["ZEVICTIONDATE"])
    raw = {"flags": flags, "shared_flags": shared, "label_preset": int_of(row["ZLABELPRESET"])}
    return VoiceMemoPayload(
        type="recording",
        recorded_at=utc(row["at_us"]),
        duration_seconds=_length(row["ZLOCALDURATION"]) or _length(row["ZDURATION"]),
        title=next(iter(titles_of(row)), None),
        folder=folder,
        files=files,
        file_name=row["file_name"],
        is_trashed=trashed_at is not None,
        trashed_at=trashed_at,
        is_favourite=bool(common & FAVOURITE),
        is_enhanced=bool(common & ENHANCED),
        is_edited=any(file.role == "part" for file in files),
        has_layers=bool(own & LAYERS),
        has_transcript=bool(own & TRANSCRIBED),
        is_from_watch=bool(own & FROM_WATCH or common & WATCH),
        is_music_memo=bool(common & MUSIC_MEMO),
        is_renamed=bool(own & RENAMED),
        raw={name: number for name, number in raw.items() if number},
    )


def titles_of(row: Record) -> list[str]:
    """Return the title and what else it is called: despite a column's name, in clear."""
    titles = (
        _short(row[column], _LONGEST_TITLE)
        for column in ("ZENCRYPTEDTITLE", "ZCUSTOMLABELFORSORTING", "ZCUSTOMLABEL")
    )
    return [title for title in titles if title is not None and not _A_DATE.match(title)]


def _length(value: object) -> float | None:
    seconds = float_of(value)
    return seconds if seconds is not None and seconds > 0 else None


def _file_name(path: object) -> str | None:
    """Return the name alone: old phones wrote where it lies on the phone, from the root."""
    said = text_of(path) if isinstance(path, str) else None
    name = None if said is None else PurePosixPath(said).name
    return name if name and name not in {".", ".."} and len(name) <= _LONGEST_PATH else None


def _short(value: object, most: int) -> str | None:
    said = text_of(value) if isinstance(value, str) else None
    return None if said is None else said[:most].rstrip()
