"""Who is on photos, what was written to them, and which words they carry."""

from __future__ import annotations

from services.indexer.kinds.batched_rows import Parts
from services.indexer.kinds.core_data import find_join
from services.indexer.kinds.photo.library import Library
from services.indexer.kinds.photo.payload import Comment, Face
from services.indexer.kinds.photo.times import moment
from services.indexer.kinds.protocol import Tally
from services.indexer.kinds.records import Record, by_number
from services.indexer.kinds.values import flag_of, float_of, text_of

_MOST_MERGES = 10
_FACE_COLUMNS = ("ZCENTERX", "ZCENTERY", "ZSIZE", "ZHIDDEN", "ZMANUAL", "ZISINTRASH")


class Faces:
    """Faces on photos; a person without a name is counted only."""

    def __init__(self, library: Library, tally: Tally) -> None:
        """Read all persons; their faces are read in batches."""
        columns = ("ZFULLNAME", "ZDISPLAYNAME", "ZPERSONUUID", "ZMERGETARGETPERSON")
        self._persons = by_number(library.database, "ZPERSON", columns, tally)
        there = library.database.columns("ZDETECTEDFACE")
        # Renamed in iOS 17.
        by = "ZASSETFORFACE" if "ZASSETFORFACE" in there else "ZASSET"
        self._person = "ZPERSONFORFACE" if "ZPERSONFORFACE" in there else "ZPERSON"
        self._faces = library.parts("ZDETECTEDFACE", by, (self._person, *_FACE_COLUMNS))

    def read(self, numbers: list[int]) -> dict[int, tuple[tuple[Face, ...], int]]:
        """Return named faces of some photos, and how many others there are on each."""
        found = {}
        for number, rows in self._faces.read(numbers).items():
            named: list[Face] = []
            unnamed = 0
            for row in rows:
                if flag_of(row["ZISINTRASH"]) or flag_of(row["ZHIDDEN"]):
                    continue
                face = self._face(row)
                if face is None:
                    unnamed += 1
                else:
                    named.append(face)
            found[number] = (tuple(named), unnamed)
        return found

    def _face(self, row: Record) -> Face | None:
        person = self._persons.get(row[self._person])
        for _ in range(_MOST_MERGES):
            target = None if person is None else person["ZMERGETARGETPERSON"]
            if target is None or target not in self._persons:
                break
            person = self._persons[target]
        if person is None:
            return None
        name = text_of(person["ZFULLNAME"]) or text_of(person["ZDISPLAYNAME"])
        if name is None:
            return None
        return Face(
            name=name,
            key=text_of(person["ZPERSONUUID"]),
            x=_share(row["ZCENTERX"]),
            y=_share(row["ZCENTERY"]),
            size=_share(row["ZSIZE"]),
            is_manual=flag_of(row["ZMANUAL"]),
        )


def _share(value: object) -> float | None:
    number = float_of(value)
    return number if number is not None and 0 <= number <= 1 else None


class Keywords:
    """Words that people gave to photos."""

    def __init__(self, library: Library, tally: Tally) -> None:
        """Read all words; who has them is read in batches."""
        self._words = by_number(library.database, "ZKEYWORD", ("ZTITLE",), tally)
        self._has: Parts | None = None
        join = find_join(library.database, "Z_#KEYWORDS", "Z_#ASSETATTRIBUTES", "Z_#KEYWORDS")
        if join is not None:
            self._has = library.parts(join.table, join.left, (join.right,))
            self._word = join.right

    def read(self, numbers: list[int]) -> dict[int, tuple[str, ...]]:
        """Return the words of some photos, by the number of their additional attributes."""
        if self._has is None:
            return {}
        found = {}
        for number, rows in self._has.read(numbers).items():
            words = (
                text_of(self._words[row[self._word]]["ZTITLE"])
                for row in rows
                if row[self._word] in self._words
            )
            found[number] = tuple(sorted({word for word in words if word}))
        return found


class Comments:
    """What people said under photos of shared albums, and who liked them."""

    _COLUMNS = (
        "ZCOMMENTTEXT", "ZCOMMENTDATE", "ZISLIKE", "ZISMYCOMMENT", "ZISCAPTION",
        "ZCOMMENTERHASHEDPERSONID",
    )  # fmt: skip

    def __init__(self, library: Library, people: dict[str, str]) -> None:
        """Take the names of *people* by the cloud's ids of them."""
        self._people = people
        self._said = library.parts("ZCLOUDSHAREDCOMMENT", "ZCOMMENTEDASSET", self._COLUMNS)
        self._liked = library.parts("ZCLOUDSHAREDCOMMENT", "ZLIKEDASSET", self._COLUMNS)

    def read(self, numbers: list[int]) -> dict[int, tuple[Comment, ...]]:
        """Return comments and likes of some photos, in the order of time."""
        found: dict[int, list[Comment]] = {}
        for rows, is_like in ((self._said.read(numbers), False), (self._liked.read(numbers), True)):
            for number, said in rows.items():
                found.setdefault(number, []).extend(self._comment(row, is_like) for row in said)
        return {
            number: tuple(
                sorted(said, key=lambda one: (one.at is None, one.at and one.at.timestamp()))
            )
            for number, said in found.items()
        }

    def _comment(self, row: Record, is_like: bool) -> Comment:  # noqa: FBT001 -- of its two tables
        return Comment(
            at=moment(row["ZCOMMENTDATE"]),
            by=self.name(row["ZCOMMENTERHASHEDPERSONID"]),
            is_mine=flag_of(row["ZISMYCOMMENT"]),
            text=text_of(row["ZCOMMENTTEXT"]),
            is_like=is_like or flag_of(row["ZISLIKE"]),
            is_caption=flag_of(row["ZISCAPTION"]),
        )

    def name(self, hashed: object) -> str | None:
        """Return the name of a person of shared albums."""
        words = text_of(hashed)
        return None if words is None else self._people.get(words)
