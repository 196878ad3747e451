"""The payload of a visit to a page. Only fields that say something are there, but for ``type``."""

from __future__ import annotations

import datetime as dt
from typing import Literal

import msgspec

App = Literal["safari", "chrome", "firefox"]


class WebVisitPayload(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A visit; or, of type ``cleared``, that somebody cleared visits from the history."""

    type: Literal["visit", "cleared"]
    app: App
    #: The browser's profile, by its name and by the browser's own id; none: the first one.
    profile: str | None = None
    profile_key: str | None = None

    #: The page's address, at most 16,384 characters of it, and the host's name.
    url: str | None = None
    is_url_cut: bool = False
    host: str | None = None
    #: What was asked of a search engine.
    searched_for: str | None = None

    #: On which device: this one, or another of the same account.
    origin: Literal["this_device", "icloud"] | None = None
    #: The addresses before and behind a redirect.
    redirected_from: str | None = None
    redirected_to: str | None = None
    #: The page did not load.
    has_failed: bool = False
    #: The page answered a form, not an address alone.
    is_form: bool = False
    #: Safari wrote the visit itself, for a page that was not loaded anew.
    is_synthesized: bool = False
    #: Topics under which Safari files the page.
    topics: tuple[str, ...] = ()
    #: How often the page had been visited: only what keeps no single visits says so (iOS 7).
    visit_count: int | None = None

    #: The span of time that was cleared; no beginning: all before the end.
    cleared_from: dt.datetime | None = None
    cleared_to: dt.datetime | None = None

    #: The browser's own numbers, where they have no word.
    raw: dict[str, int] = {}
