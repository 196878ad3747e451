"""Bookmarks.plist (iPhone OS 1 to 3): folders are lists in lists, and leaves are pages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from services.indexer.kinds.bookmark.folders import MOST_FOLDERS, TOP, Folder, below, special_of
from services.indexer.kinds.protocol import Tally
from services.indexer.kinds.records import note_too_many_parts
from services.indexer.staging import StagedThread

_DEEPEST = 40
#: More than anybody has; a list may name one page again and again, for a byte each.
_MOST_LEAVES = 100_000

#: A page as the list has it, its folder and its place there.
Leaf = tuple[dict[str, Any], Folder, int]


class OldList:
    """The pages of one list; *threads* are those of its folders, by their keys."""

    def __init__(
        self, root: dict[str, Any], threads: dict[str, StagedThread], tally: Tally
    ) -> None:
        """Take the outermost dictionary."""
        self._root = root
        self._threads = threads
        self._tally = tally
        #: Lists that were read. One that stands in several places, or in itself, is a forgery:
        #: read in each of them, a kilobyte of folders would take for ever.
        self._read: set[int] = set()
        self._left = _MOST_LEAVES

    def leaves(self) -> Iterator[Leaf]:
        """Yield all pages in the order of the list."""
        yield from self._leaves(self._root, TOP, 0)

    def _leaves(self, node: dict[str, Any], folder: Folder, depth: int) -> Iterator[Leaf]:
        children = node.get("Children")
        if not isinstance(children, list) or depth > _DEEPEST:
            return
        if id(children) in self._read:
            note_too_many_parts(self._tally)
            return
        self._read.add(id(children))
        for position, child in enumerate(children):
            if self._left == 0:
                note_too_many_parts(self._tally)
                return
            self._left -= 1
            if not isinstance(child, dict):
                self._tally.skipped += 1
            elif "URLString" in child:
                yield child, folder, position
            elif "Children" in child and len(self._threads) < MOST_FOLDERS:
                inner = below(
                    folder,
                    title=child.get("Title"),
                    special=special_of(None, child.get("Title")),
                    key=child.get("WebBookmarkUUID"),
                    deleted=False,
                )
                self._threads.setdefault(inner.key, inner.thread)
                yield from self._leaves(child, inner, depth + 1)
