"""The payload of a bookmark. Only fields that say something are there, but for ``type``."""

from __future__ import annotations

import datetime as dt
from typing import Literal

import msgspec


class BookmarkPayload(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A page that somebody kept: a bookmark, or an item of the reading list."""

    type: Literal["bookmark", "reading_list"]
    url: str | None = None
    is_url_cut: bool = False
    host: str | None = None

    #: Names of the folders it lies in, the outermost first; the thread is the innermost.
    folders: tuple[str, ...] = ()
    #: In the folder of favourites, or a folder below.
    is_favorite: bool = False
    is_hidden: bool = False
    #: Deleted on the phone, and kept until iCloud knows it.
    is_deleted: bool = False
    #: Its place in the folder.
    position: int | None = None

    added_at: dt.datetime | None = None
    modified_at: dt.datetime | None = None

    #: Of the reading list: whether it was read and when last, the beginning of its text, the
    #: site's own name, the picture's address, and when its content was fetched.
    is_read: bool | None = None
    viewed_at: dt.datetime | None = None
    preview: str | None = None
    site_name: str | None = None
    image_url: str | None = None
    fetched_at: dt.datetime | None = None
    #: What Safari wrote down of the page's subject (iOS 18 and later).
    topic: str | None = None
    feature_text: str | None = None

    #: The phone's own numbers, where they have no word.
    raw: dict[str, int] = {}
