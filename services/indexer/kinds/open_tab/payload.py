"""The payload of a tab. Only fields that say something are there, but for ``type``."""

from __future__ import annotations

import datetime as dt
from typing import Literal

import msgspec

#: Open on this phone, open on another device of the same account, or closed not long ago.
Type = Literal["open", "other_device", "recently_closed"]


class Page(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A page that the tab showed before, or would show again after going back."""

    url: str
    title: str | None = None
    is_current: bool = False


class TabPayload(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A tab of Safari."""

    type: Type
    url: str | None = None
    is_url_cut: bool = False
    host: str | None = None
    #: The address that Safari shows, where that is another one.
    shown_url: str | None = None

    #: Where it is: the tab group by the name that people gave it, Safari's profile, the window,
    #: and the place among the tabs there.
    group: str | None = None
    profile: str | None = None
    window: str | None = None
    position: int | None = None
    #: Of another device.
    device: str | None = None
    device_type: str | None = None

    #: A tab of private browsing.
    is_private: bool = False
    is_pinned: bool = False
    #: Only in the store of an older iOS, which the phone no longer uses: it was open back then.
    is_left_behind: bool = False
    #: Closed here, and kept until iCloud knows it.
    is_deleted: bool = False
    #: The tab that its group or window shows.
    is_active: bool = False
    was_opened_from_link: bool = False
    is_showing_reader: bool = False
    is_muted: bool = False

    opened_at: dt.datetime | None = None
    viewed_at: dt.datetime | None = None
    closed_at: dt.datetime | None = None
    #: What Safari wrote down of the page's subject (iOS 18 and later).
    topic: str | None = None

    #: The pages before and behind, in their order; at most a hundred.
    pages: tuple[Page, ...] = ()
