"""Who put a photo into the shared library of iCloud (iOS 16), with names and addresses."""

from __future__ import annotations

from services.indexer.kinds.batched_rows import Parts
from services.indexer.kinds.core_data import column_like
from services.indexer.kinds.handles import Handles
from services.indexer.kinds.keyed_archive import load_archive
from services.indexer.kinds.photo.library import Library
from services.indexer.kinds.photo.payload import Contributor
from services.indexer.kinds.protocol import Tally
from services.indexer.kinds.records import Record, by_number
from services.indexer.kinds.values import flag_of, text_of

_NAMES = ("NS.namePrefix", "NS.givenName", "NS.middleName", "NS.familyName", "NS.nameSuffix")


class SharedLibrary:
    """The people of shared libraries, and what each put there."""

    def __init__(self, library: Library, handles: Handles, tally: Tally) -> None:
        """Read all people; what they put there is read in batches."""
        columns = ("ZEMAILADDRESS", "ZPHONENUMBER", "ZISCURRENTUSER", "ZNAMECOMPONENTS")
        rows = by_number(library.database, "ZSHAREPARTICIPANT", columns, tally)
        self._people = {number: _person(row, handles) for number, row in rows.items()}
        self._put: Parts | None = None
        # ``Z3LIBRARYSCOPEASSETCONTRIBUTORS``: the number is that of the entity of photos.
        by = column_like(library.database, "ZASSETCONTRIBUTOR", "Z#LIBRARYSCOPEASSETCONTRIBUTORS")
        if by is not None:
            self._put = library.parts("ZASSETCONTRIBUTOR", by, ("ZPARTICIPANT",))

    def read(self, numbers: list[int]) -> dict[int, tuple[Contributor, ...]]:
        """Return who put some photos into the shared library."""
        if self._put is None:
            return {}
        found = {}
        for number, rows in self._put.read(numbers).items():
            people = (self._people.get(row["ZPARTICIPANT"]) for row in rows)
            found[number] = tuple(dict.fromkeys(one for one in people if one is not None))
        return found


def _person(row: Record, handles: Handles) -> Contributor | None:
    address = text_of(row["ZEMAILADDRESS"]) or text_of(row["ZPHONENUMBER"])
    name, is_me = _name(row["ZNAMECOMPONENTS"]), flag_of(row["ZISCURRENTUSER"])
    if not (name or address or is_me):
        return None
    handle = None if address is None else handles.normalise(address)
    return Contributor(name=name, handle=handle, is_me=is_me)


def _name(archive: object) -> str | None:
    root = load_archive(archive)
    parts = root.get("NS.nameComponentsPrivate") if isinstance(root, dict) else None
    if not isinstance(parts, dict):
        return None
    words = (text_of(part) for name in _NAMES if isinstance(part := parts.get(name), str))
    return " ".join(word for word in words if word)[:500] or None
