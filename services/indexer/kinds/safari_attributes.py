"""What Safari writes beside a bookmark or tab: the plists of its two columns of attributes."""

from __future__ import annotations

from typing import Any

from services.indexer.kinds.keyed_archive import load_plist
from services.indexer.kinds.web import plist_microseconds

READING_LISTS = ("com.apple.ReadingList", "ReadingList")
BOOKMARKS = ("com.apple.Bookmark", "Bookmark")


def read_attributes(*blobs: object) -> dict[str, Any]:
    """Return what the plists of a row say, the first one first; plists may be dicts already."""
    found: dict[str, Any] = {}
    for blob in blobs:
        plist = blob if isinstance(blob, dict) else load_plist(blob)
        if isinstance(plist, dict):
            for name, value in plist.items():
                found.setdefault(str(name), value)
    return found


def part_of(attributes: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """Return the first dictionary of several names; an empty one for none."""
    return next((part for name in names if isinstance(part := attributes.get(name), dict)), {})


def added_microseconds(attributes: dict[str, Any]) -> int | None:
    """Return when it was added, in microseconds since 1970."""
    for part in (part_of(attributes, READING_LISTS), part_of(attributes, BOOKMARKS), attributes):
        at_us = plist_microseconds(part.get("DateAdded") or part.get("dateAdded"))
        if at_us is not None:
            return at_us
    return None
