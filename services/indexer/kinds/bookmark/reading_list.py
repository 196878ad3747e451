"""What a bookmark's attributes say of an item of the reading list."""

from __future__ import annotations

from typing import Any

from services.indexer.kinds.phone_time import utc
from services.indexer.kinds.safari_attributes import READING_LISTS, part_of
from services.indexer.kinds.values import text_of
from services.indexer.kinds.web import LONGEST_URL, plist_microseconds, title_of

_LOCAL = ("com.apple.ReadingListNonSync", "ReadingListNonSync")
_LONGEST_PREVIEW = 20_000


def reading_list_fields(attributes: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a payload that the reading list fills."""
    both = {**attributes, **part_of(attributes, _LOCAL), **part_of(attributes, READING_LISTS)}
    preview = text_of(both.get("PreviewText") or both.get("previewText"))
    image = text_of(both.get("imageURL") or both.get("ThumbnailURL"))
    return {
        "preview": None if preview is None else preview[:_LONGEST_PREVIEW],
        "site_name": title_of(both.get("siteName") or both.get("SiteName")),
        "image_url": None if image is None else image[:LONGEST_URL],
        "viewed_at": utc(plist_microseconds(both.get("DateLastViewed"))),
        "fetched_at": utc(plist_microseconds(both.get("DateLastFetched"))),
    }
