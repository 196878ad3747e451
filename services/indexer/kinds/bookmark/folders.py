"""The folders of bookmarks, which are the threads of this kind."""

from __future__ import annotations

import msgspec

from services.indexer.kinds.records import Record, key_of
from services.indexer.kinds.values import text_of
from services.indexer.kinds.web import title_of
from services.indexer.staging import StagedThread

BAR, MENU, READING_LIST = 1, 2, 3
#: Safari's own folders have names of its own; people know them by these.
_NAMES = {BAR: "Favorites", MENU: "Bookmarks Menu", READING_LIST: "Reading List"}
_TITLES = {"BookmarksBar": BAR, "BookmarksMenu": MENU, "com.apple.ReadingList": READING_LIST}
_DEEPEST = 40
#: A phone has hundreds of folders at most.
MOST_FOLDERS = 50_000
TOP_KEY = "top"


class Folder(msgspec.Struct, frozen=True, kw_only=True):
    """A folder; ``path`` are the names from the outermost to itself, none for the root."""

    key: str
    path: tuple[str, ...]
    #: Which of Safari's own folders it is, or lies in; 0 for none.
    special: int = 0
    is_deleted: bool = False

    @property
    def thread(self) -> StagedThread:
        """The thread of what lies in it."""
        return StagedThread(
            key=self.key,
            title=" / ".join(self.path) or "Bookmarks",
            is_group=False,
            participants=[],
            services=["reading_list" if self.special == READING_LIST else "bookmarks"],
            raw_keys=[self.key],
        )


TOP = Folder(key=TOP_KEY, path=())


def special_of(number: object, title: object) -> int:
    """Return which of Safari's own folders a folder is, by its number or name; 0 for none."""
    if isinstance(number, int) and number in _NAMES:
        return number
    return _TITLES.get(title, 0) if isinstance(title, str) else 0


def below(parent: Folder, *, title: object, special: int, key: object, deleted: bool) -> Folder:
    """Return the folder that lies in *parent*."""
    path = (*parent.path, _NAMES.get(special) or title_of(title) or "")[-_DEEPEST:]
    return Folder(
        key=text_of(key) or key_of("folder", *path),
        path=path,
        special=special or parent.special,
        is_deleted=deleted or parent.is_deleted,
    )


class Folders:
    """All folders of a store by their numbers; rows may lie in each other in circles."""

    def __init__(self, rows: dict[int, Record]) -> None:
        """Take the rows of folders with ``parent``, ``title``, ``special_id``."""
        self._rows = rows
        self._known: dict[int, Folder] = {}

    def find(self, number: object) -> Folder:
        """Return a folder; what lies nowhere lies at the top."""
        chain: list[int] = []
        at = number
        while (
            isinstance(at, int)
            and at in self._rows
            and at not in self._known
            and at not in chain
            and len(chain) < _DEEPEST
        ):
            chain.append(at)
            at = self._rows[at]["parent"]
        folder = self._known.get(at, TOP) if isinstance(at, int) else TOP
        for one in reversed(chain):
            row = self._rows[one]
            if one == 0 or (row["parent"] is None and row["title"] in {None, "", "Root"}):
                folder = TOP
            else:
                folder = below(
                    folder,
                    title=row["title"],
                    special=special_of(row["special_id"], row["title"]),
                    key=row["external_uuid"],
                    deleted=bool(row["deleted"]),
                )
            self._known[one] = folder
        return folder
