"""What the phone writes beside a camera's file: extended attributes named ``com.apple.assetsd.…``.

Seen in a real manifest of iOS 14.3: identities as 16 bytes or text, numbers little-endian, dates
as property lists of one date.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping

import msgspec

from services.indexer.kinds.keyed_archive import load_plist
from services.indexer.kinds.photo.times import offset_of
from services.indexer.kinds.values import text_of, uuid_of

_PREFIX = "com.apple.assetsd."
_LONGEST_WORD = 1000
_LONGEST_NUMBER_BYTES = 8


class Attributes(msgspec.Struct, frozen=True, kw_only=True):
    """What they say; None where there are none."""

    key: str | None = None
    original_name: str | None = None
    title: str | None = None
    caption: str | None = None
    taken_at: dt.datetime | None = None
    added_at: dt.datetime | None = None
    time_zone: str | None = None
    offset_seconds: int | None = None
    is_favourite: bool = False
    is_hidden: bool = False
    is_trashed: bool = False
    burst: str | None = None
    burst_pick: int | None = None
    saved_type: int | None = None
    imported_by: int | None = None
    bundle_id: str | None = None
    app_name: str | None = None
    media_group: str | None = None


def read_attributes(found: Mapping[str, bytes] | None) -> Attributes:
    """Read what is known; what is of another form is left out."""
    named = {name.removeprefix(_PREFIX): value for name, value in (found or {}).items()}
    return Attributes(
        key=_identity(named.get("UUID")),
        original_name=_words(named.get("originalFilename")),
        title=_words(named.get("title")),
        caption=_words(named.get("assetDescription")),
        taken_at=_date(named.get("customCreationDate")),
        added_at=_date(named.get("addedDate")),
        time_zone=_words(named.get("timeZoneName")),
        offset_seconds=offset_of(_number(named.get("timeZoneOffset"))),
        is_favourite=bool(_number(named.get("favorite"))),
        is_hidden=bool(_number(named.get("hidden"))),
        is_trashed=bool(_number(named.get("trashed"))),
        burst=_words(named.get("avalanche.UUID")),
        burst_pick=_number(named.get("avalanche.type")),
        saved_type=_number(named.get("assetType")),
        imported_by=_number(named.get("importedBy")),
        bundle_id=_words(named.get("importedByBundleIdentifier"))
        or _words(named.get("creatorBundleID")),
        app_name=_words(named.get("importedByDisplayName")),
        media_group=_words(named.get("mediaGroupUUID")),
    )


def _identity(value: bytes | None) -> str | None:
    if value is not None and len(value) != 16:
        words = _words(value)
        try:
            return None if words is None else str(uuid.UUID(words)).upper()
        except ValueError:
            return None
    return uuid_of(value)


def _words(value: bytes | None) -> str | None:
    if value is None or len(value) > _LONGEST_WORD:
        return None
    return text_of(value.decode("utf-8", "replace"))


def _number(value: bytes | None) -> int | None:
    if value is None or not 0 < len(value) <= _LONGEST_NUMBER_BYTES:
        return None
    return int.from_bytes(value, "little", signed=True)


def _date(value: bytes | None) -> dt.datetime | None:
    date = load_plist(value) if value is not None and len(value) <= _LONGEST_WORD else None
    if not isinstance(date, dt.datetime) or date.tzinfo is not None:
        return None
    # As a photo's own dates: 1826 to 2120.
    return date.replace(tzinfo=dt.UTC) if 1826 <= date.year <= 2120 else None
