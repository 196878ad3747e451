"""The filters that a person typed among the words: ``from:anna after:2021 kind:note has:photo``.

Pure code, and strict: a filter that nobody knows or that says nothing that can be meant, or a quote
without an end, is an error in words. What only looks like a filter (``10:30``, ``https://…``,
anything in quotes) is text.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable
from typing import Any, Literal

import msgspec

from services.indexer.search.query import LONGEST_QUESTION

MOST_FILTERS = 20

Has = Literal["attachment", "link", "photo", "video", "audio", "file"]
Removed = Literal["exclude", "include", "only"]

_TOKEN = re.compile(
    r'(?<!\S)(?P<minus>-)?(?P<name>[A-Za-z]{2,12}):(?!//)(?P<value>"[^"]*"|[^\s"]*)(?!\S)'
    r'|"[^"]*"'
)
#: Beginnings of addresses, which people paste.
_SCHEMES = frozenset({"http", "https", "ftp", "mailto", "tel", "sms", "file", "urn", "data"})
_DATE = re.compile(r"(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?\Z")
FILTERS = (
    "from", "with", "in", "kind", "has", "is", "device", "after", "since", "before", "until", "on",
)  # fmt: skip
_HAS: dict[str, Has] = {
    "attachment": "attachment", "attachments": "attachment", "link": "link", "links": "link",
    "photo": "photo", "photos": "photo", "picture": "photo", "image": "photo",
    "video": "video", "videos": "video", "film": "video",
    "audio": "audio", "voice": "audio", "sound": "audio", "file": "file", "document": "file",
}  # fmt: skip
_IS: dict[str, Removed] = {
    "removed": "only", "gone": "only", "deleted": "only", "any": "include", "current": "exclude",
}  # fmt: skip


class FilterError(Exception):
    """A filter cannot be meant; the message is for the person who typed it."""


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """What was typed. Moments are UTC; ``until`` is the first that is too late."""

    #: Names or handles of whom artifacts are from, and of who took part.
    senders: tuple[str, ...] = ()
    people: tuple[str, ...] = ()
    from_me: bool = False
    kinds: tuple[str, ...] = ()
    #: Words of the titles of conversations, albums, folders.
    threads: tuple[str, ...] = ()
    device: str | None = None
    since: dt.datetime | None = None
    until: dt.datetime | None = None
    has: tuple[Has, ...] = ()
    removed: Removed | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing was typed."""
        return self == _NOTHING


def split_filters(text: str, *, kinds: Iterable[str]) -> tuple[Filters, str]:
    """Return the filters in *text*, and the text without them.

    Raises ``FilterError`` in words for people.
    """
    if len(text) > LONGEST_QUESTION:
        raise FilterError(f"A search must not be longer than {LONGEST_QUESTION} characters.")
    if text.count('"') % 2:
        # Quotes are taken two by two, so the last one is the one without an end.
        place = text.rindex('"') + 1
        raise FilterError(
            f"The quote at character {place} is not closed. Put another one behind what belongs"
            " together, or leave it out."
        )
    found = _Found(frozenset(kinds))
    rest: list[str] = []
    end = count = 0
    for match in _TOKEN.finditer(text):
        name = (match["name"] or "").lower()
        if not name or name in _SCHEMES:
            continue
        if not match["value"] and name not in FILTERS:
            continue  # a word with a colon behind it
        count += 1
        if count > MOST_FILTERS:
            raise FilterError(f"A search has at most {MOST_FILTERS} filters.")
        if match["minus"]:
            raise FilterError(
                f"-{name}: filters cannot be turned round. Only words are left out with a minus."
            )
        found.take(name, match["value"].strip('"').strip())
        rest.append(text[end : match.start()])
        end = match.end()
    rest.append(text[end:])
    return Filters(**found.fields), " ".join(" ".join(rest).split())


class _Found:
    """Collects filters; those that can be only one are refused when they come again."""

    def __init__(self, kinds: frozenset[str]) -> None:
        self.fields: dict[str, Any] = {}
        self._kinds = kinds
        self._takers: dict[str, Callable[[str, str], None]] = {
            "from": self._from,
            "with": lambda _, value: self._add("people", value),
            "in": lambda _, value: self._add("threads", value),
            "kind": self._kind,
            "has": self._has,
            "is": self._is,
            "device": lambda name, value: self._set(name, "device", value.upper()),
            "after": self._moment, "since": self._moment,
            "before": self._moment, "until": self._moment, "on": self._moment,
        }  # fmt: skip

    def take(self, name: str, value: str) -> None:
        taker = self._takers.get(name)
        if taker is None:
            raise FilterError(
                f"There is no filter {name}:. There are from:, with:, in:, kind:, has:, is:, "
                "device:, after:, before: and on:. To look for the text itself, put it in quotes."
            )
        if not value:
            raise FilterError(f"{name}: needs something behind it.")
        taker(name, value)

    def _add(self, field: str, value: str) -> None:
        self.fields[field] = (*self.fields.get(field, ()), value)

    def _set(self, name: str, field: str, value: object) -> None:
        if field in self.fields:
            raise FilterError(f"{name}: says again, or against it, what was said before it.")
        self.fields[field] = value

    def _from(self, name: str, value: str) -> None:
        if value.lower() == "me":
            self._set(name, "from_me", value=True)
        else:
            self._add("senders", value)
        if "senders" in self.fields and "from_me" in self.fields:
            raise FilterError("from:me and from: somebody else cannot both be true.")

    def _kind(self, name: str, value: str) -> None:
        kind = value.lower().replace("-", "_")
        if kind not in self._kinds:
            kind = kind.removesuffix("s")
        if kind not in self._kinds:
            raise FilterError(f"{name}: there are the kinds {', '.join(sorted(self._kinds))}.")
        self._add("kinds", kind)

    def _has(self, name: str, value: str) -> None:
        what = _HAS.get(value.lower())
        if what is None:
            raise FilterError(f"{name}: knows attachment, link, photo, video, audio and file.")
        self._add("has", what)

    def _is(self, name: str, value: str) -> None:
        removed = _IS.get(value.lower())
        if removed is None:
            raise FilterError(f"{name}: knows removed, current and any.")
        self._set(name, "removed", removed)

    def _moment(self, name: str, value: str) -> None:
        first, end = _span(name, value)
        if name in ("after", "since", "on"):
            # after:2021 is what people say for "from 2021 on".
            self._set(name, "since", first)
        if name in ("before", "on"):
            self._set(name, "until", first if name == "before" else end)
        if name == "until":
            self._set(name, "until", end)
        since, until = self.fields.get("since"), self.fields.get("until")
        if since is not None and until is not None and since >= until:
            raise FilterError(f"{name}:{value} leaves no time: it begins after it has ended.")


def _span(name: str, value: str) -> tuple[dt.datetime, dt.datetime]:
    """Return the first moment of a year, month or day, and the first after it."""
    match = _DATE.match(value)
    try:
        year, month, day = (int(part or 1) for part in match.groups()) if match else (0, 0, 0)
        first = dt.datetime(year, month, day, tzinfo=dt.UTC)
        if match and match[3]:
            return first, first + dt.timedelta(days=1)
        if match and match[2]:
            return first, first.replace(year=year + month // 12, month=month % 12 + 1)
        return first, first.replace(year=year + 1)
    except (ValueError, OverflowError):
        raise FilterError(
            f"{name}: needs a year, a month or a day, such as 2021, 2021-05 or 2021-05-31."
        ) from None


_NOTHING = Filters()
