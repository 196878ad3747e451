"""The payload of an app that is on the phone, or left data there."""

from __future__ import annotations

import datetime as dt

import msgspec

from services.indexer.kinds.contact_payload import Image


class HomeScreenPlace(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where the icon is: pages and positions count from 1; the dock has no page."""

    position: int
    page: int | None = None
    is_in_dock: bool = False
    #: The folder around it, and the page and position inside.
    folder: str | None = None
    folder_page: int | None = None
    folder_position: int | None = None


class InstalledAppPayload(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The struct of the kind ``installed_app``."""

    bundle_id: str
    name: str | None = None
    #: False: the backup holds its data, but Info.plist does not list it (Apple's own apps, and
    #: apps that were removed while their data stayed).
    is_listed: bool = True
    is_apple: bool = False

    #: From the App Store.
    version: str | None = None
    build: str | None = None
    artist: str | None = None
    genre: str | None = None
    age_rating: str | None = None
    store_id: int | None = None
    country_code: str | None = None
    purchased_at: dt.datetime | None = None
    released_at: dt.datetime | None = None
    #: The Apple account that bought it.
    purchased_by: str | None = None
    #: Downloaded again, by itself, as a test version, or there from the first day.
    is_redownload: bool = False
    is_automatic: bool = False
    is_beta: bool = False
    is_factory: bool = False

    #: The icon, in the form of a contact's picture.
    image: Image | None = None
    place: HomeScreenPlace | None = None

    #: What the backup holds of it; sizes are the manifest's, None where one is unknown.
    file_count: int = 0
    size_bytes: int | None = None
    domains: tuple[str, ...] = ()
