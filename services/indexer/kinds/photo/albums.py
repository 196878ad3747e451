"""Albums that people made or share, and the folders in which they lie."""

from __future__ import annotations

from services.indexer.kinds.batched_rows import Parts
from services.indexer.kinds.core_data import find_join
from services.indexer.kinds.database import Database
from services.indexer.kinds.photo.library import Library
from services.indexer.kinds.photo.payload import Album
from services.indexer.kinds.photo.times import moment_us
from services.indexer.kinds.photo.vocabulary import SHARED_ALBUM, USER_ALBUM, USER_FOLDER
from services.indexer.kinds.protocol import Tally
from services.indexer.kinds.records import Record, by_number, key_of, note_too_many_threads
from services.indexer.kinds.values import flag_of, text_of
from services.indexer.staging import StagedThread

_COLUMNS = (
    "ZUUID", "ZTITLE", "ZKIND", "ZPARENTFOLDER", "ZTRASHEDSTATE", "ZCREATIONDATE",
    "ZCLOUDCREATIONDATE", "ZCLOUDGUID", "ZCLOUDOWNERFULLNAME", "ZCLOUDOWNERFIRSTNAME",
    "ZCLOUDOWNERLASTNAME", "ZCLOUDOWNERHASHEDPERSONID", "ZISOWNED",
)  # fmt: skip
_DEEPEST_FOLDER = 20
#: A phone has thousands of albums at most.
_MOST_ALBUMS = 50_000


class Albums:
    """All albums of a library, and the people of shared ones."""

    def __init__(self, library: Library, tally: Tally) -> None:
        """Read them all; the photos in them are read in batches."""
        rows = by_number(library.database, "ZGENERICALBUM", _COLUMNS, tally)
        members = _members(library.database, tally)
        shown = [
            (number, row)
            for number, row in rows.items()
            if row["ZKIND"] in (USER_ALBUM, SHARED_ALBUM) and not flag_of(row["ZTRASHEDSTATE"])
        ]
        if len(shown) > _MOST_ALBUMS:
            note_too_many_threads(tally)
            del shown[_MOST_ALBUMS:]
        # The first album of a photo is the oldest one, whichever row number it has.
        shown.sort(key=lambda one: (_made_us(one[1]), _key(*one)))
        self._albums: dict[int, Album] = {}
        self._places: dict[int, int] = {}
        self.threads: list[StagedThread] = []
        self.people: dict[str, str] = {}
        for place, (number, row) in enumerate(shown):
            album = Album(
                key=_key(number, row),
                title=text_of(row["ZTITLE"]),
                is_shared=row["ZKIND"] == SHARED_ALBUM,
                folders=_folders(row, rows),
            )
            self._albums[number] = album
            self._places[number] = place
            owner = _owner(row)
            hashed = text_of(row["ZCLOUDOWNERHASHEDPERSONID"])
            if owner and hashed:
                self.people[hashed] = owner
            invited = members.get(number, [])
            self.people.update((person, name) for person, name in invited if person)
            names = [name for name in (owner, *(name for _, name in invited)) if name]
            self.threads.append(
                StagedThread(
                    key=album.key,
                    title=album.title,
                    is_group=album.is_shared,
                    participants=list(dict.fromkeys(names)) if album.is_shared else [],
                    services=["shared_album" if album.is_shared else "album"],
                    raw_keys=[album.key],
                )
            )
        self._holds: Parts | None = None
        join = find_join(library.database, "Z_#ASSETS", "Z_#ALBUMS", "Z_#ASSETS")
        if join is not None:
            self._holds = library.parts(join.table, join.right, (join.left,))
            self._album_column = join.left

    def read(self, numbers: list[int]) -> dict[int, tuple[Album, ...]]:
        """Return the albums of some photos, the oldest album first."""
        if self._holds is None:
            return {}
        found = {}
        for number, rows in self._holds.read(numbers).items():
            held = {row[self._album_column] for row in rows} & self._albums.keys()
            ordered = sorted(held, key=self._places.__getitem__)
            found[number] = tuple(self._albums[album] for album in ordered)
        return found


def _made_us(row: Record) -> int:
    made = moment_us(row["ZCREATIONDATE"]) or moment_us(row["ZCLOUDCREATIONDATE"])
    return 2**62 if made is None else made


def _key(number: int, row: Record) -> str:
    return text_of(row["ZUUID"]) or text_of(row["ZCLOUDGUID"]) or key_of("album", number)


def _owner(row: Record) -> str | None:
    parts = (text_of(row["ZCLOUDOWNERFIRSTNAME"]), text_of(row["ZCLOUDOWNERLASTNAME"]))
    return text_of(row["ZCLOUDOWNERFULLNAME"]) or " ".join(part for part in parts if part) or None


def _folders(row: Record, rows: dict[int, Record]) -> tuple[str, ...]:
    names: list[str] = []
    at = row["ZPARENTFOLDER"]
    for _ in range(_DEEPEST_FOLDER):
        folder = rows.get(at) if isinstance(at, int) else None
        if folder is None or folder["ZKIND"] != USER_FOLDER:
            break
        names.append(text_of(folder["ZTITLE"]) or "")
        at = folder["ZPARENTFOLDER"]
    return tuple(reversed(names))


def _members(database: Database, tally: Tally) -> dict[int, list[tuple[str | None, str]]]:
    """Return the people whom shared albums are shared with, by album."""
    found: dict[int, list[tuple[str | None, str]]] = {}
    columns = (
        "ZALBUM", "ZINVITEEFULLNAME", "ZINVITEEFIRSTNAME", "ZINVITEELASTNAME",
        "ZINVITEEHASHEDPERSONID",
    )  # fmt: skip
    for row in by_number(database, "ZCLOUDSHAREDALBUMINVITATIONRECORD", columns, tally).values():
        parts = (text_of(row["ZINVITEEFIRSTNAME"]), text_of(row["ZINVITEELASTNAME"]))
        name = text_of(row["ZINVITEEFULLNAME"]) or " ".join(part for part in parts if part)
        if name and isinstance(row["ZALBUM"], int):
            hashed = text_of(row["ZINVITEEHASHEDPERSONID"])
            found.setdefault(row["ZALBUM"], []).append((hashed, name))
    return found
