"""What the App Store said of an app when it was bought: ``iTunesMetadata`` of Info.plist.

Source: the names that are known of iTunes' and the phone's own lists. Identities and tokens of
the account, other than its name, are never looked at.
"""

from __future__ import annotations

import base64
import datetime as dt
from typing import Any

from services.indexer.kinds.contact_payload import Image
from services.indexer.kinds.keyed_archive import load_plist
from services.indexer.kinds.phone_time import utc
from services.indexer.kinds.plist_values import date_microseconds, dict_of
from services.indexer.kinds.values import int_of, text_of

_LONGEST = 500
#: As with pictures of contacts: larger ones are said to be there, and not shown.
_LARGEST_ICON_BYTES = 64 * 1024
_MAGIC = ((b"\x89PNG", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"GIF8", "image/gif"))
_DOWNLOAD = "com.apple.iTunesStore.downloadInfo"


def read_metadata(blob: object) -> dict[str, Any] | None:
    """Return the payload's fields that the App Store filled; None when it cannot be read."""
    plist = load_plist(blob)
    if not isinstance(plist, dict):
        return None
    download = dict_of(plist.get(_DOWNLOAD))
    account = dict_of(download.get("accountInfo"))
    return {
        "name": _first(plist, "itemName", "title", "bundleDisplayName"),
        "version": _first(plist, "bundleShortVersionString"),
        "build": _first(plist, "bundleVersion"),
        "artist": _first(plist, "artistName", "playlistArtistName"),
        "genre": _first(plist, "genre"),
        "age_rating": _first(dict_of(plist.get("rating")), "label"),
        "store_id": int_of(plist.get("itemId")),
        "country_code": _first(plist, "storefrontCountryCode"),
        "purchased_at": _date(download.get("purchaseDate")) or _date(plist.get("purchaseDate")),
        "released_at": _date(plist.get("releaseDate")),
        "purchased_by": _first(account, "AppleID") or _first(plist, "appleId", "apple-id"),
        "is_redownload": _yes(plist.get("is-purchased-redownload")),
        "is_automatic": _yes(plist.get("is-auto-download")),
        "is_beta": plist.get("betaExternalVersionIdentifier") not in (None, 0, ""),
        "is_factory": _yes(plist.get("isFactoryInstall")),
    }


def read_icon(blob: object) -> Image | None:
    """Return the icon, with its bytes where these are few."""
    if not isinstance(blob, bytes) or not blob:
        return None
    media_type = next((name for magic, name in _MAGIC if blob.startswith(magic)), None)
    if media_type is None or len(blob) > _LARGEST_ICON_BYTES:
        return Image(media_type=media_type, size_bytes=len(blob))
    return Image(
        media_type=media_type,
        size_bytes=len(blob),
        thumbnail=base64.b64encode(blob).decode(),
        thumbnail_media_type=media_type,
    )


def _first(plist: dict[str, Any], *names: str) -> str | None:
    for name in names:
        value = plist.get(name)
        text = text_of(value[:_LONGEST]) if isinstance(value, str) else None
        if text is not None:
            return text
    return None


def _date(value: object) -> dt.datetime | None:
    """Return a moment; the store writes ``2021-05-03T08:15:00Z``, iTunes may write a date."""
    if isinstance(value, str) and len(value) <= 40:
        try:
            value = dt.datetime.fromisoformat(value.strip())
        except ValueError:
            return None
        if value.tzinfo is not None:
            try:
                value = value.astimezone(dt.UTC)
            except OverflowError:
                return None
    return utc(date_microseconds(value)) if isinstance(value, dt.datetime) else None


def _yes(value: object) -> bool:
    return isinstance(value, bool | int) and bool(value)
